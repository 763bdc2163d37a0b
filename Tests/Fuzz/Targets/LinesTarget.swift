import D2Common
import Glibc
import TestSupport

extension FuzzTarget {
  /// The lines are those of a naive split, whatever the pieces, and the blocks together have the bytes of the input.
  static let lines = FuzzTarget(name: "lines") { input in
    let text = input.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(input.dropFirst(3)) : input
    var naive = text.split(separator: 0x0A, omittingEmptySubsequences: false).map {
      $0.last == 0x0D ? $0.dropLast() : $0
    }
    // There is no line after the last line end, but a byte order mark alone is a line.
    if text.last == 0x0A || input.isEmpty { naive.removeLast() }

    var random = SeededGenerator(input)
    for blockBytes in [1, Int.random(in: 2...100, using: &random), 4096] {
      try checkLines(input, naive, blockBytes)
      try checkBlocks(input, text, blockBytes)
    }
  }

  private static func checkLines(_ input: [UInt8], _ naive: [ArraySlice<UInt8>], _ blockBytes: Int) throws {
    var reader = LineReader(descriptor: InputFile.holding(input), blockBytes: blockBytes)
    var number = 0
    while let line = try reader.next() {
      mustHold(
        number < naive.count && line.bytes.elementsEqual(naive[number]), "line \(number + 1) in blocks of \(blockBytes)"
      )
      number += 1
      mustHold(reader.number == number, "number \(reader.number) of line \(number)")
      mustHold(
        input[reader.offset...].starts(with: line.bytes),
        "line \(number) stands at \(reader.offset), blocks of \(blockBytes)"
      )
    }
    mustHold(number == naive.count, "\(number) lines, not \(naive.count), in blocks of \(blockBytes)")
    mustHold(try reader.next() == nil, "nothing comes behind the end")
    mustHold(reader.bytes == input.count, "\(reader.bytes) bytes, not \(input.count)")
  }

  private static func checkBlocks(_ input: [UInt8], _ text: [UInt8], _ blockBytes: Int) throws {
    var reader = LineReader(descriptor: InputFile.holding(input), blockBytes: blockBytes)
    var all: [UInt8] = []
    while let block = try reader.nextBlock() {
      mustHold(all.isEmpty || all.last == 0x0A, "a block holds whole lines")
      mustHold(block.suffix(PaddedLine.paddingBytes).allSatisfy { $0 == 0x0A }, "line ends stand behind a block")
      all += block.dropLast(PaddedLine.paddingBytes)
    }
    mustHold(all == text, "all bytes come, in blocks of \(blockBytes)")
  }
}

/// A nameless file with the current input. Each read returns as much as the reader has space for.
private enum InputFile {
  private static let descriptor: Int32 = {
    var template = Array("/tmp/d2-fuzz-XXXXXX".utf8CString)
    let file = mkstemp(&template)
    unlink(template)
    return file
  }()

  static func holding(_ input: [UInt8]) -> Int32 {
    let written = input.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
    guard written == input.count, ftruncate(descriptor, off_t(written)) == 0, lseek(descriptor, 0, SEEK_SET) == 0 else {
      fatalError("the input cannot be written")
    }
    return descriptor
  }
}
