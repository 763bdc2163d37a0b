/// Checks the option combos of values.
extension DataValueLine {
  /// Whether the combo is missing or an id. Null, an empty text or an object means a combo, but not which one. So two
  /// such values may belong to two combos.
  @inline(__always)
  public func namesOrOmitsCombo(_ key: Key) -> Bool {
    let field = self[key]
    return field.kind == .string && field.length > 0 || field.kind == .absent || field.kind == .number
  }

  /// The problem with an option combo that is neither missing nor an id; `nil` if there is none.
  public func comboProblem(_ key: Key) -> String? {
    if namesOrOmitsCombo(key) { return nil }
    let kind =
      switch self[key].kind {
      case .string: "empty"
      case .object: "an object"
      case .array: "an array"
      case .boolean: "true or false"
      case .absent, .null, .number: "null"
      }
    return "\"\(key.name)\" is \(kind), which does not name a combo: \(Self.combosByUID)"
  }

  /// The advice for combos without an id in the requested scheme.
  public static let combosByUID =
    "pull the combos by uid (--category-option-combo-id-scheme UID --attribute-option-combo-id-scheme UID)"
}
