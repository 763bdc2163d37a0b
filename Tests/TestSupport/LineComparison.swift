import D2Common

/// The bytes followed by quotes, which a reader that goes too far would read as more text.
package func withPadding<Result>(_ text: [UInt8], _ body: (PaddedLine) throws -> Result) rethrows -> Result {
  try (text + [UInt8](repeating: 0x22, count: PaddedLine.paddingBytes)).withUnsafeBytes { padded in
    try body(PaddedLine(0..<text.count, of: padded))
  }
}

/// Compares the result of `DataValueLine` with that of a slow, obvious reader.
package struct LineComparison {
  /// `nil` if both agree.
  package private(set) var difference: String?
  package private(set) var isAccepted = false

  package init(_ text: [UInt8], _ scratch: DataValueLine.Scratch) {
    let reference = Self.reference(text)
    difference = withPadding(text) { bytes in
      guard let line = try? DataValueLine(bytes, scratch) else {
        return reference == nil ? nil : "refused what is JSON"
      }
      guard let reference else { return "accepted what is not a JSON object" }
      for key in DataValueLine.Key.allCases {
        if let difference = Self.difference(line, key, reference[key]) { return difference }
      }
      return nil
    }
    isAccepted = reference != nil
  }

  /// The values of the keys; `nil` if this is not an object, or begins with a byte order mark. In these points
  /// `DataValueLine` is stricter.
  private static func reference(_ text: [UInt8]) -> [DataValueLine.Key: JSONValue]? {
    guard text.first != 0xEF, let document = try? JSONValue(parsing: text), let members = document.members else {
      return nil
    }
    var values: [DataValueLine.Key: JSONValue] = [:]
    for member in members {
      if let key = DataValueLine.Key.allCases.first(where: { $0.name == member.key }) { values[key] = member.value }
    }
    return values
  }

  private static func difference(_ line: DataValueLine, _ key: DataValueLine.Key, _ expected: JSONValue?) -> String? {
    let kind = line[key].kind
    let text = line.text(key)
    let same =
      switch expected {
      case nil: kind == .absent && text == nil
      case .null?: kind == .null && text == nil
      case .string(let string)?: kind == .string && text == string
      case .number(let spelling)?: kind == .number && text == spelling
      case .bool(let flag)?: kind == .boolean && text == (flag ? "true" : "false")
      case .object?: kind == .object && text.flatMap { try? JSONValue(parsing: $0) } == expected
      case .array?: kind == .array && text.flatMap { try? JSONValue(parsing: $0) } == expected
      }
    return same ? nil : "\(key): \(kind) \(text ?? "nil") instead of \(expected.map(\.text) ?? "nothing")"
  }
}
