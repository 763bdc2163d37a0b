/// One of DHIS2's periods, in the ISO (Gregorian) calendar.
package struct Period: Sendable, Hashable, CustomStringConvertible {
  /// DHIS2's spelling: `202401`, `2024W1`, `2024Nov`.
  package let id: String
  package let type: PeriodType
  /// The first day.
  package let start: CalendarDate
  /// The last day; it belongs to the period.
  package let end: CalendarDate

  /// The period with an id, in any spelling that DHIS2 reads; `nil` if it reads none (`PeriodSpelling`).
  package init?(id: some StringProtocol) {
    guard let period = PeriodSpelling.read(Array(id.utf8)) else { return nil }
    self = period
  }

  /// A result of `PeriodType.period(containing:)`. The number is that in the year; for a day it is month and day
  /// (`1231`).
  init(type: PeriodType, year: Int, number: Int, start: CalendarDate, end: CalendarDate) {
    self.id = PeriodSpelling.text(type, year: year, number: number)
    self.type = type
    self.start = start
    self.end = end
  }

  /// The next period of the type.
  package var next: Period { type.period(containing: end.adding(days: 1)) }

  package var description: String { id }
}
