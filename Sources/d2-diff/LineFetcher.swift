import D2Common

/// Reads single lines of a side again. This is cheap in the order of the lines.
final class LineFetcher {
  private let side: Side
  private var block: [UInt8]
  private var start = 0
  private var count = 0

  private static let blockBytes = 16 * 1024

  init(_ side: Side) {
    self.side = side
    block = [UInt8](repeating: 0, count: Self.blockBytes + PaddedLine.paddingBytes)
  }

  /// Passes the line at a place to `body`.
  ///
  /// - Throws: `CommandFailure`, 74, if the file has become shorter; errors of `body`.
  func withLine<Result>(at place: LinePlace, _ body: (PaddedLine) throws -> Result) throws -> Result {
    let (offset, length) = (Int(place.offset), Int(place.length))
    if offset < start || offset + length > start + count {
      if length + PaddedLine.paddingBytes > block.count {
        block = [UInt8](repeating: 0, count: length + PaddedLine.paddingBytes)
      }
      let room = block.count - PaddedLine.paddingBytes
      count = try block.withUnsafeMutableBytes {
        try side.bytes(at: offset, into: UnsafeMutableRawBufferPointer(rebasing: $0[..<room]))
      }
      start = offset
      guard count >= length else {
        throw CommandFailure(.cannotRead, "\(side.name) was changed while it was compared")
      }
    }
    let range = (offset - start)..<(offset - start + length)
    return try block.withUnsafeBytes { try body(PaddedLine(range, of: $0)) }
  }
}
