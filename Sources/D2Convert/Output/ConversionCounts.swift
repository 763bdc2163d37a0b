/// What a conversion did, for the lines that it ends with.
public struct ConversionCounts: Sendable {
  /// Values that were read and written.
  public var values = 0
  /// Registrations of completeness, likewise.
  public var registrations = 0
  /// `completeDate`s at the top of documents that were written as registrations.
  public var completions = 0
  /// Those that were left out.
  public var completionsLeftOut = 0
  /// Values with and without each kind of option combo.
  public var categoryCombos = Presence()
  /// The same of attribute option combos.
  public var attributeCombos = Presence()
  /// Values that do not name their data set.
  var withoutDataSet = 0
  /// Values whose option combo is given by categories and their options.
  public var combosByOptions = 0
  /// The id schemes that documents name, by their keys.
  public var idSchemes: [String: String] = [:]
  /// Values that had something which the written form has no place for, by the field.
  public var leftOut = [Int](repeating: 0, count: ValueField.allCases.count)
  /// Deleted values, which a wide sheet has no place for.
  public var deletedLeftOut = 0
  /// Values whose quotes or line breaks DHIS2 2.43 does not read from CSV.
  public var hardForCSV = 0
  /// Values that look like numbers with a decimal comma.
  public var decimalCommas = 0

  /// How many values have something, and how many lack it.
  public struct Presence: Sendable, Equatable {
    /// How many have it.
    public var with = 0
    /// How many lack it.
    public var without = 0
  }

  /// Nothing was read.
  public init() {}
}
