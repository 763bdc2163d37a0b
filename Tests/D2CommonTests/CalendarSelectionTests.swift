import Testing

@testable import D2Common

@Suite("CalendarSelection")
struct CalendarSelectionTests {
  /// A Tuesday.
  private static let today = CalendarDate(iso8601: "2024-11-26")!

  /// The flags of a command line.
  private struct Flags {
    var year: String?
    var month: String?
    var quarter: String?
    var daysBack: String?
    var currentDate = false
    var period: String?
    var from: String?
    var to: String?

    func resolve(_ today: CalendarDate) throws(CommandFailure) -> CalendarSelection {
      try CalendarSelection.resolve(
        year: year, month: month, quarter: quarter, daysBack: daysBack, currentDate: currentDate, period: period,
        from: from, to: to, today: today)
    }
  }

  /// The ids that the flags select, with blanks between them.
  private func ids(
    _ flags: Flags, _ type: PeriodType, open: Int = 0, on day: CalendarDate = today
  ) throws -> String {
    try flags.resolve(day).periods(of: type, openFuturePeriods: open, by: PeriodClock(today: day)).map(\.id).joined(
      separator: " ")
  }

  private func count(_ flags: Flags, _ type: PeriodType, on day: CalendarDate = today) throws -> Int {
    try flags.resolve(day).periods(of: type, openFuturePeriods: 0, by: PeriodClock(today: day)).count
  }

  private func date(_ text: String) -> CalendarDate { CalendarDate(iso8601: text)! }

  // MARK: Dates

  @Test("a year, a month of it, a quarter of it")
  func years() throws {
    #expect(try ids(Flags(year: "2022"), .yearly) == "2022")
    #expect(try ids(Flags(year: "2022"), .quarterly) == "2022Q1 2022Q2 2022Q3 2022Q4")
    #expect(try ids(Flags(year: "2022", quarter: "1"), .monthly) == "202201 202202 202203")
    #expect(try ids(Flags(year: "2022", quarter: "4"), .monthly) == "202210 202211 202212")
    #expect(try ids(Flags(year: "2022", quarter: "2"), .yearly) == "2022")
    #expect(try ids(Flags(year: "2022", month: "01"), .monthly) == "202201")
    #expect(try ids(Flags(year: "2022", month: "12"), .quarterly) == "2022Q4")
  }

  @Test("a month and a quarter: each type takes the one that fits it")
  func monthAndQuarter() throws {
    let both = Flags(year: "2022", month: "5", quarter: "3")
    #expect(try ids(both, .monthly) == "202205" && count(both, .daily) == 31)
    #expect(try ids(both, .weekly) == "2022W17 2022W18 2022W19 2022W20 2022W21 2022W22")
    #expect(try ids(both, .biMonthly) == "202203B")
    #expect(try ids(both, .quarterly) == "2022Q3" && ids(both, .sixMonthly) == "2022S2")
    #expect(try ids(both, .yearly) == "2022" && ids(both, .financialJuly) == "2022July")
    #expect(try ids(Flags(month: "5", quarter: "1"), .quarterly) == "2024Q1")
    #expect(complaint(Flags(month: "13", quarter: "1")) != nil && complaint(Flags(month: "1", quarter: "5")) != nil)
  }

  @Test("a month alone and a quarter alone are of the current year")
  func currentYear() throws {
    #expect(try ids(Flags(month: "3"), .monthly) == "202403")
    #expect(try ids(Flags(quarter: "1"), .monthly) == "202401 202402 202403")
    #expect(try ids(Flags(quarter: "4"), .monthly) == "202410 202411")
  }

  @Test("February has its last day")
  func february() throws {
    #expect(try count(Flags(year: "2024", month: "2"), .daily) == 29)
    #expect(try count(Flags(year: "2023", month: "2"), .daily) == 28)
    #expect(try count(Flags(year: "1900", month: "2"), .daily) == 28)
    #expect(try count(Flags(year: "2000", month: "02"), .daily) == 29)
    #expect(try ids(Flags(daysBack: "1"), .daily, on: date("2024-03-01")) == "20240229 20240301")
    #expect(try ids(Flags(period: "20240229"), .monthly) == "202402")
  }

