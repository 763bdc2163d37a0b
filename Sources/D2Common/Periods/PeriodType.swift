/// DHIS2's period types, with their names in data sets (`periodType`). TwoYearly is missing, because its periods have
/// no id.
///
/// The rules are those of DHIS2's own classes (`org.hisp.dhis.period`). If client libraries differ, the server is
/// right.
package enum PeriodType: String, Sendable, CaseIterable {
  case daily = "Daily"
  case weekly = "Weekly"
  case weeklyWednesday = "WeeklyWednesday"
  case weeklyThursday = "WeeklyThursday"
  /// From 2.43 on.
  case weeklyFriday = "WeeklyFriday"
  case weeklySaturday = "WeeklySaturday"
  case weeklySunday = "WeeklySunday"
  case biWeekly = "BiWeekly"
  case monthly = "Monthly"
  case biMonthly = "BiMonthly"
  case quarterly = "Quarterly"
  case quarterlyNov = "QuarterlyNov"
  case sixMonthly = "SixMonthly"
  case sixMonthlyApril = "SixMonthlyApril"
  case sixMonthlyNov = "SixMonthlyNov"
  case yearly = "Yearly"
  /// From 2.43 on.
  case financialFeb = "FinancialFeb"
  case financialApril = "FinancialApril"
  case financialJuly = "FinancialJuly"
  /// From 2.43 on.
  case financialAug = "FinancialAug"
  /// From 2.42 on.
  case financialSep = "FinancialSep"
  case financialOct = "FinancialOct"
  case financialNov = "FinancialNov"

  /// The first version that knows it (the second number of a release).
  package var firstMinor: Int {
    switch self {
    case .weeklyFriday, .financialFeb, .financialAug: 43
    case .financialSep: 42
    default: 0
    }
  }

  /// How the periods of a type divide a year.
  enum Recurrence {
    case days
    /// One or two weeks that begin on a weekday (0 for Monday). Week 1 of a year has at least four of its days, so it
    /// may begin in the previous year.
    case weeks(count: Int, from: Int)
    /// A number of months. The first period of a year begins in a month of that year (1 for January), or from 0
    /// downwards of the previous year.
    case months(count: Int, from: Int)
  }

  var recurrence: Recurrence {
    switch self {
    case .daily: .days
    case .weekly: .weeks(count: 1, from: 0)
    case .weeklyWednesday: .weeks(count: 1, from: 2)
    case .weeklyThursday: .weeks(count: 1, from: 3)
    case .weeklyFriday: .weeks(count: 1, from: 4)
    case .weeklySaturday: .weeks(count: 1, from: 5)
    case .weeklySunday: .weeks(count: 1, from: 6)
    case .biWeekly: .weeks(count: 2, from: 0)
    case .monthly: .months(count: 1, from: 1)
    case .biMonthly: .months(count: 2, from: 1)
    case .quarterly: .months(count: 3, from: 1)
    case .sixMonthly: .months(count: 6, from: 1)
    case .sixMonthlyApril: .months(count: 6, from: 4)
    // A November year is named after the year in which it ends. All others are named after the year in which they
    // begin.
    case .quarterlyNov: .months(count: 3, from: -1)
    case .sixMonthlyNov: .months(count: 6, from: -1)
    case .financialNov: .months(count: 12, from: -1)
    case .yearly: .months(count: 12, from: 1)
    case .financialFeb: .months(count: 12, from: 2)
    case .financialApril: .months(count: 12, from: 4)
    case .financialJuly: .months(count: 12, from: 7)
    case .financialAug: .months(count: 12, from: 8)
    case .financialSep: .months(count: 12, from: 9)
    case .financialOct: .months(count: 12, from: 10)
    }
  }

  /// How many months a period has; 0 if it is shorter than a month.
  var monthsEach: Int { if case .months(let count, _) = recurrence { count } else { 0 } }

  // MARK: Periods around days

  /// The period that contains a day. If two pairs of weeks contain it (see `periods(overlapping:)`), the later one.
  package func period(containing date: CalendarDate) -> Period {
    switch recurrence {
    case .days:
      return Period(type: self, year: date.year, number: date.month * 100 + date.day, start: date, end: date)
    case .weeks(let count, let weekday):
      let day = date.dayNumber
      var year = date.year + 1
      while day < Self.firstWeek(of: year, from: weekday) { year -= 1 }
      let length = count * 7
      let index = (day - Self.firstWeek(of: year, from: weekday)) / length
      let start = CalendarDate(dayNumber: Self.firstWeek(of: year, from: weekday) + index * length)
      return Period(type: self, year: year, number: index + 1, start: start, end: start.adding(days: length - 1))
    case .months(let count, let first):
      // Months since the first month of year 0, as this type counts its years.
      let month = date.year * 12 + date.month - first
      let (year, index) = (month.flooredQuotient(by: 12), month.flooredRemainder(by: 12) / count)
      let start = year * 12 + index * count + first - 1
      return Period(
        type: self, year: year, number: index + 1, start: Self.firstDay(ofMonth: start),
        end: Self.firstDay(ofMonth: start + count).adding(days: -1))
    }
  }

  /// All periods with a day in a range of dates, in chronological order.
  ///
  /// A year with 53 weeks has a 27th pair of weeks. The second week of that pair is also the first week of the next
  /// year's first pair: 2020BiW27 ends on 2021-01-10, and 2021BiW1 begins on 2021-01-04. DHIS2 defines it so, and both
  /// may have data.
  package func periods(overlapping dates: ClosedRange<CalendarDate>) -> [Period] {
    var period = period(containing: dates.lowerBound)
    let before = self.period(containing: period.start.adding(days: -1))
    var periods = before.end >= dates.lowerBound && before.start < period.start ? [before] : []
    while period.start <= dates.upperBound {
      periods.append(period)
      let next = period.next
      // At the end of the range of dates there is no next period.
      guard next.start > period.start else { break }
      period = next
    }
    return periods
  }

  /// The last period for which users may enter data: with 0 open future periods the one before the current one, with 1
  /// the current one (`PeriodType.getFuturePeriod`). A negative number counts as 0.
  ///
  /// In the first week after a year with 53 weeks, the server goes back by two weeks. It finds the 26th pair of weeks,
  /// not the 27th, which also has that week. So on 2021-01-04, one open period makes 2020BiW27 the last one, and
  /// 2021BiW1 stays closed.
  package func latestOpen(on today: CalendarDate, openFuturePeriods: Int) -> Period {
    let current = period(containing: today)
    var latest = period(containing: current.start.adding(days: self == .biWeekly ? -14 : -1))
    var left = openFuturePeriods
    while left > 0, latest.end.year <= Self.lastYear {
      latest = latest.next
      left -= 1
    }
    return latest
  }

  // MARK: Years

  /// The last year that an id can have, so a search need not continue after it.
  private static let lastYear = 9999

  /// The day number of the first day of a year's first week.
  static func firstWeek(of year: Int, from weekday: Int) -> Int {
    // Week 1 contains 4 January, whatever its first day.
    let fourth = CalendarDate.dayNumber(year: year, month: 1, day: 4)
    return fourth - (fourth + 3 - weekday).flooredRemainder(by: 7)
  }

  /// The first day of a month, counted from January of year 0 (month 0).
  static func firstDay(ofMonth month: Int) -> CalendarDate {
    CalendarDate(
      dayNumber: CalendarDate.dayNumber(
        year: month.flooredQuotient(by: 12), month: month.flooredRemainder(by: 12) + 1, day: 1))
  }
}
