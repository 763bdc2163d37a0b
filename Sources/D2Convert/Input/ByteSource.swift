/// Where bytes come from: a file, the inside of a compressed one, a text in another encoding.
public protocol ByteSource: AnyObject {
  /// What it is called in messages: `export.csv`, `standard input`, `export.zip (data.csv)`.
  var name: String { get }

  /// Writes the next bytes into a buffer, which is at least 4096 bytes large, and says how many; 0 at the end.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int
}
