/// The fields of a data value: the keys of DHIS2's JSON, in the order of its CSV columns. The CSV has no columns for
/// `created` and `dataSet`.
public enum ValueField: Int, CaseIterable, Sendable {
  case dataElement, period, orgUnit, categoryOptionCombo, attributeOptionCombo, value, storedBy, lastUpdated, comment
  case followup, deleted, created, dataSet

  /// The key in JSON, and the attribute in XML.
  public var key: String { "\(self)" }

  /// The column in DHIS2's CSV: the key in lower case.
  public var column: String { key.lowercased() }

  /// Whether the field is a boolean.
  public var isFlag: Bool { self == .followup || self == .deleted }

  /// Whether the field names an object that has a name.
  public var isID: Bool { rawValue <= ValueField.attributeOptionCombo.rawValue && self != .period }
}
