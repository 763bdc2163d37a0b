import CMemory

/// Bytes such as `"period":"` that are looked for in the line of a value, which is faster than to read all of it. No
/// text of a value can hold them: its quotes would be escaped.
public struct LinePattern: Sendable {
  private let bytes: [UInt8]

  /// A pattern that begins with the quote of a key.
  public init(_ text: String) { bytes = Array(text.utf8) }

  /// What stands after the quote that begins the text of a key.
  public init(textOf key: String) { self.init("\"\(key)\":\"") }

  /// Whether the line has it.
  public func isIn(_ line: UnsafeRawBufferPointer) -> Bool { end(in: line) != nil }

  /// The text that begins after it, up to the next quote.
  public func text(in line: UnsafeRawBufferPointer) -> Slice<UnsafeRawBufferPointer>? {
    guard let begin = end(in: line), let end = line[begin...].firstIndex(of: UInt8(ascii: "\"")) else { return nil }
    return line[begin..<end]
  }

  /// The place after it.
  private func end(in line: UnsafeRawBufferPointer) -> Int? {
    guard let base = line.baseAddress else { return nil }
    let offset = bytes.withUnsafeBytes { d2_find(base, line.count, $0.baseAddress!, $0.count) }
    return offset < 0 ? nil : offset + bytes.count
  }
}
