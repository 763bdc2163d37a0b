import D2Common

/// Consecutive months, counted from year 0, divided where periods begin and end. A year of monthly periods has twelve
/// columns, one of quarterly periods has four. Years long ago have one column each.
struct TimeAxis: Sendable {
  struct Column: Sendable, Equatable {
    let months: Range<Int>
    /// `Jan`, `Jan–Mar`, or empty if it is the whole year.
    let label: String
    /// `2024`; `to 1999` for everything older than the other columns.
    let year: String
  }

  let columns: [Column]

  /// Nobody would look through more columns.
  private static let mostColumns = 72
  /// The most years that are folded; older ones share a column.
  private static let mostFoldedYears = 24

  /// - Parameters:
  ///   - spans: the months of the periods.
  ///   - mostColumns: how many columns the page can hold. The last year is shown by periods in any case.
  init(_ spans: some Sequence<Range<Int>>, mostColumns: Int) {
    var cuts: Set<Int> = []
    var years: Set<Int> = []
    let spans = Set(spans)
    for span in spans {
      cuts.formUnion([span.lowerBound, span.upperBound])
      for year in Self.year(span.lowerBound)...Self.year(span.upperBound - 1) { years.insert(year) }
    }
    var columns: [Column] = []
    let newestFirst = years.sorted(by: >)
    var folded = 0
    for (age, year) in newestFirst.enumerated() {
      let whole = year * 12..<year * 12 + 12
      let inner = whole.dropFirst().filter { cuts.contains($0) }
      // One column for each year that is still to come.
      let reserved = min(newestFirst.count - age, Self.mostFoldedYears + 1)
      let left = min(mostColumns, Self.mostColumns) - columns.count - reserved
      if folded == 0, age == 0 || inner.count <= left {
        let edges = [whole.lowerBound] + inner + [whole.upperBound]
        columns += zip(edges, edges.dropFirst()).reversed().map { Column(months: $0..<$1, year: year) }
      } else if folded == Self.mostFoldedYears {
        columns.append(Column(months: newestFirst.last! * 12..<whole.upperBound, label: "", year: "to \(year)"))
        break
      } else {
        folded += 1
        columns.append(Column(months: whole, year: year))
      }
    }
    // Months before the first period, after the last one, or in a gap need no column.
    self.columns = columns.reversed().filter { column in spans.contains { $0.overlaps(column.months) } }
  }

  private static func year(_ month: Int) -> Int { month / 12 }

  /// The columns for a range of months. What began in a folded year belongs to that year.
  func place(of span: Range<Int>) -> Range<Int> {
    let first = min(columns.firstIndex { $0.months.upperBound > span.lowerBound } ?? 0, max(0, columns.count - 1))
    if columns.isEmpty || columns[first].label.isEmpty { return first..<first + 1 }
    let end = columns.firstIndex { $0.months.lowerBound >= span.upperBound } ?? columns.count
    return first..<max(end, first + 1)
  }
}

extension TimeAxis.Column {
  private static let names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

  fileprivate init(months: Range<Int>, year: Int) {
    self.months = months
    self.year = String(year)
    let first = Self.names[months.lowerBound % 12]
    let last = Self.names[(months.upperBound - 1) % 12]
    label = months.count == 12 ? "" : months.count == 1 ? first : "\(first)–\(last)"
  }
}

extension TimeAxis {
  /// The months of a slice's periods (`202401`, `2024W1..2024W5`); `nil` if they are not bounded.
  ///
  /// - Parameter newest: the first day of the last period, for ids that are not DHIS2's.
  static func months(of periods: String, newest: Int) -> Range<Int>? {
    guard !periods.isEmpty else { return nil }
    let dots = periods.firstRange(of: "..")
    let first = Period(id: periods[..<(dots?.lowerBound ?? periods.endIndex)])
    let last = dots.map { Period(id: periods[$0.upperBound...]) } ?? first
    guard let first, let last, first.start <= last.start else {
      let month = month(CalendarDate(dayNumber: newest))
      return month..<month + 1
    }
    // Days, weeks and the weeks of a month belong to the month in which they begin.
    if last.end.dayNumber - first.start.dayNumber <= longestOfMonth, last.end.dayNumber - last.start.dayNumber < 27 {
      return month(first.start)..<month(first.start) + 1
    }
    return month(first.start)..<max(month(first.start), month(last.end)) + 1
  }

  /// Six weeks can begin in one month.
  private static let longestOfMonth = 42

  private static func month(_ date: CalendarDate) -> Int { max(0, date.year * 12 + date.month - 1) }
}
