import D2Common

/// One `filter=property:operator:value`.
struct MetadataFilter {
  /// Why a filter is refused.
  struct Refused: Error {
    let message: String
  }

  let path: [String]
  private let test: @Sendable ([JSONValue]) -> Bool

  init(_ text: String) throws(Refused) {
    let parts = text.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
    guard parts.count >= 2 else { throw Refused(message: "Invalid filter: \(text)") }
    path = parts[0].split(separator: ".").map(String.init)
    test = try MetadataFilter.test(parts[1], parts.count == 3 ? parts[2] : "")
  }

  func matches(_ values: [JSONValue]) -> Bool { test(values) }

  private typealias Test = @Sendable ([JSONValue]) -> Bool

  private static func test(_ name: String, _ operand: String) throws(Refused) -> Test {
    if name.hasPrefix("!") {
      let positive = try test(String(name.dropFirst()), operand)
      return { !positive($0) }
    }
    func any(_ matches: @escaping @Sendable (String) -> Bool) -> Test {
      { values in values.contains { $0.scalarText.map(matches) ?? false } }
    }
    let lower = operand.lowercased()
    switch name {
    case "eq": return any { $0 == operand }
    case "ieq": return any { $0.lowercased() == lower }
    case "ne", "neq": return { values in !values.contains { $0.scalarText == operand } }
    case "gt": return any { order($0, operand) > 0 }
    case "ge", "gte": return any { order($0, operand) >= 0 }
    case "lt": return any { order($0, operand) < 0 }
    case "le", "lte": return any { order($0, operand) <= 0 }
    case "like": return any { $0.contains(operand) }
    case "$like": return any { $0.hasPrefix(operand) }
    case "like$": return any { $0.hasSuffix(operand) }
    case "ilike": return any { $0.lowercased().contains(lower) }
    case "$ilike", "startsWith": return any { $0.lowercased().hasPrefix(lower) }
    case "ilike$", "endsWith": return any { $0.lowercased().hasSuffix(lower) }
    case "token":
      let words = lower.split(separator: " ").map(String.init)
      return any { text in words.allSatisfy { text.lowercased().contains($0) } }
    case "in":
      let list = Set(operand.filter { $0 != "[" && $0 != "]" }.split(separator: ",").map(String.init))
      return any { list.contains($0) }
    case "null": return { values in !values.contains { $0 != .null } }
    case "empty": return { $0.isEmpty }
    default: throw Refused(message: "`\(name)` is not a valid operator.")
    }
  }

  /// Compares numbers by value, and everything else as text.
  static func order(_ a: String, _ b: String) -> Int {
    if let x = Double(a), let y = Double(b) { return x < y ? -1 : x > y ? 1 : 0 }
    return a < b ? -1 : a > b ? 1 : 0
  }
}
