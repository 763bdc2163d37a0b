/// The bytes of a line, with readable memory after them. The JSON scan reads blocks of 64 bytes, and the last block may
/// begin with the line's last byte.
public struct PaddedLine {
  /// How many bytes after a line are readable.
  public static let paddingBytes = 64

  /// The bytes of the line alone.
  public let bytes: UnsafeRawBufferPointer

  /// A range of a buffer that extends at least `paddingBytes` beyond it.
  @inline(__always)
  public init(_ range: Range<Int>, of buffer: UnsafeRawBufferPointer) {
    precondition(range.upperBound + Self.paddingBytes <= buffer.count, "a line without its padding")
    bytes = UnsafeRawBufferPointer(rebasing: buffer[range])
  }

  /// Passes a padded copy of a line to `body`, for a line without padding.
  public static func copying<Result, Failure: Error>(
    _ line: some Collection<UInt8>, _ body: (PaddedLine) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    var padded = Array(line)
    let range = 0..<padded.count
    padded += repeatElement(0, count: paddingBytes)
    return try padded.withUnsafeBufferPointer { buffer throws(Failure) in
      try body(PaddedLine(range, of: UnsafeRawBufferPointer(buffer)))
    }
  }

  /// Whether it contains only white space.
  @inline(__always)
  public var isBlank: Bool { bytes.allSatisfy { $0 <= 0x20 } }
}
