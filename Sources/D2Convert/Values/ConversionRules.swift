/// The user's options for values in any form.
public struct ConversionRules: Sendable {
  /// Which DHIS2 version's rule applies if both a value and the top of its document have a field.
  public enum Version: String, CaseIterable, Sendable {
    /// The field of the top wins.
    case upTo42 = "2.42"
    /// The field of the value wins.
    case from43 = "2.43"
  }

  /// The rule for the fields at the top of documents.
  public var asOf = Version.from43
  /// Fields for values that lack them, if their documents lack them too.
  public var constants: [ValueField: String] = [:]

  /// The default: the values win, and there are no constants.
  public init() {}
}
