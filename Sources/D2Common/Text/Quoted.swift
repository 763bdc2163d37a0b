extension StringProtocol {
  /// The text in double quotes, for messages.
  package var quoted: String { "\"\(self)\"" }

  /// The first occurrence of a substring.
  package func firstRange(of needle: String) -> Range<Index>? {
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(needle) { return start..<index(start, offsetBy: needle.count) }
      start = index(after: start)
    }
    return nil
  }

  /// The text without surrounding white space.
  package var trimmed: String {
    var text = Substring(self)
    while text.first?.isWhitespace == true { text.removeFirst() }
    while text.last?.isWhitespace == true { text.removeLast() }
    return String(text)
  }
}

extension UInt8 {
  /// A byte for messages: `'x'`, or its number if it is not visible.
  package var shown: String {
    self > 0x20 && self < 0x7F ? "'\(Character(Unicode.Scalar(self)))'" : "byte 0x\(String(self, radix: 16))"
  }
}

extension String {
  /// The text with a capital letter, unless it begins with a command or an id.
  package var capitalisedSentence: String {
    guard let first, first.isLowercase, !hasPrefix("d2-") else { return self }
    return first.uppercased() + dropFirst()
  }
}
