/// The bytes of a line, after which more can be read. JSON's structure is looked for in blocks of 64 bytes, and the
/// last block may begin with the line's last byte.
public struct PaddedLine {
  /// So many bytes can be read after a line.
  public static let paddingBytes = 64

  /// Those of the line alone.
  public let bytes: UnsafeRawBufferPointer

  /// The bytes of a buffer that reaches at least `paddingBytes` beyond them.
  @inline(__always)
  public init(_ range: Range<Int>, of buffer: UnsafeRawBufferPointer) {
    precondition(range.upperBound + Self.paddingBytes <= buffer.count, "a line without its padding")
    bytes = UnsafeRawBufferPointer(rebasing: buffer[range])
  }

  /// Hands on a padded copy of a line whose bytes end where they end.
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

  /// Whether it is empty or white space.
  @inline(__always)
  public var isBlank: Bool { bytes.allSatisfy { $0 <= 0x20 } }
}
