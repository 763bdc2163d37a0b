/// The counts of a conversion, for its final messages.
public struct ConversionCounts: Sendable {
  /// Values that were read and written.
  public var values = 0
  /// Registrations of completeness that were read and written.
  public var registrations = 0
  /// `completeDate`s at the top of documents that were written as registrations.
  public var completions = 0
  /// `completeDate`s that were left out.
  public var completionsLeftOut = 0
  /// Values with and without a category option combo.
  public var categoryCombos = Presence()
  /// Values with and without an attribute option combo.
  public var attributeCombos = Presence()
  /// Values that do not name their data set.
  var withoutDataSet = 0
  /// Values whose option combo consists of categories and their options.
  public var combosByOptions = 0
  /// The id schemes that documents name, by their keys.
  public var idSchemes: [String: String] = [:]
  /// Values with a field that the output form cannot hold, by field.
  public var leftOut = [Int](repeating: 0, count: ValueField.allCases.count)
  /// Deleted values, which a wide sheet cannot hold.
  public var deletedLeftOut = 0
  /// Values whose quotes or line breaks DHIS2 2.43 misreads from CSV.
  public var hardForCSV = 0
  /// Values that look like numbers with a decimal comma.
  public var decimalCommas = 0

  /// How many values have a field, and how many lack it.
  public struct Presence: Sendable, Equatable {
    /// How many have it.
    public var with = 0
    /// How many lack it.
    public var without = 0
  }

  /// All counts at zero.
  public init() {}
}
