import Testing

@testable import D2Common

@Suite("Relative periods")
struct RelativePeriodTests {
  private static func day(_ text: String) -> CalendarDate { CalendarDate(iso8601: text)! }

  private static func ids(
    _ name: String, on day: String, financialYear: PeriodType = .financialOct, week: PeriodType = .weekly
  ) -> [String] {
    let clock = PeriodClock(today: Self.day(day), financialYear: financialYear, week: week)
    return RelativePeriod(name)!.periods(by: clock).map(\.id)
  }

  // MARK: Facts

  @Test("are the 45 of DHIS2 2.43")
  func names() {
    // language: off
    let names = """
      BIMONTHS_THIS_YEAR LAST_10_FINANCIAL_YEARS LAST_10_YEARS LAST_12_MONTHS LAST_12_WEEKS LAST_14_DAYS LAST_180_DAYS \
      LAST_2_SIXMONTHS LAST_30_DAYS LAST_3_DAYS LAST_3_MONTHS LAST_4_BIWEEKS LAST_4_QUARTERS LAST_4_WEEKS LAST_52_WEEKS \
      LAST_5_FINANCIAL_YEARS LAST_5_YEARS LAST_60_DAYS LAST_6_BIMONTHS LAST_6_MONTHS LAST_7_DAYS LAST_90_DAYS \
      LAST_BIMONTH LAST_BIWEEK LAST_FINANCIAL_YEAR LAST_MONTH LAST_QUARTER LAST_SIX_MONTH LAST_WEEK LAST_YEAR \
      MONTHS_LAST_YEAR MONTHS_THIS_YEAR QUARTERS_LAST_YEAR QUARTERS_THIS_YEAR THIS_BIMONTH THIS_BIWEEK \
      THIS_FINANCIAL_YEAR THIS_MONTH THIS_QUARTER THIS_SIX_MONTH THIS_WEEK THIS_YEAR TODAY WEEKS_THIS_YEAR YESTERDAY
      """
    // language: on
    #expect(RelativePeriod.all.map(\.name).sorted() == names.split(separator: " ").map(String.init))
    #expect(RelativePeriod("last_3_months")?.name == "LAST_3_MONTHS")
    for text in ["LAST_CHRISTMAS", "LAST_4_MONTHS", "", "202401", "LAST_3_MONTHS ", "FEBRUARY"] {
      #expect(RelativePeriod(text) == nil, "\(text)")
    }
  }

