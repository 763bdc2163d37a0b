/// One of DHIS2's periods, in the ISO (Gregorian) calendar.
package struct Period: Sendable, Hashable, CustomStringConvertible {
  /// The spelling that DHIS2 prints: `202401`, `2024W1`, `2024Nov`.
  package let id: String
  package let type: PeriodType
  /// The first day.
  package let start: CalendarDate
  /// The last day, which is in the period.
  package let end: CalendarDate

  /// The period that DHIS2 makes of an id, in any spelling that it reads; `nil` if it reads none (`PeriodSpelling`).
  package init?(id: some StringProtocol) {
    guard let period = PeriodSpelling.read(Array(id.utf8)) else { return nil }
    self = period
  }

  /// What `PeriodType.period(containing:)` found; the number is that in the year, for a day month and day (`1231`).
  init(type: PeriodType, year: Int, number: Int, start: CalendarDate, end: CalendarDate) {
    self.id = PeriodSpelling.text(type, year: year, number: number)
    self.type = type
    self.start = start
    self.end = end
  }

  /// The period of the type that comes next.
  package var next: Period { type.period(containing: end.adding(days: 1)) }

  package var description: String { id }
}
