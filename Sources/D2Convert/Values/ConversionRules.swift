/// What the user says about values, whatever form they come in.
public struct ConversionRules: Sendable {
  /// Whose rule says which one counts of what a value says and what stands at the top of its document.
  public enum Version: String, CaseIterable, Sendable {
    /// The top counts.
    case upTo42 = "2.42"
    /// The value counts.
    case from43 = "2.43"
  }

  /// The rule for what stands at the top of documents.
  public var asOf = Version.from43
  /// For values that lack a field, and documents that lack it too.
  public var constants: [ValueField: String] = [:]

  /// Values count, and nothing is given.
  public init() {}
}
