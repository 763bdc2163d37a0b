/// The calendar flags of a command line: dates that each data set takes as periods of its own type.
package struct CalendarOptions: Sendable {
  private let selections: [CalendarSelection]
  private let today: CalendarDate

  /// But `--period`, which commands describe in their own words.
  package static let options = [
    Option("--year", "-y", value: "YEAR", help: "The periods of a year."),
    Option("--month", "-m", value: "MONTH", help: "A month of it, or of this year."),
    Option(
      "--quarter", "-q", value: "QUARTER",
      help: "A quarter of it, or of this year. With -m: for data sets of quarters and longer periods."),
    Option("--days-back", "-n", value: "N", help: "From N days ago until today."),
    Option("--current-date", "-c", help: "Today."),
    Option("--from", value: "DATE", help: "With --to: all periods that have one of these days."),
    Option("--to", value: "DATE", help: "The last day."),
  ]

  package static let flags = ["--period"] + options.map(\.name)

  /// Those that a command line has.
  package static func flags(in arguments: Arguments) -> [String] { flags.filter { arguments.has($0) } }

  /// - Throws: `CommandFailure`, 64 for flags that are malformed or exclude each other.
  package init(_ arguments: Arguments, today: CalendarDate) throws(CommandFailure) {
    self.today = today
    let periods = arguments.list("--period")
    var selections: [CalendarSelection] = []
    for period in periods.isEmpty ? [nil] : periods.map(Optional.some) {
      selections.append(
        try CalendarSelection.resolve(
          year: arguments.string("--year"), month: arguments.string("--month"), quarter: arguments.string("--quarter"),
          daysBack: arguments.string("--days-back"), currentDate: arguments.has("--current-date"), period: period,
          from: arguments.string("--from"), to: arguments.string("--to"), today: today))
    }
    self.selections = selections
  }

  /// The periods that are asked for of a data set's type, in order of time; each once.
  package func periods(of type: PeriodType, openFuturePeriods: Int) -> [Period] {
    var seen: Set<String> = []
    return selections.flatMap { $0.periods(of: type, openFuturePeriods: openFuturePeriods, today: today) }
      .filter { seen.insert($0.id).inserted }
  }
}
