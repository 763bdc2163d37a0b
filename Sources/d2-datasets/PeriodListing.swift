import D2Client
import D2Common
import D2Store

/// Prints the periods of a type that overlap some dates, or a period of any type.
enum PeriodListing {
  private static let type = Option(
    "--type", value: "TYPE",
    help: "Print periods of this type: Daily, Weekly, Monthly, FinancialApril … (default: the type of --period).")
  private static let from = Option("--from", as: .date, help: "Begin with this day.")
  private static let to = Option("--to", as: .date, help: "End with this day.")
  private static let period = CalendarOptions.period.described(
    "Use this period instead of dates: of any type, or a relative one such as LAST_4_QUARTERS, as in DHIS2.")
  private static let date = CalendarOptions.relativeDate.described(
    "Count relative periods from this day (default: today; with --pair by the source's clock).")

  static let options: [any AnyOption] = [type, from, to, period, date, Listing.option]

  static func run(_ arguments: Arguments, _ log: Log) throws -> ExitStatus {
    let asked = arguments[period]
    let type = try type(arguments, isNeeded: asked.isEmpty)
    let periods: [Period]
    if asked.isEmpty {
      let dates = try dates(arguments)
      periods = type!.periods(overlapping: dates)
    } else {
      try CommandFailure.require(
        !arguments.has(from) && !arguments.has(to), "\(period.name) and \(from.name) exclude each other")
      periods = try Self.periods(asked, type, arguments, log)
    }
    var listing = Listing(arguments)
    for period in periods {
      try listing.add([
        "id": .string(period.id), "start": .string(period.start.description), "end": .string(period.end.description),
      ])
    }
    try listing.finish()
    return .success
  }

  /// The periods in the requested order, without repeats. They include future periods.
  private static func periods(
    _ asked: [String], _ type: PeriodType?, _ arguments: Arguments, _ log: Log
  ) throws -> [Period] {
    let relatives = try asked.compactMap { try CalendarSelection(period: $0).relative }
    try CommandFailure.require(!relatives.isEmpty || !arguments.has(date), CalendarOptions.relativeDateNeedsPeriod)
    let clock = relatives.isEmpty ? nil : try clock(relatives, arguments, log)
    var seen: Set<Period> = []
    return asked.flatMap { text -> [Period] in
      let own = clock.flatMap { RelativePeriod(text)?.periods(by: $0) } ?? Period(id: text).map { [$0] } ?? []
      guard let type, let first = own.first, let last = own.last, first.type != type else { return own }
      return type.periods(overlapping: first.start...last.end)
    }.filter { seen.insert($0).inserted }
  }

  private static func clock(_ relatives: [RelativePeriod], _ arguments: Arguments, _ log: Log) throws -> PeriodClock {
    guard arguments.has(PairOptions.pair) else { return PeriodClock(today: arguments[date] ?? arguments.today) }
    let (_, pair) = try PairOptions.open(arguments)
    let source = try pair.client(of: .source, arguments, log)
    return try PeriodClock(source, relatives, from: arguments[date], log)
  }

  private static func dates(_ arguments: Arguments) throws(CommandFailure) -> ClosedRange<CalendarDate> {
    func date(_ option: Option<CalendarDate?>) throws(CommandFailure) -> CalendarDate {
      guard let date = arguments[option] else {
        throw CommandFailure(.usage, "\(option.name) is missing: a date such as 2024-01-31")
      }
      return date
    }
    let (from, to) = try (date(from), date(to))
    guard from <= to else { throw CommandFailure(.usage, "--from \(from) is after --to \(to)") }
    return from...to
  }

  private static func type(_ arguments: Arguments, isNeeded: Bool) throws(CommandFailure) -> PeriodType? {
    let names = PeriodType.allCases.map(\.rawValue).joined(separator: ", ")
    guard let name = arguments[type] else {
      if !isNeeded { return nil }
      throw CommandFailure(.usage, "--type is missing: one of \(names)")
    }
    guard let type = PeriodType.allCases.first(where: { $0.rawValue.lowercased() == name.lowercased() }) else {
      throw CommandFailure(.usage, "--type \(name.quoted): one of \(names)")
    }
    return type
  }
}