  /// The expectations of DHIS2's own tests: the number of periods, the first and the last.
  private static let facts: [(name: String, day: String, count: Int, first: String, last: String)] = [
    ("TODAY", "2001-07-01", 1, "20010701", "20010701"),
    ("YESTERDAY", "2001-07-02", 1, "20010701", "20010701"),
    ("LAST_3_DAYS", "2001-07-04", 3, "20010701", "20010703"),
    ("LAST_7_DAYS", "2001-07-08", 7, "20010701", "20010707"),
    ("LAST_14_DAYS", "2001-07-15", 14, "20010701", "20010714"),
    ("LAST_30_DAYS", "2001-07-15", 30, "20010615", "20010714"),
    ("THIS_MONTH", "2001-07-15", 1, "200107", "200107"),
    ("LAST_MONTH", "2001-07-15", 1, "200106", "200106"),
    ("THIS_BIWEEK", "2001-01-15", 1, "2001BiW2", "2001BiW2"),
    ("LAST_BIWEEK", "2001-01-15", 1, "2001BiW1", "2001BiW1"),
    ("THIS_BIMONTH", "2001-07-15", 1, "200104B", "200104B"),
    ("LAST_BIMONTH", "2001-07-15", 1, "200103B", "200103B"),
    ("THIS_QUARTER", "2001-07-15", 1, "2001Q3", "2001Q3"),
    ("LAST_QUARTER", "2001-07-15", 1, "2001Q2", "2001Q2"),
    ("THIS_SIX_MONTH", "2001-07-15", 1, "2001S2", "2001S2"),
    ("LAST_SIX_MONTH", "2001-07-15", 1, "2001S1", "2001S1"),
    ("LAST_12_MONTHS", "2001-01-01", 12, "200001", "200012"),
    ("LAST_3_MONTHS", "2001-07-01", 3, "200104", "200106"),
    ("LAST_6_MONTHS", "2001-07-01", 6, "200101", "200106"),
    ("LAST_4_QUARTERS", "2001-01-01", 4, "2000Q1", "2000Q4"),
    ("LAST_4_BIWEEKS", "2002-01-01", 4, "2001BiW23", "2001BiW26"),
    ("LAST_2_SIXMONTHS", "2001-01-01", 2, "2000S1", "2000S2"),
    ("LAST_5_YEARS", "2001-01-01", 5, "1996", "2000"),
    ("LAST_10_YEARS", "2001-01-01", 10, "1991", "2000"),
    ("LAST_10_FINANCIAL_YEARS", "2001-01-01", 10, "1990Oct", "1999Oct"),
    ("MONTHS_THIS_YEAR", "2001-04-01", 12, "200101", "200112"),
    ("BIMONTHS_THIS_YEAR", "2001-04-01", 6, "200101B", "200106B"),
    ("QUARTERS_THIS_YEAR", "2001-04-01", 4, "2001Q1", "2001Q4"),
    ("LAST_WEEK", "2012-01-20", 1, "2012W2", "2012W2"),
    ("LAST_4_WEEKS", "2010-05-04", 4, "2010W14", "2010W17"),
    ("LAST_12_WEEKS", "2010-05-04", 12, "2010W6", "2010W17"),
    ("THIS_YEAR", "2020-10-15", 1, "2020", "2020"),
    ("THIS_QUARTER", "2020-01-15", 1, "2020Q1", "2020Q1"),
  ]

  @Test("are what DHIS2's own tests expect", arguments: facts.indices)
  func factsOfDHIS2(index: Int) {
    let fact = Self.facts[index]
    let ids = Self.ids(fact.name, on: fact.day)
    #expect(ids.count == fact.count)
    #expect(ids.first == fact.first)
    #expect(ids.last == fact.last)
  }

  @Test("of weeks begin with the server's day")
  func weekStarts() {
    let day = "2001-04-01"
    #expect(Self.ids("THIS_WEEK", on: day) == ["2001W13"])
    #expect(Self.ids("THIS_WEEK", on: day, week: .weeklySunday) == ["2001SunW14"])
    #expect(Self.ids("LAST_WEEK", on: day, week: .weeklyThursday) == ["2001ThuW12"])
    #expect(Self.ids("LAST_4_WEEKS", on: day, week: .weeklySunday).first == "2001SunW10")
    let fridays = Self.ids("LAST_12_WEEKS", on: day, week: .weeklyFriday)
    #expect((fridays.count, fridays.first, fridays.last) == (12, "2001FriW2", "2001FriW13"))
    let saturdays = Self.ids("LAST_52_WEEKS", on: day, week: .weeklySaturday)
    #expect((saturdays.count, saturdays.first, saturdays[11]) == (52, "2000SatW14", "2000SatW25"))
    let wednesdays = Self.ids("WEEKS_THIS_YEAR", on: "2001-06-01", week: .weeklyWednesday)
    #expect((wednesdays.count, wednesdays.first, wednesdays[11]) == (52, "2001WedW1", "2001WedW12"))
  }

