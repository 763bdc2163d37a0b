import CMemory
import D2Client

/// The body of a request for all values of a batch. The values stay where they were read, and are copied only when they
/// are sent.
struct BatchBody: HTTPBody {
  /// Consecutive values, with a line end between two of them.
  struct Run: Sendable {
    /// The block in which they were read, or a copy.
    var block: [UInt8]
    /// The offset of the first value in the block.
    var start: Int
    /// Bytes, up to the end of the last value.
    var length: Int
    /// The offset of the first value in the body. A comma precedes it, unless it is the first of all.
    var offset: Int
  }

  /// The beginning of the body, up to the array's bracket.
  private let header: [UInt8]
  private let runs: [Run]
  let count: Int

  static let ending = Array("]}".utf8)

  init(_ header: [UInt8], _ runs: [Run]) {
    self.header = header
    self.runs = runs
    count = (runs.last.map { $0.offset + $0.length } ?? header.count) + Self.ending.count
  }

  func copy(from offset: Int, into room: UnsafeMutableRawBufferPointer) -> Int {
    var at = offset
    var place = Self.place(of: offset, in: runs)
    let end = min(count, offset + room.count)
    while at < end {
      let rest = UnsafeMutableRawBufferPointer(rebasing: room[(at - offset)..<(end - offset)])
      if at < header.count {
        at += header.copy(from: at, into: rest)
      } else if place == runs.count {
        at += Self.ending.copy(from: at - (count - Self.ending.count), into: rest)
      } else if at < runs[place].offset {
        rest[0] = UInt8(ascii: ",")
        at += 1
      } else {
        at += Self.copy(runs[place], from: at - runs[place].offset, into: rest)
        if at == runs[place].offset + runs[place].length { place += 1 }
      }
    }
    return end - offset
  }

  private static func copy(_ run: Run, from offset: Int, into room: UnsafeMutableRawBufferPointer) -> Int {
    let length = min(run.length - offset, room.count)
    run.block.withUnsafeBytes { block in
      d2_copy_replacing(
        room.baseAddress!, block.baseAddress! + run.start + offset, length, UInt8(ascii: "\n"), UInt8(ascii: ","))
    }
    return length
  }

  /// The first run that ends after an offset of the body.
  static func place(of offset: Int, in runs: [Run]) -> Int {
    var (low, high) = (0, runs.count)
    while low < high {
      let middle = (low + high) / 2
      if runs[middle].offset + runs[middle].length <= offset { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
