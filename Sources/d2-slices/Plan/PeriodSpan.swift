import D2Common

/// How much time a slice holds at least, if periods are shorter.
enum PeriodSpan: String, CaseIterable {
  case month, quarter, year

  /// Dates with the same number lie in the same span.
  private func number(of date: CalendarDate) -> Int {
    switch self {
    case .month: 12 * date.year + date.month
    case .quarter: 4 * date.year + (date.month - 1) / 3
    case .year: date.year
    }
  }

  /// Periods that follow each other and begin in the same span go together: one request for each day or week would cost
  /// more than what it brings.
  func groups(_ periods: [Period]) -> [[Period]] {
    var groups: [[Period]] = []
    for period in periods {
      if let last = groups.last?.last, number(of: last.start) == number(of: period.start),
        last.end.dayNumber + 1 == period.start.dayNumber
      {
        groups[groups.count - 1].append(period)
      } else {
        groups.append([period])
      }
    }
    return groups
  }
}
