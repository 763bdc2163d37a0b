import D2Client
import D2Common
import D2Hash
import D2Store
import Glibc
import Synchronization

/// The values that earlier increments of the same data set and units delivered, as keyed hashes of their lines. They
/// are in the overlap, and need not be written again. It also records the values of this run for the next increment.
///
/// A line counts as delivered only if it is identical byte for byte, including the time of its last change. It must
/// also come from an increment with an earlier start. So a rerun delivers all of its own lines.
final class DeliveredValues: Sendable {
  private let file: String
  private let next: String
  private let since: String
  private let key: ValueHasher.Key
  private let known: [ValueHash]
  private let digests = Mutex<[ValueHash]>([])
  private let begin = Mutex<UTCTime?>(nil)

  /// The most hashes to keep: 24 MB.
  private static let most = 1_500_000
  private static let longestOverlapSeconds = 26 * 3600
  private static let marginSeconds = 2

  /// - Returns: `nil` outside of a worker of the ledger.
  init?(_ slice: Slice, environment: [String: String], now: UTCTime) {
    guard slice.kind == .dataValues, let file = environment[DeliveredFolder.variable], !file.isEmpty else { return nil }
    self.file = file
    since = slice.since
    next = "\(file).\(slice.id)"
    let kept = Self.read(file, before: slice.since, now: now)
    key = kept?.key ?? ValueHasher.Key()
    known = kept?.digests ?? []
  }

  /// - Parameter time: the source's time before the values are requested.
  func begins(at time: UTCTime) { begin.withLock { $0 = time } }

  /// The range of times of the values to record. Earlier values are in no overlap of the next increment. Values from
  /// the last moment are uncertain, because exports have seconds only, and a value may change twice within one. `nil`
  /// if the source does not report the time.
  var noted: (from: UTCTime, until: UTCTime)? {
    begin.withLock { $0 }.map { begin in
      (
        UTCTime(seconds: begin.seconds - Self.longestOverlapSeconds),
        UTCTime(seconds: begin.seconds - Self.marginSeconds)
      )
    }
  }

  // MARK: Lines

  func digest(of line: UnsafeRawBufferPointer) -> ValueHash {
    let isEnded = line.last == UInt8(ascii: "\n")
    return key.hash(UnsafeRawBufferPointer(rebasing: isEnded ? line.dropLast() : line[...]))
  }

  func holds(_ digest: ValueHash) -> Bool {
    var (low, high) = (0, known.count)
    while low < high {
      let middle = (low + high) / 2
      if known[middle] < digest { low = middle + 1 } else { high = middle }
    }
    return low < known.count && known[low] == digest
  }

  /// Records lines of a complete answer.
  func note(_ digests: [ValueHash]) {
    self.digests.withLock { noted in noted += digests.prefix(max(0, Self.most - noted.count)) }
  }

  // MARK: The file

  /// Writes the record to a second file. The worker renames it when all values have arrived.
  func write() {
    let header = "d2-delivered 1\n\(since)\n".utf8
    digests.withLock { noted in
      noted.sort()
      guard let output = try? ReplacedFile(next, mode: 0o600) else { return }
      try? output.write(Array(header) + key.bytes)
      noted.withUnsafeBytes { bytes in
        // In pieces, to avoid a second copy in memory.
        for start in stride(from: 0, to: bytes.count, by: 1 << 20) {
          try? output.write(Array(bytes[start..<min(start + 1 << 20, bytes.count)]))
        }
      }
      try? output.finish()
    }
  }

  private static func read(_ file: String, before since: String, now: UTCTime) -> (
    key: ValueHasher.Key, digests: [ValueHash]
  )? {
    var status = stat()
    guard !since.isEmpty, stat(file, &status) == 0, status.st_uid == geteuid(),
      now.seconds - status.st_mtim.tv_sec < longestOverlapSeconds,
      let bytes = try? FileBytes.read(file, atMost: 2 * most * MemoryLayout<ValueHash>.size)
    else { return nil }
    let lines = bytes.prefix(100).split(separator: UInt8(ascii: "\n"), maxSplits: 2, omittingEmptySubsequences: false)
    guard lines.count == 3, lines[0].elementsEqual("d2-delivered 1".utf8),
      String(decoding: lines[1], as: UTF8.self) < since
    else { return nil }
    let begin = lines[2].startIndex
    let body = bytes.dropFirst(begin + ValueHasher.Key.count)
    guard bytes.count >= begin + ValueHasher.Key.count, body.count % MemoryLayout<ValueHash>.size == 0 else {
      return nil
    }
    let digests = [ValueHash](unsafeUninitializedCapacity: body.count / MemoryLayout<ValueHash>.size) { buffer, count in
      UnsafeMutableRawBufferPointer(buffer).copyBytes(from: body)
      count = buffer.count
    }
    // A file that somebody changed may not be sorted.
    return (ValueHasher.Key(bytes: Array(bytes[begin..<begin + ValueHasher.Key.count])), digests.sorted())
  }
}
