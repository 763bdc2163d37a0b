extension StringProtocol {
  /// In double quotes, for messages.
  package var quoted: String { "\"\(self)\"" }

  /// Where a substring stands first.
  package func firstRange(of needle: String) -> Range<Index>? {
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(needle) { return start..<index(start, offsetBy: needle.count) }
      start = index(after: start)
    }
    return nil
  }

  /// Without white space at both ends.
  package var trimmed: String {
    var text = Substring(self)
    while text.first?.isWhitespace == true { text.removeFirst() }
    while text.last?.isWhitespace == true { text.removeLast() }
    return String(text)
  }
}

extension UInt8 {
  /// A byte of a text, for messages: `'x'`, or by its number if it cannot be seen.
  package var shown: String {
    self > 0x20 && self < 0x7F ? "'\(Character(Unicode.Scalar(self)))'" : "byte 0x\(String(self, radix: 16))"
  }
}

extension String {
  /// With a capital letter, unless it begins with a command or an id.
  package var capitalisedSentence: String {
    guard let first, first.isLowercase, !hasPrefix("d2-") else { return self }
    return first.uppercased() + dropFirst()
  }
}
