/// One of DHIS2's relative periods: a name for periods around a day.
///
///     LAST_3_MONTHS     on 2024-03-31: 202312, 202401, 202402
///     THIS_YEAR         2024
///     MONTHS_THIS_YEAR  202401 to 202412, also those that have not begun
///
/// The names are those of 2.43 (`RelativePeriodEnum`). The periods are those of its own classes (`RelativePeriods` and
/// the `generate…` methods of the period types), including oddities: see `LAST_6_BIMONTHS` and `weeksOfYear`.
package struct RelativePeriod: Sendable, Hashable, CustomStringConvertible {
  /// DHIS2's spelling.
  package let name: String
  private let unit: Unit
  private let extent: Extent

  /// The unit that it counts.
  private enum Unit: Hashable {
    case type(PeriodType)
    /// The server's week (`analyticsWeeklyStart`).
    case week
    /// The server's financial year (`analyticsFinancialYearStart`).
    case financialYear

    func type(by clock: PeriodClock) -> PeriodType {
      switch self {
      case .type(let type): type
      case .week: clock.week
      case .financialYear: clock.financialYear
      }
    }
  }

  /// The number of units.
  private enum Extent: Hashable {
    /// The period that contains the day.
    case current
    /// This many periods before the current one.
    case last(Int)
    /// All periods of the year this many years ago.
    case ofYear(ago: Int)
  }

  private init(_ name: String, _ unit: Unit, _ extent: Extent) {
    self.name = name
    self.unit = unit
    self.extent = extent
  }

  /// The relative period with a name, in upper or lower case.
  package init?(_ text: some StringProtocol) {
    guard let found = Self.byName[text.uppercased()] else { return nil }
    self = found
  }

  package var description: String { name }

  /// The likely meaning of a mistyped name; `nil` if there is none.
  package static func nearest(to text: String) -> RelativePeriod? {
    guard text.utf8.count > 3, !text.utf8.prefix(4).allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    return Suggestion.nearest(to: text, among: all.map(\.name)).flatMap { byName[$0] }
  }

  /// All that 2.43 knows. Versions up to 2.36 lack `LAST_10_YEARS` and `LAST_10_FINANCIAL_YEARS`.
  package static let all: [RelativePeriod] =
    these("TODAY", "YESTERDAY", .type(.daily)) + lasts([3, 7, 14, 30, 60, 90, 180], "DAYS", .type(.daily))
    + these("THIS_WEEK", "LAST_WEEK", .week) + lasts([4, 12, 52], "WEEKS", .week)
    + these("THIS_BIWEEK", "LAST_BIWEEK", .type(.biWeekly)) + lasts([4], "BIWEEKS", .type(.biWeekly))
    + these("THIS_MONTH", "LAST_MONTH", .type(.monthly)) + lasts([3, 6, 12], "MONTHS", .type(.monthly))
    + these("THIS_BIMONTH", "LAST_BIMONTH", .type(.biMonthly)) + lasts([6], "BIMONTHS", .type(.biMonthly))
    + these("THIS_QUARTER", "LAST_QUARTER", .type(.quarterly)) + lasts([4], "QUARTERS", .type(.quarterly))
    + these("THIS_SIX_MONTH", "LAST_SIX_MONTH", .type(.sixMonthly)) + lasts([2], "SIXMONTHS", .type(.sixMonthly))
    + these("THIS_YEAR", "LAST_YEAR", .type(.yearly)) + lasts([5, 10], "YEARS", .type(.yearly))
    + these("THIS_FINANCIAL_YEAR", "LAST_FINANCIAL_YEAR", .financialYear)
    + lasts([5, 10], "FINANCIAL_YEARS", .financialYear)
    + [
      RelativePeriod("WEEKS_THIS_YEAR", .week, .ofYear(ago: 0)),
      RelativePeriod("MONTHS_THIS_YEAR", .type(.monthly), .ofYear(ago: 0)),
      RelativePeriod("MONTHS_LAST_YEAR", .type(.monthly), .ofYear(ago: 1)),
      RelativePeriod("BIMONTHS_THIS_YEAR", .type(.biMonthly), .ofYear(ago: 0)),
      RelativePeriod("QUARTERS_THIS_YEAR", .type(.quarterly), .ofYear(ago: 0)),
      RelativePeriod("QUARTERS_LAST_YEAR", .type(.quarterly), .ofYear(ago: 1)),
    ]

  private static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })

  private static func these(_ current: String, _ last: String, _ unit: Unit) -> [RelativePeriod] {
    [RelativePeriod(current, unit, .current), RelativePeriod(last, unit, .last(1))]
  }

  private static func lasts(_ counts: [Int], _ plural: String, _ unit: Unit) -> [RelativePeriod] {
    counts.map { RelativePeriod("LAST_\($0)_\(plural)", unit, .last($0)) }
  }

  // MARK: Periods

  /// Whether it depends on the server's settings for financial years or weeks.
  package var dependsOnSettings: Bool { unit == .week || unit == .financialYear }

  /// The type of its periods.
  package func type(by clock: PeriodClock) -> PeriodType { unit.type(by: clock) }

  /// Its periods in DHIS2, in chronological order.
  package func periods(by clock: PeriodClock) -> [Period] {
    let type = type(by: clock)
    let today = clock.today
    switch extent {
    case .current: return [type.period(containing: today)]
    case .last(let count):
      switch type {
      case .biWeekly: return Self.lastPairsOfWeeks(count, before: today)
      // In the first month of a pair, DHIS2 begins and ends one pair too early.
      case .biMonthly where count > 1 && today.month % 2 == 1: return Self.last(count, of: type, before: today, skip: 1)
      default: return Self.last(count, of: type, before: today, skip: 0)
      }
    case .ofYear(let ago):
      if unit == .week { return Self.weeksOfYear(today.year - ago, type) }
      let first = type.period(containing: CalendarDate(dayNumber: Self.newYear(today.year - ago)))
      let last = CalendarDate(dayNumber: Self.newYear(today.year - ago + 1) - 1)
      return type.periods(overlapping: first.start...last)
    }
  }

  /// All its days.
  package func dates(by clock: PeriodClock) -> ClosedRange<CalendarDate> {
    let periods = periods(by: clock)
    return periods[0].start...periods[periods.count - 1].end
  }

  private static func newYear(_ year: Int) -> Int { CalendarDate.dayNumber(year: year, month: 1, day: 1) }

  private static func last(_ count: Int, of type: PeriodType, before today: CalendarDate, skip: Int) -> [Period] {
    var period = type.period(containing: today)
    var periods: [Period] = []
    for _ in 0..<count + skip {
      period = type.period(containing: period.start.adding(days: -1))
      periods.append(period)
    }
    return periods.dropFirst(skip).reversed()
  }

  /// DHIS2 goes back by fourteen days at a time, and uses the pair that contains the day. After a year with 53 weeks it
  /// misses the 27th pair.
  private static func lastPairsOfWeeks(_ count: Int, before today: CalendarDate) -> [Period] {
    let last = PeriodType.biWeekly.period(containing: today.adding(days: -14))
    return (0..<count).reversed().map { PeriodType.biWeekly.period(containing: last.start.adding(days: $0 * -14)) }
  }

  /// DHIS2 counts the weeks of a year as if all began on Mondays, whatever the first day of the server's weeks. For
  /// other weeks the 53rd may be missing, or the next year's first week may be included.
  private static func weeksOfYear(_ year: Int, _ type: PeriodType) -> [Period] {
    var periods: [Period] = []
    var week = type.period(containing: CalendarDate(dayNumber: newYear(year) + 3))
    while periods.count < mondayWeeks(aroundNewYearOf: week.start.year) {
      periods.append(week)
      week = week.next
    }
    return periods
  }

  /// How many weeks the year has that contains the week of 1 January. If 1 January is a Friday or later, that is the
  /// previous year.
  private static func mondayWeeks(aroundNewYearOf year: Int) -> Int {
    let day = newYear(year)
    let ofYear = day < PeriodType.firstWeek(of: year, from: 0) ? year - 1 : year
    return (PeriodType.firstWeek(of: ofYear + 1, from: 0) - PeriodType.firstWeek(of: ofYear, from: 0)) / 7
  }
}
