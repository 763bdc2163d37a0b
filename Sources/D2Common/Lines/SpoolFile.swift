/// Holds an answer back in a temporary file until it is trusted.
package final class SpoolFile: LineSink {
  private let file: TemporaryFile
  package private(set) var bytes = 0

  /// - Throws: `CommandFailure`, 73.
  package init(environment: [String: String]) throws(CommandFailure) {
    file = try TemporaryFile(environment: environment)
  }

  package func write(_ carried: UnsafeRawBufferPointer, _ lines: UnsafeRawBufferPointer, lineEndMissing: Bool) throws {
    try append(carried)
    try append(lines)
    if lineEndMissing { try withUnsafeBytes(of: UInt8(ascii: "\n")) { try append($0) } }
  }

  /// Writes a line.
  ///
  /// - Throws: `CommandFailure`, 73.
  package func line(_ text: String) throws {
    var bytes = Array(text.utf8)
    bytes.append(UInt8(ascii: "\n"))
    try bytes.withUnsafeBytes { try append($0) }
  }

  private func append(_ piece: UnsafeRawBufferPointer) throws(CommandFailure) {
    try file.append(piece)
    bytes += piece.count
  }

  /// Removes the content.
  package func empty() {
    file.empty()
    bytes = 0
  }

  /// Passes the whole content on, in pieces of whole lines. Others may write between the pieces.
  package func copy(into sink: inout some LineSink) throws {
    var block = [UInt8](repeating: 0, count: 256 * 1024)
    var offset = 0
    while offset < bytes {
      let got = try block.withUnsafeMutableBytes { try file.read(at: offset, into: $0) }
      guard got > 0 else { throw CommandFailure(.cannotRead, "a temporary file is shorter than what was written") }
      let isRest = offset + got >= bytes
      guard let lineEnd = isRest ? got - 1 : block[..<got].lastIndex(of: UInt8(ascii: "\n")) else {
        // The line is longer than the block.
        block = [UInt8](repeating: 0, count: block.count * 2)
        continue
      }
      offset += lineEnd + 1
      try block.withUnsafeBytes { block in
        try sink.write(
          UnsafeRawBufferPointer(start: nil, count: 0), UnsafeRawBufferPointer(rebasing: block[...lineEnd]),
          lineEndMissing: false)
      }
    }
  }
}
