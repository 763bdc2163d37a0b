/// What a data value has: the keys of DHIS2's JSON, in the order of the columns of its CSV. The CSV has no columns for
/// `created` and `dataSet`.
public enum ValueField: Int, CaseIterable, Sendable {
  case dataElement, period, orgUnit, categoryOptionCombo, attributeOptionCombo, value, storedBy, lastUpdated, comment
  case followup, deleted, created, dataSet

  /// The key in JSON, and the attribute in XML.
  public var key: String { "\(self)" }

  /// The column in DHIS2's CSV: the key without capitals.
  public var column: String { key.lowercased() }

  /// Whether it is true or false.
  public var isFlag: Bool { self == .followup || self == .deleted }

  /// Whether it names an object that has a name of its own.
  public var isID: Bool { rawValue <= ValueField.attributeOptionCombo.rawValue && self != .period }
}
