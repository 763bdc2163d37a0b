import TestSupport
import Testing

@testable import D2Common

@Suite("CalendarDate")
struct CalendarDateTests {
  @Test("knows each day of four centuries, its order and its weekday")
  func days() throws {
    // 1 January 1800 was a Wednesday.
    var weekday = 2
    var last: CalendarDate?
    var count = 0
    for year in 1800..<2200 {
      for month in 1...12 {
        for day in 1...31 {
          guard let date = CalendarDate(year: year, month: month, day: day) else { continue }
          if date.weekday != weekday || (last.map { !($0 < date) } ?? false) { Issue.record("\(date)") }
          weekday = (weekday + 1) % 7
          last = date
          count += 1
        }
      }
    }
    #expect(count == 146_097)
  }

  @Test(
    "there is no such day",
    arguments: [(2023, 2, 29), (1900, 2, 29), (2024, 4, 31), (2024, 13, 1), (2024, 0, 1), (2024, 1, 0), (0, 1, 1)])
  func none(year: Int, month: Int, day: Int) { #expect(CalendarDate(year: year, month: month, day: day) == nil) }

  @Test("is written and read in one form", arguments: ["2024-02-29", "2000-02-29", "0001-01-01", "9999-12-31"])
  func text(text: String) { #expect(CalendarDate(iso8601: text)?.description == text) }

  @Test(
    "reads no other form",
    arguments: [
      "2024-1-31", "2024-01-31T00:00", "20240131", "2023-02-29", "+024-01-01", "2024-01", "", "2024-01-3١",
      "2024-01--1",
    ])
  func refused(text: String) { #expect(CalendarDate(iso8601: text) == nil) }

  @Test("reads a day without dashes", arguments: ["20240229", "00010101", "99991231"])
  func compact(text: String) {
    #expect(CalendarDate(compact: text)?.description.replacing("-", with: "") == text)
  }

  @Test(
    "reads no other digits",
    arguments: ["", "2024023", "202402290", "20230229", "2024-2-9", "+2024022", "2024022٩", "00000101", "20241301"])
  func refusedCompact(text: String) { #expect(CalendarDate(compact: text) == nil) }

  @Test("counts days from 1970, and back")
  func dayNumbers() {
    #expect(CalendarDate(year: 1970, month: 1, day: 1)!.dayNumber == 0)
    #expect(CalendarDate(dayNumber: 19_782).description == "2024-02-29")
    var expected = CalendarDate(dayNumber: -200_000).description
    for number in -200_000...200_000 {
      let date = CalendarDate(dayNumber: number)
      if date.dayNumber != number || date.description != expected { Issue.record("\(number): \(date)") }
      let isLast = date.day == CalendarDate.days(inMonth: date.month, of: date.year)
      let isYearsEnd = isLast && date.month == 12
      let next = CalendarDate(
        year: isYearsEnd ? date.year + 1 : date.year, month: isYearsEnd ? 1 : isLast ? date.month + 1 : date.month,
        day: isLast ? 1 : date.day + 1)
      expected = next!.description
    }
  }

  @Test("goes on by days, and never further than its bounds")
  func adding() {
    let leap = CalendarDate(year: 2024, month: 2, day: 29)!
    #expect(leap.adding(days: 1).description == "2024-03-01" && leap.adding(days: -60).description == "2023-12-31")
    #expect(leap.adding(days: 366).description == "2025-03-01" && leap.adding(days: 0) == leap)
    for date in [leap, CalendarDate(dayNumber: .max), CalendarDate(dayNumber: .min)] {
      #expect(date.adding(days: .max).description == "+99999-12-31")
      #expect(date.adding(days: .min).description == "-9999-01-01")
    }
    #expect(CalendarDate(dayNumber: .max).weekday == 4)
  }

  @Test("a moment's day where the command runs: noon in UTC has one date in nearly all zones")
  func localDay() throws {
    for day in ["1969-12-31", "2024-02-29", "2026-11-26"] {
      #expect(CalendarDate(localAt: try #require(UTCTime("\(day)T12:00:00Z"))).description == day)
    }
  }
}

@Suite("PeriodID")
struct PeriodIDTests {
  @Test(
    "ids of every type are certain",
    arguments: [
      "2024", "202401", "202412", "20240229", "2024W1", "2024W52", "2020W53", "2026W53", "2024WedW1", "2024ThuW52",
      "2024FriW9",
      "2024SatW10", "2024SunW52", "2022WedW53", "2024FriW53", "2020SunW53", "2020BiW27", "2024BiW1", "2024BiW26",
      "202401B", "202406B", "2024Q1", "2024Q4", "2024NovQ4",
      "2024S1", "2024S2",
      "2024AprilS2", "2024NovS1", "2024April", "2024July", "2024Oct", "2024Nov", "2024Sep", "2024Feb", "2024Aug",
    ])
  func certain(id: String) {
    #expect(PeriodID.isCertain(id))
    #expect(PeriodID.isPlausible(id))
  }

  @Test(
    "ids that a server may refuse are not",
    arguments: [
      "", "202", "20241", "202413", "202400", "20240230", "20240431", "2024W0", "2024W54", "2024W53", "2021W53",
      "2024W01", "2024W",
      "2024WedW53", "2024BiW27", "2021BiW27", "2024SunW05", "202407B", "202400B", "20241B", "2024Q0", "2024Q5",
      "2024Q10", "2024NovQ5", "2024S3",
      "2024JulyS1",
      "2024april", "2024JulyQ1", "2024M1", "2024-01", "2024-01-01", "2024Q1 ", " 2024", "2024\n", "٢٠٢٤", "2024W١",
      "0000", "0000Q1",
      "0999W1", "0999SunW1", "0999BiW1", "9999BiW27", "2020W+1", "LAST_YEAR", "2024Q1;2024Q2", "20240101000", "2024w1",
      "2024Week1",
    ])
  func doubted(id: String) { #expect(!PeriodID.isCertain(id)) }

  @Test("other calendars and other spellings are plausible, other texts are not")
  func plausible() {
    for id in ["2015JulyQ1", "20151306", "2078SunW53", "2024-01-01", "2024W53"] {
      #expect(PeriodID.isPlausible(id), "\(id)")
    }
    for id in ["", "202", "LAST_YEAR", "2024 ", "2024_25", "2024/25", "12é4", "2024Q1;2024Q2", "2024Q\u{661}"] {
      #expect(!PeriodID.isPlausible(id), "\(id)")
    }
  }

  @Test("what is certain is plausible, and no damaged id breaks the rule")
  func property() {
    let alphabet = Array("0123456789WQSBbw-ovpril é")
    for seed in 0..<3000 as Range<UInt64> {
      var random = SeededGenerator(seed: seed)
      var id = Array(
        ["2024", "202401", "2024W5", "2024NovQ1", "2024AprilS1", "202405B"].randomElement(using: &random)!)
      id[Int.random(in: 0..<id.count, using: &random)] = alphabet.randomElement(using: &random)!
      let text = String(id)
      if PeriodID.isCertain(text) { #expect(PeriodID.isPlausible(text), "\(text)") }
    }
  }
}
