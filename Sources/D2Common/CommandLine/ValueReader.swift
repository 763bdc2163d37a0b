/// Parses the value of an option.
package struct ValueReader<Parsed: Sendable>: Sendable {
  /// The placeholder in the help: `TIME`.
  let name: String
  /// The expected value, for the error message: `a duration such as 90s, 15m or 2h`.
  let expected: String
  /// The possible words, for completions; empty if any text is possible.
  let choices: [String]
  fileprivate let read: @Sendable (String) -> Parsed?

  package init(
    _ name: String, _ expected: String, choices: [String] = [], read: @escaping @Sendable (String) -> Parsed?
  ) {
    self.name = name
    self.expected = expected
    self.choices = choices
    self.read = read
  }

  func value(of text: String, of option: String) throws(CommandFailure) -> Parsed {
    guard let value = read(text) else { throw CommandFailure(.usage, "\(option) \(text.quoted): \(expected)") }
    return value
  }
}

extension ValueReader where Parsed == Int {
  /// A whole number within bounds.
  package static func number(in range: ClosedRange<Int>) -> Self {
    Self("N", "a whole number from \(range.lowerBound) to \(range.upperBound)") { text in
      Int(text).flatMap { range.contains($0) ? $0 : nil }
    }
  }

  /// A number of bytes: `65536`, `64K`, `8M`.
  package static var size: Self { Self("BYTES", "a number of bytes such as 65536, 64K or 8M", read: bytes) }

  /// A number of bytes, or 0.
  package static var sizeOrNone: Self {
    Self("BYTES", "0, or a number of bytes such as 64K, 8M or 2G") { text in text == "0" ? 0 : bytes(text) }
  }

  private static func bytes(_ text: String) -> Int? {
    let units: [Character: Int] = ["K": 1 << 10, "k": 1 << 10, "M": 1 << 20, "G": 1 << 30]
    let unit = text.last.flatMap { units[$0] }
    let product = Int(unit == nil ? text : String(text.dropLast()))?.multipliedReportingOverflow(by: unit ?? 1)
    guard let product, !product.overflow, (1..<(1 << 40)).contains(product.partialValue) else { return nil }
    return product.partialValue
  }
}

extension ValueReader where Parsed == Int? {
  /// A whole number within bounds, or a word that means `nil`.
  package static func number(in range: ClosedRange<Int>, or word: String) -> Self {
    let number = ValueReader<Int>.number(in: range)
    return Self("N|\(word)", number.expected) { text in text == word ? .some(nil) : number.read(text).map(Optional.some)
    }
  }
}

extension ValueReader where Parsed == Double {
  /// A duration in seconds: `90`, `90s`, `15m`, `2h`.
  package static var duration: Self {
    Self("TIME", "a duration such as 90s, 15m or 2h") { text in
      let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600]
      let unit = text.last.flatMap { units[$0] }
      // Far beyond any real use, and still safe when counted in milliseconds.
      guard let number = Double(unit == nil ? text : String(text.dropLast())), (0...1e9).contains(number) else {
        return nil
      }
      return number * (unit ?? 1)
    }
  }
}

extension ValueReader where Parsed == Quota {
  /// A number of values, or a percentage of them.
  package static var quota: Self { Self("N|P%", "a number of values, or a share such as 1%") { Quota($0) } }
}

extension ValueReader where Parsed: CaseIterable & RawRepresentable<String> {
  /// One of the raw values of a type's cases.
  package static func one(of type: Parsed.Type) -> Self {
    let words = type.allCases.map(\.rawValue)
    return Self(words.joined(separator: "|"), "one of \(words.joined(separator: ", "))", choices: words) {
      Parsed(rawValue: $0)
    }
  }
}
