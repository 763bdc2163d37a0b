/// The calendar options of a command line: dates that select periods of each data set's own type.
package struct CalendarOptions: Sendable {
  private let selections: [CalendarSelection]

  private static let year = Option("--year", "-y", value: "YEAR", help: "Select the periods of a year.")
  private static let month = Option(
    "--month", "-m", value: "MONTH", help: "Select a month of that year, or of the current one.")
  private static let quarter = Option(
    "--quarter", "-q", value: "QUARTER",
    help: "Select a quarter of that year, or of the current one. With -m: for data sets of quarters and longer periods."
  )
  private static let daysBack = Option(
    "--days-back", "-n", value: "N", help: "Select the days from N days ago until today.")
  private static let currentDate = Flag("--current-date", "-c", help: "Select today.")
  private static let from = Option(
    "--from", value: "DATE", help: "Select all periods with a day from this one to --to.")
  private static let to = Option("--to", value: "DATE", help: "End with this day (with --from).")

  package static let period = Option(
    "--period", "-p", values: "PERIOD",
    help:
      "Select each data set's own periods that overlap this one: 2024Q1, 20240131, or a relative one (LAST_3_MONTHS).")
  package static let relativeDate = Option(
    "--relative-period-date", as: .date,
    help: "Count relative periods from this day (default: today by the source's clock).")

  package static let relativeDateNeedsPeriod =
    "\(relativeDate.name) goes with a relative period: \(period.name) LAST_3_MONTHS"

  /// The options that select periods, without `--period`, which commands describe in their own words.
  package static let flags: [any AnyOption] = [year, month, quarter, daysBack, currentDate, from, to]
  package static let options: [any AnyOption] = flags + [relativeDate]

  /// The options of a command line that select periods.
  package static func flags(in arguments: Arguments) -> [any AnyOption] { ([period] + flags).filter(arguments.has) }

  /// - Throws: `CommandFailure`, 64 for flags that are malformed or exclude each other.
  package init(_ arguments: Arguments) throws(CommandFailure) {
    let today = arguments.today
    let periods = arguments[Self.period]
    var selections: [CalendarSelection] = []
    for period in periods.isEmpty ? [nil] : periods.map(Optional.some) {
      selections.append(
        try CalendarSelection.resolve(
          year: arguments[Self.year], month: arguments[Self.month], quarter: arguments[Self.quarter],
          daysBack: arguments[Self.daysBack], currentDate: arguments[Self.currentDate], period: period,
          from: arguments[Self.from], to: arguments[Self.to], today: today))
    }
    self.selections = selections
    try CommandFailure.require(!relatives.isEmpty || !arguments.has(Self.relativeDate), Self.relativeDateNeedsPeriod)
  }

  /// The requested relative periods.
  package var relatives: [RelativePeriod] { selections.compactMap(\.relative) }

  /// - Parameter clock: the source's clock, if there are relative periods.
  package func dated(by clock: PeriodClock) -> DatedCalendar { DatedCalendar(selections: selections, clock: clock) }
}

/// Calendar options at a server's day, which select periods.
package struct DatedCalendar: Sendable {
  fileprivate let selections: [CalendarSelection]
  fileprivate let clock: PeriodClock

  /// The selected periods of a data set's type, in chronological order and without repeats.
  package func periods(of type: PeriodType, openFuturePeriods: Int) -> [Period] {
    var seen: Set<String> = []
    return selections.flatMap { $0.periods(of: type, openFuturePeriods: openFuturePeriods, by: clock) }
      .filter { seen.insert($0.id).inserted }
  }
}

extension ValueReader where Parsed == CalendarDate {
  /// A day: `2024-01-31`.
  package static var date: Self { Self("DATE", "a date such as 2024-01-31") { CalendarDate(iso8601: $0) } }
}
