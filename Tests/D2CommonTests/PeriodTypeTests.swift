import TestSupport
import Testing

@testable import D2Common

@Suite("Periods")
struct PeriodTypeTests {
  private static let years = day("1900-01-01")...day("2100-12-31")

  private static func day(_ text: String) -> CalendarDate { CalendarDate(iso8601: text)! }

  @Test("follow each other without a hole, and are read as they are printed", arguments: PeriodType.allCases)
  func tiles(type: PeriodType) {
    let periods = type.periods(overlapping: Self.years)
    var overlaps = 0
    for (period, next) in zip(periods, periods.dropFirst()) {
      if Period(id: period.id) != period || period.type != type { Issue.record("\(period) is read as another") }
      if period.next != next { Issue.record("\(next) behind \(period) is not \(period.next)") }
      let gap = next.start.dayNumber - period.end.dayNumber
      if gap == -6, period.id.hasSuffix("BiW27") {
        overlaps += 1
      } else if gap != 1 {
        Issue.record("\(period), \(next)")
      }
    }
    #expect(periods.first!.start <= Self.years.lowerBound && Self.years.upperBound <= periods.last!.end)
    #expect(Set(periods.map(\.id)).count == periods.count)
    // As many as there are years with 53 weeks.
    #expect(overlaps == (type == .biWeekly ? 36 : 0))
  }

  // MARK: Obvious slow versions

  /// Weeks, found by walking from day to day: a week is its year's that has most of its days.
  private static func walkedWeeks(from weekday: Int) -> [(year: Int, number: Int, days: [CalendarDate])] {
    var weeks: [(year: Int, number: Int, days: [CalendarDate])] = []
    var week: [CalendarDate] = []
    var number = 0
    // 1 January 1899 was a Sunday.
    var (year, month, date, dayOfWeek) = (1899, 1, 1, 6)
    while year <= 2101 {
      if dayOfWeek == weekday {
        if week.count == 7 {
          let ofYear = week[3].year
          number = weeks.last?.year == ofYear ? number + 1 : 1
          weeks.append((ofYear, number, week))
        }
        week = []
      }
      week.append(CalendarDate(year: year, month: month, day: date)!)
      dayOfWeek = dayOfWeek == 6 ? 0 : dayOfWeek + 1
      date += 1
      if date > CalendarDate.days(inMonth: month, of: year) { (month, date) = (month + 1, 1) }
      if month > 12 { (year, month) = (year + 1, 1) }
    }
    // The first year is not walked from its beginning.
    return weeks.filter { (1900...2100).contains($0.year) }
  }

  @Test(
    "weeks are those that a walk from day to day finds",
    arguments: [
      (PeriodType.weekly, "W", 0), (.weeklyWednesday, "WedW", 2), (.weeklyThursday, "ThuW", 3),
      (.weeklyFriday, "FriW", 4), (.weeklySaturday, "SatW", 5), (.weeklySunday, "SunW", 6),
    ])
  func weeks(type: PeriodType, infix: String, weekday: Int) {
    let weeks = Self.walkedWeeks(from: weekday)
    #expect(weeks.count > 10_480)
    for week in weeks {
      let period = type.period(containing: week.days[0])
      let isRight =
        period.id == "\(week.year)\(infix)\(week.number)" && period.start == week.days[0] && period.end == week.days[6]
      if !isRight { Issue.record("\(week): \(period)") }
      for day in week.days where type.period(containing: day) != period { Issue.record("\(day) is not in \(period)") }
    }
    // A 53rd week is read in the years that have one.
    for year in 1900...2100 {
      let has53 = weeks.contains { $0.year == year && $0.number == 53 }
      if (Period(id: "\(year)\(infix)53") != nil) != has53 { Issue.record("\(year)\(infix)53") }
    }
  }

