import D2Common

/// The least time that a slice covers, if its periods are shorter.
enum PeriodSpan: String, CaseIterable {
  case month, quarter, year

  /// A number that dates of the same span share.
  private func number(of date: CalendarDate) -> Int {
    switch self {
    case .month: 12 * date.year + date.month
    case .quarter: 4 * date.year + (date.month - 1) / 3
    case .year: date.year
    }
  }

  /// Groups consecutive periods that begin in the same span. A request for each day or week would cost more than its
  /// data.
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