  @Test("of financial years begin with the server's month")
  func financialYears() {
    #expect(Self.ids("THIS_FINANCIAL_YEAR", on: "2024-09-30") == ["2023Oct"])
    #expect(Self.ids("THIS_FINANCIAL_YEAR", on: "2024-10-01") == ["2024Oct"])
    #expect(Self.ids("LAST_FINANCIAL_YEAR", on: "2024-04-01", financialYear: .financialApril) == ["2023April"])
    #expect(Self.ids("LAST_FINANCIAL_YEAR", on: "2024-02-29", financialYear: .financialFeb) == ["2023Feb"])
    #expect(
      Self.ids("LAST_5_FINANCIAL_YEARS", on: "2024-06-30", financialYear: .financialJuly)
        == ["2018July", "2019July", "2020July", "2021July", "2022July"])
    #expect(PeriodClock.financialYear(ofSetting: "FINANCIAL_YEAR_AUGUST") == .financialAug)
    #expect(PeriodClock.financialYear(ofSetting: "FINANCIAL_YEAR_NOVEMBER") == nil)
    #expect(PeriodClock.week(ofSetting: "WEEKLY_SATURDAY") == .weeklySaturday)
    #expect(PeriodClock.week(ofSetting: "Monday") == nil)
  }

  // MARK: What is odd in DHIS2

  @Test("of six pairs of months end one too early in the first month of a pair")
  func pairsOfMonths() {
    #expect(
      Self.ids("LAST_6_BIMONTHS", on: "2024-08-31")
        == ["202304B", "202305B", "202306B", "202401B", "202402B", "202403B"])
    #expect(
      Self.ids("LAST_6_BIMONTHS", on: "2024-07-01")
        == ["202303B", "202304B", "202305B", "202306B", "202401B", "202402B"])
    #expect(Self.ids("LAST_BIMONTH", on: "2024-07-01") == ["202403B"])
  }

  @Test("of pairs of weeks miss the 27th pair once it is over")
  func pairsOfWeeks() {
    #expect(Self.ids("THIS_BIWEEK", on: "2021-01-03") == ["2020BiW27"])
    #expect(Self.ids("THIS_BIWEEK", on: "2021-01-04") == ["2021BiW1"])
    #expect(Self.ids("LAST_BIWEEK", on: "2021-01-04") == ["2020BiW26"])
    #expect(Self.ids("LAST_4_BIWEEKS", on: "2021-01-20") == ["2020BiW24", "2020BiW25", "2020BiW26", "2021BiW1"])
  }

  @Test("of the weeks of a year count the 53rd by Mondays")
  func weeksOfYear() {
    #expect(Self.ids("WEEKS_THIS_YEAR", on: "2020-02-29").last == "2020W53")
    #expect(Self.ids("WEEKS_THIS_YEAR", on: "2021-01-01").first == "2021W1")
    #expect(Self.ids("WEEKS_THIS_YEAR", on: "2021-01-01").count == 52)
    // 2024 has 53 weeks that begin on Saturdays, and 52 that begin on Mondays.
    #expect(PeriodType.weeklySaturday.period(containing: Self.day("2024-12-28")).id == "2024SatW53")
    #expect(Self.ids("WEEKS_THIS_YEAR", on: "2024-05-05", week: .weeklySaturday).last == "2024SatW52")
    // 2020 and 2015 are the other way round for Wednesdays and Sundays: the next year's first week is one of them.
    #expect(Self.ids("WEEKS_THIS_YEAR", on: "2020-05-05", week: .weeklyWednesday).last == "2021WedW1")
    #expect(Self.ids("WEEKS_THIS_YEAR", on: "2015-05-05", week: .weeklySunday).last == "2016SunW1")
  }

  // MARK: A slow, obvious version

  /// Day by day backwards from a day: the periods that end before it, the newest first.
  private static func walkedBack(from today: CalendarDate, _ type: PeriodType, _ count: Int) -> [String] {
    var found: [String] = []
    var day = type.period(containing: today).start.adding(days: -1)
    while found.count < count {
      let id = type.period(containing: day).id
      if found.last != id { found.append(id) }
      day = day.adding(days: -1)
    }
    return found.reversed()
  }

  /// The names' own words, read as a person reads them.
  private static func obvious(_ name: String, _ clock: PeriodClock) -> [String] {
    let words = name.split(separator: "_").map(String.init)
    let types: [(word: String, type: PeriodType)] = [
      ("FINANCIAL", clock.financialYear), ("DAY", .daily), ("BIWEEK", .biWeekly), ("WEEK", clock.week),
      ("BIMONTH", .biMonthly), ("SIX", .sixMonthly), ("MONTH", .monthly), ("QUARTER", .quarterly), ("YEAR", .yearly),
    ]
    // MONTHS_THIS_YEAR: its first word names the unit.
    let counted = name.hasSuffix("THIS_YEAR") || name.hasSuffix("LAST_YEAR") ? words[0] : name
    let type = types.first { counted.contains($0.word) }?.type ?? .yearly
    if let count = words.lazy.compactMap({ Int($0) }).first { return walkedBack(from: clock.today, type, count) }
    if words.count == 3, words[2] == "YEAR", words[1] != "FINANCIAL" {
      let year = words[1] == "THIS" ? clock.today.year : clock.today.year - 1
      // A week is of the year that has its Thursday, or whatever is the middle of it.
      return (1...12).flatMap { month in
        (1...CalendarDate.days(inMonth: month, of: year)).compactMap { day -> String? in
          let date = CalendarDate(year: year, month: month, day: day)!
          let period = type.period(containing: date)
          return (type == clock.week ? period.start.adding(days: 3) : period.start) == date ? period.id : nil
        }
      }
    }
    if name == "TODAY" || words[0] == "THIS" { return [type.period(containing: clock.today).id] }
    return walkedBack(from: clock.today, name == "YESTERDAY" ? .daily : type, 1)
  }

  /// Cases in which DHIS2 does not do what a person would expect.
  private static func isOdd(_ name: String, _ clock: PeriodClock) -> Bool {
    switch name {
    case "LAST_6_BIMONTHS": clock.today.month % 2 == 1
    // In the year after one of 53 weeks, and at the end of one.
    case "LAST_BIWEEK", "LAST_4_BIWEEKS": true
    case "WEEKS_THIS_YEAR": clock.week != .weekly
    default: false
    }
  }

  @Test("are what their names say, on each day of thirty years", arguments: RelativePeriod.all.map(\.name))
  func obviousVersion(name: String) {
    let relative = RelativePeriod(name)!
    let weeks: [PeriodType] = [.weekly, .weeklyWednesday, .weeklySunday]
    let years: [PeriodType] = [.financialOct, .financialApril, .financialFeb, .financialJuly]
    let last = Self.day("2031-12-31").dayNumber
    // Steps that meet all days of the year and of the week. Long lists take long to walk.
    let step = name.hasPrefix("LAST_10_") || name.hasPrefix("LAST_5_") ? 61 : 5
    var compared = 0
    for number in stride(from: Self.day("2002-01-01").dayNumber, through: last, by: step) {
      let clock = PeriodClock(
        today: CalendarDate(dayNumber: number), financialYear: years[number % years.count],
        week: weeks[number % weeks.count])
      let periods = relative.periods(by: clock)
      let dates = relative.dates(by: clock)
      if dates != periods.first!.start...periods.last!.end { Issue.record("\(name) on \(clock.today): \(dates)") }
      guard !Self.isOdd(name, clock) else { continue }
      compared += 1
      let expected = Self.obvious(name, clock)
      if periods.map(\.id) != expected { Issue.record("\(name) on \(clock.today): \(periods), not \(expected)") }
    }
    #expect(compared > 100 || name.hasSuffix("BIWEEK") || name.hasSuffix("BIWEEKS"))
  }

  @Test("of pairs of weeks are the pairs that hold the days fourteen days apart")
  func pairsOfWeeksByDays() {
    for number in Self.day("2002-01-01").dayNumber...Self.day("2031-12-31").dayNumber {
      let today = CalendarDate(dayNumber: number)
      let clock = PeriodClock(today: today)
      let before = PeriodType.biWeekly.period(containing: today.adding(days: -14))
      let last = RelativePeriod("LAST_BIWEEK")!.periods(by: clock)
      let four = RelativePeriod("LAST_4_BIWEEKS")!.periods(by: clock)
      if last != [before] || four.last != before || four.count != 4 { Issue.record("\(today): \(last), \(four)") }
      for (one, next) in zip(four, four.dropFirst()) where next.start.dayNumber - one.start.dayNumber > 28 {
        Issue.record("\(today): \(four)")
      }
    }
  }
}