  @Test("pairs of weeks are two of the weeks that a walk finds; a 27th has the next year's first week, too")
  func pairsOfWeeks() {
    let weeks = Self.walkedWeeks(from: 0)
    for (index, week) in weeks.enumerated().dropLast() where week.number % 2 == 1 {
      let next = weeks[index + 1]
      let period = PeriodType.biWeekly.period(containing: week.days[0])
      let isRight =
        period.id == "\(week.year)BiW\(week.number / 2 + 1)" && period.start == week.days[0]
        && period.end == next.days[6]
      if !isRight { Issue.record("\(week): \(period)") }
      let others = next.days.filter { PeriodType.biWeekly.period(containing: $0) != period }.count
      if others != (week.number == 53 ? 7 : 0) { Issue.record("the second week of \(period)") }
    }
  }

  /// The months in which a type's periods begin, the text after the year in the ids, and how far that year is ahead.
  private static let beginnings: [PeriodType: [(month: Int, suffix: String, ahead: Int)]] = [
    .monthly: (1...12).map { ($0, $0 < 10 ? "0\($0)" : "\($0)", 0) },
    .biMonthly: (1...6).map { ($0 * 2 - 1, "0\($0)B", 0) },
    .quarterly: [(1, "Q1", 0), (4, "Q2", 0), (7, "Q3", 0), (10, "Q4", 0)],
    .quarterlyNov: [(11, "NovQ1", 1), (2, "NovQ2", 0), (5, "NovQ3", 0), (8, "NovQ4", 0)],
    .sixMonthly: [(1, "S1", 0), (7, "S2", 0)],
    .sixMonthlyApril: [(4, "AprilS1", 0), (10, "AprilS2", 0)],
    .sixMonthlyNov: [(11, "NovS1", 1), (5, "NovS2", 0)],
    .yearly: [(1, "", 0)],
    .financialFeb: [(2, "Feb", 0)],
    .financialApril: [(4, "April", 0)],
    .financialJuly: [(7, "July", 0)],
    .financialAug: [(8, "Aug", 0)],
    .financialSep: [(9, "Sep", 0)],
    .financialOct: [(10, "Oct", 0)],
    .financialNov: [(11, "Nov", 1)],
  ]

  @Test(
    "months are those that a walk from month to month finds", arguments: beginnings.keys.sorted { "\($0)" < "\($1)" })
  func months(type: PeriodType) {
    var current: Period?
    for year in 1900...2100 {
      for month in 1...12 {
        let first = CalendarDate(year: year, month: month, day: 1)!
        if let beginning = Self.beginnings[type]!.first(where: { $0.month == month }) {
          if let current, current.end.adding(days: 1) != first { Issue.record("\(current) ends before \(first)") }
          current = type.period(containing: first)
          let id = "\(year + beginning.ahead)\(beginning.suffix)"
          if current!.id != id || current!.start != first { Issue.record("\(current!) is not \(id)") }
        }
        let last = CalendarDate(year: year, month: month, day: CalendarDate.days(inMonth: month, of: year))!
        guard let current else { continue }
        for day in [first, first.adding(days: 14), last] where type.period(containing: day) != current {
          Issue.record("\(day) is not in \(current)")
        }
      }
    }
  }

  // MARK: Ids

  @Test("ids of no period are not read, and every damaged id is another's or none")
  func damagedIDs() {
    let decades = Self.day("2000-01-01")...Self.day("2039-12-31")
    let all = PeriodType.allCases.flatMap { $0.periods(overlapping: decades) }
      // Not the last ones of 1999, nor the first ones of 2040.
      .filter { $0.id.hasPrefix("20") && !$0.id.hasPrefix("204") }
    let known = Dictionary(uniqueKeysWithValues: all.map { ($0.id, $0) })
    let alphabet = Array("0123456789WQSBNovAprilJuly-+ e\u{e9}")
    for seed in 0..<5000 as Range<UInt64> {
      var random = SeededGenerator(seed: seed)
      var letters = Array(all.randomElement(using: &random)!.id)
      let place = Int.random(in: 4...letters.count, using: &random)
      switch Int.random(in: 0..<3, using: &random) {
      case 0 where place < letters.count: letters[place] = alphabet.randomElement(using: &random)!
      case 1 where place < letters.count: letters.remove(at: place)
      default: letters.insert(alphabet.randomElement(using: &random)!, at: place)
      }
      let text = String(letters)
      // These are the next year's first ones, or none.
      if text.hasSuffix("BiW27") { continue }
      let period = Period(id: text)
      if period != known[Self.printed(text)] { Issue.record("\(text) is \(period?.id ?? "none")") }
    }
  }