  @Test("days back from today, and today")
  func daysBack() throws {
    #expect(try ids(Flags(daysBack: "0"), .daily) == "20241126")
    #expect(try ids(Flags(daysBack: "2"), .daily) == "20241124 20241125 20241126")
    #expect(try ids(Flags(daysBack: "2"), .weekly) == "2024W47 2024W48")
    #expect(try ids(Flags(daysBack: "30"), .monthly) == "202410 202411")
    #expect(try ids(Flags(daysBack: "331"), .yearly) == "2023 2024")
    #expect(try ids(Flags(currentDate: true), .daily) == "20241126")
    #expect(try ids(Flags(currentDate: true), .sixMonthlyNov) == "2025NovS1")
  }

  @Test("the dates of a period, and that period alone where it is of the data set's type")
  func periods() throws {
    #expect(try ids(Flags(period: "2022Q2"), .monthly) == "202204 202205 202206")
    #expect(try ids(Flags(period: "2022Q2"), .quarterly) == "2022Q2")
    #expect(try ids(Flags(period: "2022Q2"), .yearly) == "2022")
    #expect(try ids(Flags(period: "2022W5"), .monthly) == "202201 202202")
    #expect(try ids(Flags(period: "20220131"), .weekly) == "2022W5")
    #expect(try ids(Flags(period: "2022Nov"), .yearly) == "2021 2022")
    // It shares a week with 2020BiW27.
    #expect(try ids(Flags(period: "2021BiW1"), .biWeekly) == "2021BiW1")
    // A future period that the user names is accepted.
    #expect(try ids(Flags(period: "203001"), .monthly) == "203001")
    #expect(try ids(Flags(period: "203001"), .yearly) == "")
  }

  @Test("dates from and to")
  func fromTo() throws {
    #expect(try ids(Flags(from: "2022-01-31", to: "2022-02-01"), .monthly) == "202201 202202")
    #expect(try ids(Flags(from: "2022-01-31", to: "2022-01-31"), .daily) == "20220131")
    #expect(try ids(Flags(from: "2021-12-31", to: "2022-01-01"), .yearly) == "2021 2022")
    #expect(try count(Flags(from: "0001-01-01", to: "9999-12-31"), .yearly) == 2024)
  }

