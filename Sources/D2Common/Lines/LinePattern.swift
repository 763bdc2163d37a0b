import CMemory

/// Bytes like `"period":"` to search for in the line of a value, which is faster than parsing it. A value's text cannot
/// contain them, because its quotes would be escaped.
public struct LinePattern: Sendable {
  private let bytes: [UInt8]

  /// A pattern that begins with the quote of a key.
  public init(_ text: String) { bytes = Array(text.utf8) }

  /// A pattern for the text of a key, up to its opening quote.
  public init(textOf key: String) { self.init("\"\(key)\":\"") }

  /// Whether the line has it.
  public func isIn(_ line: UnsafeRawBufferPointer) -> Bool { end(in: line) != nil }

  /// The text after the pattern, up to the next quote.
  public func text(in line: UnsafeRawBufferPointer) -> Slice<UnsafeRawBufferPointer>? {
    guard let begin = end(in: line), let end = line[begin...].firstIndex(of: UInt8(ascii: "\"")) else { return nil }
    return line[begin..<end]
  }

  /// The offset after the pattern.
  private func end(in line: UnsafeRawBufferPointer) -> Int? {
    guard let base = line.baseAddress else { return nil }
    let offset = bytes.withUnsafeBytes { d2_find(base, line.count, $0.baseAddress!, $0.count) }
    return offset < 0 ? nil : offset + bytes.count
  }
}
