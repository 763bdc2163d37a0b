/// What may stand where a value names an option combo.
extension DataValueLine {
  /// Whether the combo is left out or named by an id. What is null, empty or an object stands for a combo, and says not
  /// which: two such values may be of two combos.
  @inline(__always)
  public func namesOrOmitsCombo(_ key: Key) -> Bool {
    let field = self[key]
    return field.kind == .string && field.length > 0 || field.kind == .absent || field.kind == .number
  }

  /// What is wrong with an option combo that is neither left out nor named by an id; `nil` if nothing is.
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

  /// What to do about combos that have no id in the scheme that was asked for.
  public static let combosByUID =
    "pull the combos by uid (--category-option-combo-id-scheme UID --attribute-option-combo-id-scheme UID)"
}
