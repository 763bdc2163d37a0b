/// DHIS2's period types, by the names that data sets carry, with the rule that finds the period around a day.
enum PeriodType: String, Sendable, CaseIterable {
  case daily = "Daily"
  case weekly = "Weekly"
  case weeklyWednesday = "WeeklyWednesday"
  case weeklyThursday = "WeeklyThursday"
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
  case financialFeb = "FinancialFeb"
  case financialApril = "FinancialApril"
  case financialJuly = "FinancialJuly"
  case financialAug = "FinancialAug"
  case financialSep = "FinancialSep"
  case financialOct = "FinancialOct"
  case financialNov = "FinancialNov"

  /// The weekday (Monday is 0) and the infix of a type of weeks.
  var week: (firstDay: Int, infix: String)? {
    switch self {
    case .weekly: (0, "W")
    case .weeklyWednesday: (2, "WedW")
    case .weeklyThursday: (3, "ThuW")
    case .weeklyFriday: (4, "FriW")
    case .weeklySaturday: (5, "SatW")
    case .weeklySunday: (6, "SunW")
    case .biWeekly: (0, "BiW")
    default: nil
    }
  }

  /// How a type of months counts: the months of a period, the month in which the first of a year begins (at or
  /// below 0: in the year before), and how ids are spelled.
  var months: (length: Int, first: Int, infix: String)? {
    switch self {
    case .monthly: (1, 1, "")
    case .biMonthly: (2, 1, "B")
    case .quarterly: (3, 1, "Q")
    case .quarterlyNov: (3, -1, "NovQ")
    case .sixMonthly: (6, 1, "S")
    case .sixMonthlyApril: (6, 4, "AprilS")
    case .sixMonthlyNov: (6, -1, "NovS")
    case .yearly: (12, 1, "")
    case .financialFeb: (12, 2, "Feb")
    case .financialApril: (12, 4, "April")
    case .financialJuly: (12, 7, "July")
    case .financialAug: (12, 8, "Aug")
    case .financialSep: (12, 9, "Sep")
    case .financialOct: (12, 10, "Oct")
    case .financialNov: (12, -1, "Nov")
    default: nil
    }
  }

  /// How many periods a year has: at most, for weeks.
  var perYear: Int {
    switch self {
    case .daily: 366
    case .biWeekly: 27
    default: months.map { 12 / $0.length } ?? 53
    }
  }

  /// The period with a number (from 1) in a year.
  func period(year: Int, number: Int) -> Period? {
    if let week {
      let start = PeriodType.firstWeek(of: year, firstDay: week.firstDay)
      let span = self == .biWeekly ? 14 : 7
      return Period(
        id: "\(Day.padded(year, 4))\(week.infix)\(number)", type: self, start: start + (number - 1) * span,
        end: start + number * span - 1)
    }
    guard let months else { return nil }
    let from = year * 12 + months.first - 1 + (number - 1) * months.length
    func firstDay(_ month: Int) -> Int { Day.number(year: month / 12, month: month % 12 + 1, day: 1) }
    let text = Day.padded(year, 4)
    let id: String
    switch self {
    case .monthly: id = text + Day.padded(number, 2)
    case .biMonthly: id = text + Day.padded(number, 2) + "B"
    default: id = text + months.infix + (months.length == 12 ? "" : String(number))
    }
    return Period(id: id, type: self, start: firstDay(from), end: firstDay(from + months.length) - 1)
  }

  /// The first day of a year's first week: the week that has at least four days of the year.
  private static func firstWeek(of year: Int, firstDay: Int) -> Int {
    let fourth = Day.number(year: year, month: 1, day: 4)
    // 1970-01-01 was a Thursday.
    let weekday = ((fourth + 3) % 7 + 7) % 7
    return fourth - ((weekday - firstDay + 7) % 7)
  }

  /// The period in which a day lies.
  func period(containing day: Int) -> Period {
    if self == .daily {
      let (year, month, dayOfMonth) = Day.civil(day)
      return Period(
        id: Day.padded(year, 4) + Day.padded(month, 2) + Day.padded(dayOfMonth, 2), type: self, start: day, end: day)
    }
    let (year, month, _) = Day.civil(day)
    if let week {
      let span = self == .biWeekly ? 14 : 7
      // A week belongs to the last year whose first week has begun.
      for candidate in [year + 1, year, year - 1] {
        let start = PeriodType.firstWeek(of: candidate, firstDay: week.firstDay)
        if day >= start { return period(year: candidate, number: (day - start) / span + 1)! }
      }
    }
    let months = self.months!
    let count = year * 12 + month - 1 - (months.first - 1)
    return period(year: count / 12, number: count % 12 / months.length + 1)!
  }

  /// The last period for which data may be entered on a day: with 0 open future periods the one before the current.
  func latestOpen(today: Int, openFuturePeriods: Int) -> Period {
    var period = period(containing: today)
    if openFuturePeriods <= 0 { return self.period(containing: period.start - 1) }
    for _ in 1..<max(1, openFuturePeriods) { period = self.period(containing: period.end + 1) }
    return period
  }
}

/// One period, in the form in which the server writes its id.
struct Period: Sendable, Equatable {
  var id: String
  var type: PeriodType
  /// Days since 1970, both inclusive.
  var start: Int
  var end: Int
}
