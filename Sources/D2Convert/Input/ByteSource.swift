/// A source of bytes: a file, the content of a compressed file, or a text in another encoding.
public protocol ByteSource: AnyObject {
  /// The name for messages: `export.csv`, `standard input`, `export.zip (data.csv)`.
  var name: String { get }

  /// Writes the next bytes into a buffer of at least 4096 bytes, and returns how many; 0 at the end.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int
}
