/// The dates of the calendar options, and the periods of a data set that they select.
///
///     -y 2022 -q 1    202201, 202202, 202203 of a monthly data set; 2022 of a yearly one
///     -m 2 -q 1       February of this year; the first quarter of data sets of quarters and longer periods
///     -n 7            today and the seven days before it, and each period that has one of them
///     -p 2022W3       that week; of a monthly data set 202201
///     -p LAST_MONTH   the month before the server's; of a weekly data set the weeks that have a day of it
///     (none)          the current year so far; of a daily data set the current month so far
package struct CalendarSelection: Sendable {
  private enum Asked {
    case dates(ClosedRange<CalendarDate>)
    /// A month, and the quarter for period types of three months and more.
    case month(ClosedRange<CalendarDate>, orQuarter: ClosedRange<CalendarDate>)
    case period(Period)
    case relative(RelativePeriod)
    /// Everything so far, if no option selects dates.
    case soFar(CalendarDate)
  }

  private let asked: Asked

  package init(_ relative: RelativePeriod) { asked = .relative(relative) }

  /// Parses a period of any type, or a relative one.
  ///
  /// - Throws: `CommandFailure`, 64, with a suggestion for a mistyped period.
  package init(period text: String) throws(CommandFailure) { asked = try Self.period(text) }

  private init(asked: Asked) { self.asked = asked }

  /// Reads the options; each is `nil` (or false) if it is not given. Only one of these groups may be given: `-y -m -q`,
  /// `-n`, `-c`, `-p`, and `--from --to`.
  ///
  /// - Parameters:
  ///   - year: `-y`: four digits.
  ///   - month: `-m`: 1 to 12, of the current year without `-y`.
  ///   - quarter: `-q`: 1 to 4, of the current year without `-y`. Together with a month, it is for the types that have
  ///     no months.
  ///   - daysBack: `-n`: how many days before today the dates begin.
  ///   - currentDate: `-c`: today.
  ///   - period: `-p`: the dates of a period of any type (including a day: `20240131`), or of a relative one.
  ///   - from: `--from`: an ISO date; it needs `to`, the last date.
  /// - Throws: a failure of usage with the option and the values that it accepts.
  package static func resolve(
    year: String?, month: String?, quarter: String?, daysBack: String?, currentDate: Bool, period: String?,
    from: String?, to: String?, today: CalendarDate
  ) throws(CommandFailure) -> CalendarSelection {
    let groups = [
      [(year, "-y/--year"), (month, "-m/--month"), (quarter, "-q/--quarter")], [(daysBack, "-n/--days-back")],
      [(currentDate ? "" : nil, "-c/--current-date")], [(period, "-p/--period")], [(from, "--from"), (to, "--to")],
    ]
    let given = groups.compactMap { group in group.first { $0.0 != nil }?.1 }
    if given.count > 1 {
      throw CommandFailure(.usage, "\(given[0]) and \(given[1]) exclude each other: give one of them")
    }

    if let daysBack {
      let days = try number(in: 0...longestDaysBack).value(of: daysBack, of: "-n/--days-back")
      return Self(asked: .dates(today.adding(days: -days)...today))
    }
    if currentDate { return Self(asked: .dates(today...today)) }
    if let period { return Self(asked: try Self.period(period)) }
    if from != nil || to != nil { return Self(asked: .dates(try range(from, to))) }
    if year == nil, month == nil, quarter == nil { return Self(asked: .soFar(today)) }
    if let month, let quarter {
      return Self(asked: .month(try months(year, month, nil, today), orQuarter: try months(year, nil, quarter, today)))
    }
    return Self(asked: .dates(try months(year, month, quarter, today)))
  }

  /// The selected periods of a data set, in chronological order. They have at least one of the dates, and have begun or
  /// are already open for entry (`PeriodType.latestOpen`). A period that was given by an id of the data set's own type
  /// is always selected, whenever it is. A relative period of that type means the periods that DHIS2 makes of it.
  ///
  /// - Parameters:
  ///   - type: the data set's period type.
  ///   - openFuturePeriods: the data set's property of that name.
  package func periods(of type: PeriodType, openFuturePeriods: Int, by clock: PeriodClock) -> [Period] {
    let today = clock.today
    if case .period(let period) = asked, period.type == type { return [period] }
    let dates = dates(of: type, by: clock)
    let latestStart = max(today, type.latestOpen(on: today, openFuturePeriods: openFuturePeriods).start)
    // No further than necessary. But the period with the first date may have begun before it.
    let upperBound = max(dates.lowerBound, min(dates.upperBound, latestStart))
    let periods =
      if let relative, relative.type(by: clock) == type { relative.periods(by: clock) } else {
        type.periods(overlapping: dates.lowerBound...upperBound)
      }
    return periods.filter { $0.start <= latestStart }
  }

  /// The requested relative period.
  package var relative: RelativePeriod? { if case .relative(let relative) = asked { relative } else { nil } }

  private func dates(of type: PeriodType, by clock: PeriodClock) -> ClosedRange<CalendarDate> {
    switch asked {
    case .dates(let dates): dates
    case .month(let month, let quarter): type.monthsEach >= 3 ? quarter : month
    case .period(let period): period.start...period.end
    case .relative(let relative): relative.dates(by: clock)
    case .soFar(let today): (type == .daily ? PeriodType.monthly : .yearly).period(containing: today).start...today
    }
  }

  // MARK: Reading

  /// A hundred years: no server has older data, and no typing error may cause more.
  private static let longestDaysBack = 36_525

  private static func months(
    _ year: String?, _ month: String?, _ quarter: String?, _ today: CalendarDate
  ) throws(CommandFailure) -> ClosedRange<CalendarDate> {
    var number = today.year
    if let year { number = try Self.year.value(of: year, of: "-y/--year") }
    var months = 1...12
    if let month {
      let number = try Self.number(in: 1...12).value(of: month, of: "-m/--month")
      months = number...number
    } else if let quarter {
      let last = try Self.number(in: 1...4).value(of: quarter, of: "-q/--quarter") * 3
      months = last - 2...last
    }
    let first = CalendarDate(year: number, month: months.lowerBound, day: 1)!
    let lastDay = CalendarDate.days(inMonth: months.upperBound, of: number)
    return first...CalendarDate(year: number, month: months.upperBound, day: lastDay)!
  }

  private static func range(_ from: String?, _ to: String?) throws(CommandFailure) -> ClosedRange<CalendarDate> {
    guard let from, let to else { throw CommandFailure(.usage, "--from and --to go together") }
    let first = try ValueReader<CalendarDate>.date.value(of: from, of: "--from")
    let last = try ValueReader<CalendarDate>.date.value(of: to, of: "--to")
    guard first <= last else { throw CommandFailure(.usage, "--from \(from) is after --to \(to)") }
    return first...last
  }

  private static func period(_ text: String) throws(CommandFailure) -> Asked {
    if let period = Period(id: text) { return .period(period) }
    if let relative = RelativePeriod(text) { return .relative(relative) }
    let nearest = RelativePeriod.nearest(to: text).map { "; did you mean \($0)?" }
    throw CommandFailure(
      .usage,
      "-p/--period \(text.quoted): a period id such as 2024, 202401, 2024W5 or 20240131, or a relative period such as "
        + "LAST_3_MONTHS\(nearest ?? "")")
  }

  private static let year = ValueReader("YEAR", "a year of four digits such as 2024") { text in
    text.utf8.count == 4 ? digits(text).flatMap { $0 >= 1000 ? $0 : nil } : nil
  }

  private static func number(in range: ClosedRange<Int>) -> ValueReader<Int> {
    ValueReader("N", "a whole number from \(range.lowerBound) to \(range.upperBound)") { text in
      digits(text).flatMap { range.contains($0) ? $0 : nil }
    }
  }

  /// A number without a sign. It may have leading zeros.
  private static func digits(_ text: String) -> Int? {
    text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(text) : nil
  }
}
