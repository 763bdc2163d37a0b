import D2Common

/// The fields at the top of a document (a dataValueSet, a group of ADX) that apply to all its values.
public struct DocumentHeader: Sendable {
  /// `dataSet`, `period`, `orgUnit` and `attributeOptionCombo`, as JSON bytes: `"202401"`, with the quotes.
  public var members: [ValueField: [UInt8]] = [:]
  /// The date when the data set was completed, verbatim.
  public var completeDate: String?
  /// The schemes of its ids, for example `dataElementIdScheme` and `CODE`.
  public var idSchemes: [(key: String, scheme: String)] = []

  /// A header without fields.
  public init() {}
}