  /// The spelling that is printed of one that is read: no zeros before the number of a week, no dashes in dates.
  private static func printed(_ text: String) -> String {
    let letters = Array(text)
    if letters.count >= 7, letters[letters.count - 3] == "W", letters[letters.count - 2] == "0" {
      return String(letters[..<(letters.count - 2)]) + String(letters.suffix(1))
    }
    let dashes = letters.indices.filter { letters[$0] == "-" }
    guard letters.count == 7 && dashes == [4] || letters.count == 10 && dashes == [4, 7] else { return text }
    let digits = text.replacing("-", with: "")
    return digits.allSatisfy(\.isNumber) ? digits : text
  }

  @Test(
    "a 27th pair of weeks is read in years with 53 weeks and in those that follow them",
    arguments: [
      ("2020BiW27", "2020BiW27"), ("2021BiW27", "2022BiW1"), ("2022BiW27", nil), ("2019BiW27", nil),
      ("2026BiW27", "2026BiW27"), ("2027BiW27", "2028BiW1"), ("2024BiW27", nil), ("2020BiW28", nil),
      ("9999BiW27", "10000BiW1"),
    ])
  func pair27(id: String, expected: String?) { #expect(Period(id: id)?.id == expected) }

  // MARK: Open periods

  @Test("behind a year of 53 weeks, one open period is the 27th pair of weeks, as the server has it")
  func openPairOfWeeks() {
    func latest(_ today: String, _ count: Int) -> String {
      PeriodType.biWeekly.latestOpen(on: Self.day(today), openFuturePeriods: count).id
    }
    #expect(latest("2021-01-03", 0) == "2020BiW26" && latest("2021-01-03", 1) == "2020BiW27")
    #expect(latest("2021-01-04", 0) == "2020BiW26" && latest("2021-01-04", 1) == "2020BiW27")
    #expect(latest("2021-01-17", 2) == "2021BiW1" && latest("2021-01-18", 0) == "2021BiW1")
    #expect(latest("2020-01-01", 0) == "2019BiW26" && latest("2020-01-01", 1) == "2020BiW1")
  }

  @Test("a negative number of open periods means no period")
  func negativeOpenPeriods() {
    #expect(PeriodType.monthly.latestOpen(on: Self.day("2024-03-31"), openFuturePeriods: -3).id == "202402")
    #expect(PeriodType.monthly.latestOpen(on: Self.day("2024-03-31"), openFuturePeriods: .min).id == "202402")
  }

  // MARK: Bounds

  @Test("nothing traps at the ends of time", arguments: PeriodType.allCases)
  func bounds(type: PeriodType) {
    for number in [Int.min, Int.max, -100_000_000, 100_000_000, -719_468, -719_529] {
      let date = CalendarDate(dayNumber: number)
      let period = type.period(containing: date)
      #expect(period.start <= date && !period.id.isEmpty)
      let next = period.next
      #expect(next.start >= period.start)
      #expect(!type.periods(overlapping: date...date).isEmpty)
      if number > 0 { _ = type.latestOpen(on: date, openFuturePeriods: .max) }
    }
    let last = type.latestOpen(on: Self.day("9998-12-31"), openFuturePeriods: .max)
    #expect(last.start.year >= 9999)
    for year in ["0000", "0001", "0999", "9998", "9999"] {
      let period = type.period(containing: CalendarDate(compact: "20240229")!)
      guard let odd = Period(id: year + period.id.dropFirst(4)) else { continue }
      #expect(odd.type == type && odd.start <= odd.end && odd.id.hasPrefix(year))
    }
  }
}
