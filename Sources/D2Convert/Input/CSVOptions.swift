import D2Common

/// The format of a table, from the options of the user.
package struct CSVOptions: Sendable {
  /// The character between cells; detected if there is no option.
  package var separator: UInt8?
  /// Whether the first row names the columns. If not, the columns are those of DHIS2's CSV.
  package var hasHeader = true
  /// Whether `12,5` means the number 12.5.
  package var hasDecimalCommas = false
  /// The type of the periods that Excel turned into dates.
  package var periodType: PeriodType?

  /// The format of a table with a header.
  package init() {}
}
