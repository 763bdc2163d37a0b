import D2Common

/// What stands at the top of a document (a dataValueSet, a group of ADX) for all its values.
public struct DocumentHeader: Sendable {
  /// `dataSet`, `period`, `orgUnit` and `attributeOptionCombo`, as the bytes of JSON that are their value: `"202401"`,
  /// with the quotes.
  public var members: [ValueField: [UInt8]] = [:]
  /// When the data set was completed, as it stands there.
  public var completeDate: String?
  /// The schemes of its ids: such as `dataElementIdScheme` and `CODE`.
  public var idSchemes: [(key: String, scheme: String)] = []

  /// Nothing stands there.
  public init() {}
}