  @Test("no flag: the year so far, the month so far of daily data")
  func soFar() throws {
    #expect(
      try ids(Flags(), .monthly) == "202401 202402 202403 202404 202405 202406 202407 202408 202409 202410 202411")
    #expect(try ids(Flags(), .yearly) == "2024")
    #expect(try count(Flags(), .daily) == 26)
    #expect(try ids(Flags(), .daily, on: date("2024-01-02")) == "20240101 20240102")
    #expect(try ids(Flags(), .weekly, on: date("2023-01-01")) == "2022W52")
    // A period that is open early has no day up to today.
    #expect(try ids(Flags(), .quarterly, open: 3) == "2024Q1 2024Q2 2024Q3 2024Q4")
  }

  // MARK: Edges

  @Test("a week over a year's end belongs to both years")
  func weekOverYears() throws {
    let of2020 = try ids(Flags(year: "2020"), .weekly)
    let of2021 = try ids(Flags(year: "2021"), .weekly)
    #expect(of2020.hasPrefix("2020W1 ") && of2020.hasSuffix(" 2020W53"))
    #expect(of2021.hasPrefix("2020W53 2021W1 ") && of2021.hasSuffix(" 2021W52"))
    #expect(try ids(Flags(year: "2021", month: "1"), .biWeekly) == "2020BiW27 2021BiW1 2021BiW2")
    #expect(try ids(Flags(from: "2021-01-05", to: "2021-01-05"), .biWeekly) == "2020BiW27 2021BiW1")
  }

  @Test("a period that has not begun is left out, unless the data set opens it")
  func future() throws {
    let flags = Flags(year: "2024")
    #expect(try ids(flags, .quarterly) == "2024Q1 2024Q2 2024Q3 2024Q4")
    #expect(try ids(Flags(year: "2024", quarter: "4"), .monthly) == "202410 202411")
    #expect(try ids(Flags(year: "2024", quarter: "4"), .monthly, open: 1) == "202410 202411")
    #expect(try ids(Flags(year: "2024", quarter: "4"), .monthly, open: 2) == "202410 202411 202412")
    #expect(try ids(Flags(year: "2025"), .monthly, open: 3) == "202501")
    #expect(try ids(Flags(year: "2025"), .monthly) == "")
    #expect(try ids(Flags(year: "9999"), .daily, open: 10) == "")
    // The period ends in the requested year, and has begun.
    #expect(try ids(Flags(year: "2025"), .financialJuly) == "2024July")
    #expect(try ids(Flags(year: "2025"), .financialNov) == "2025Nov")
    #expect(try ids(Flags(from: "2024-11-27", to: "2024-11-28"), .daily) == "")
    #expect(try ids(Flags(from: "2024-11-27", to: "2024-11-28"), .weekly) == "2024W48")
  }

  // MARK: Complaints

  private func complaint(_ flags: Flags) -> String? {
    do {
      _ = try flags.resolve(Self.today)
      return nil
    } catch {
      #expect(error.exitStatus == .usage)
      return error.message
    }
  }

  @Test("groups of flags exclude each other")
  func exclusion() {
    let exclude = "exclude each other: give one of them"
    #expect(complaint(Flags(year: "2024", daysBack: "1")) == "-y/--year and -n/--days-back \(exclude)")
    #expect(complaint(Flags(quarter: "1", currentDate: true)) == "-q/--quarter and -c/--current-date \(exclude)")
    #expect(complaint(Flags(daysBack: "1", period: "2024")) == "-n/--days-back and -p/--period \(exclude)")
    #expect(complaint(Flags(period: "2024", to: "2024-01-01")) == "-p/--period and --to \(exclude)")
    #expect(complaint(Flags(currentDate: true, from: "2024-01-01")) == "-c/--current-date and --from \(exclude)")
  }

  @Test("what a flag takes is said", arguments: ["", "22", "02024", "0000", "abcd", "-202", "20 4", "٢٠٢٤"])
  func badYear(text: String) {
    #expect(complaint(Flags(year: text)) == "-y/--year \"\(text)\": a year of four digits such as 2024")
  }

  @Test("so are numbers and their range", arguments: ["", "0", "13", "+1", "-1", "1.0", "x", "99999999999999999999"])
  func badNumber(text: String) {
    #expect(complaint(Flags(month: text)) == "-m/--month \"\(text)\": a whole number from 1 to 12")
    #expect(complaint(Flags(quarter: text)) == "-q/--quarter \"\(text)\": a whole number from 1 to 4")
    guard text != "0", text != "13" else { return }
    #expect(complaint(Flags(daysBack: text)) == "-n/--days-back \"\(text)\": a whole number from 0 to 36525")
  }

  @Test("a relative period is what DHIS2 makes of it, and the periods of other types that have a day in it")
  func relative() throws {
    #expect(try ids(Flags(period: "LAST_3_MONTHS"), .monthly) == "202408 202409 202410")
    #expect(try ids(Flags(period: "last_quarter"), .monthly) == "202407 202408 202409")
    #expect(try ids(Flags(period: "LAST_3_MONTHS"), .quarterly) == "2024Q3 2024Q4")
    #expect(try ids(Flags(period: "LAST_MONTH"), .yearly) == "2024" && count(Flags(period: "LAST_3_DAYS"), .daily) == 3)
    // A period that has not begun is left out, unless it is open.
    #expect(try count(Flags(period: "MONTHS_THIS_YEAR"), .monthly) == 11)
    #expect(try ids(Flags(period: "QUARTERS_THIS_YEAR"), .quarterly, open: 2) == "2024Q1 2024Q2 2024Q3 2024Q4")
    #expect(try ids(Flags(period: "MONTHS_THIS_YEAR"), .monthly, open: 2).hasSuffix("202411 202412"))
  }

  @Test("so are periods and dates")
  func badDates() {
    for (text, hint) in [
      ("", ""), ("2024Q5", ""), ("20240230", ""), ("last month", "; did you mean LAST_MONTH?"), ("LAST_CHRISTMAS", ""),
      ("THIS_QUATER", "; did you mean THIS_QUARTER?"),
    ] {
      let expected =
        "-p/--period \"\(text)\": a period id such as 2024, 202401, 2024W5 or 20240131, or a relative period such as "
        + "LAST_3_MONTHS\(hint)"
      #expect(complaint(Flags(period: text)) == expected)
    }
    #expect(complaint(Flags(from: "2024-01-01")) == "--from and --to go together")
    #expect(complaint(Flags(to: "2024-01-01")) == "--from and --to go together")
    #expect(
      complaint(Flags(from: "20240101", to: "2024-01-02")) == "--from \"20240101\": a date such as 2024-01-31")
    #expect(
      complaint(Flags(from: "2024-01-01", to: "2024-02-30")) == "--to \"2024-02-30\": a date such as 2024-01-31")
    #expect(complaint(Flags(from: "2024-01-02", to: "2024-01-01")) == "--from 2024-01-02 is after --to 2024-01-01")
  }
}
