import D2Common

/// How a table is written: what the user says of it, and what its first row tells.
package struct CSVOptions: Sendable {
  /// The character between cells; found automatically if there is no option.
  package var separator: UInt8?
  /// Whether the first row names the columns; if not, they are those of DHIS2's CSV.
  package var hasHeader = true
  /// Whether `12,5` is the number 12.5.
  package var hasDecimalCommas = false
  /// The type of the periods that Excel turned into dates.
  package var periodType: PeriodType?

  /// A table with a header.
  package init() {}
}
