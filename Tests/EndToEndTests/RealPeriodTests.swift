import D2Common
import Testing
import WaitingTests

@testable import StandInServer

/// Tables with the results of DHIS2's own period classes, and of its clients' classes.
@Suite("Real periods", .waiting, .enabled(if: RealData.isThere, "D2_REAL_DATA does not name a folder of real files"))
struct RealPeriodTests {
  private static let newIn43: Set<PeriodType> = [.weeklyFriday, .financialFeb, .financialAug]

  /// As the tables write a period.
  private static func text(_ period: Period?) -> String {
    period.map { "\($0.type.rawValue) \($0.start) \($0.end)" } ?? "INVALID"
  }

  @Test("every period that DHIS2 makes has its id, its type and its dates")
  func periodsOfDHIS2() throws {
    let rows = try RealData.rows("periods/dhis2-periods.tsv")
    #expect(rows.count > 3000)
    for row in rows {
      let (id, expected) = (row[0], "\(row[1]) \(row[2]) \(row[3])")
      guard let period = Period(id: id) else {
        Issue.record("\(id) is not read")
        continue
      }
      if period.id != id || Self.text(period) != expected { Issue.record("\(id) is \(period): \(Self.text(period))") }
      if period.type.period(containing: period.start) != period { Issue.record("\(id) around its first day") }
      if !period.type.periods(overlapping: period.end...period.end).contains(period) {
        Issue.record("\(id) around its last day")
      }
      if !PeriodID.isCertain(id) || !PeriodID.isPlausible(id) { Issue.record("\(id) is doubted") }
    }
  }

  /// The rows of the table of spellings, whose inputs are escaped like JSON strings.
  private static func spellings() throws -> [(input: String, v40: String, v42: String, v43: String)] {
    try RealData.rows("periods/dhis2-parse.tsv").filter { $0.count == 4 }.map { row in
      let text = row[0].replacing("\"", with: "\\\"")
      return (try #require(try JSONValue(parsing: "\"\(text)\"").string), row[1], row[2], row[3])
    }
  }

  @Test("every spelling is what 2.42 makes of it, with the types that 2.43 added")
  func spellingsOfDHIS2() throws {
    let rows = try Self.spellings()
    #expect(rows.count > 290)
    for row in rows {
      let period = Period(id: row.input)
      let expected = period.map { Self.newIn43.contains($0.type) } == true ? row.v43 : row.v42
      if Self.text(period) != expected {
        Issue.record("\(row.input.debugDescription): \(Self.text(period)), not \(expected)")
      }
      // The printed id is the same period, if its year fits into four digits.
      if let period, period.id.utf8.count == row.input.utf8.count || period.start.year < 9999 {
        if Period(id: period.id) != period { Issue.record("\(row.input) is printed as \(period.id)") }
      }
    }
  }

  @Test("the stand-in server reads what its version reads")
  func spellingsOfTheStandIn() throws {
    for row in try Self.spellings() {
      for (version, expected) in [(ServerVersion.v40, row.v40), (.v42, row.v42), (.v43, row.v43)] {
        let read = Self.text(PeriodParser.parse(row.input, version))
        if read != expected {
          Issue.record("2.\(version.minor): \(row.input.debugDescription): \(read), not \(expected)")
        }
      }
    }
  }

  @Test("no id that 2.43 refuses is certain")
  func refusedPeriods() throws {
    let rows = try Self.spellings()
    let refused = rows.filter { $0.v43 == "INVALID" }
    #expect(refused.count > 150)
    #expect(refused.filter { PeriodID.isCertain($0.input) }.map(\.input) == [])
    #expect(rows.filter { PeriodID.isCertain($0.input) && !PeriodID.isPlausible($0.input) }.map(\.input) == [])
  }

  @Test("the latest open period is the one that DHIS2 says")
  func openPeriods() throws {
    let rows = try RealData.rows("periods/dhis2-open-periods.tsv")
    #expect(rows.count > 270)
    for row in rows {
      let type = try #require(PeriodType(rawValue: row[0]))
      let today = try #require(CalendarDate(iso8601: row[1]))
      let latest = type.latestOpen(on: today, openFuturePeriods: try #require(Int(row[2])))
      if latest.id != row[3] { Issue.record("\(row.joined(separator: " ")): \(latest)") }
    }
  }

  @Test("ids of every calendar are plausible; those of the Gregorian one have the dates that tests of others say")
  func othersPeriods() throws {
    let rows = try RealData.rows("periods/periods.tsv")
    #expect(rows.count > 80)
    for row in rows {
      let expected = "\(row[0]) \(row[2]) \(row[3])"
      let read = Self.text(Period(id: row[1]))
      if read != expected || !PeriodID.isCertain(row[1]) { Issue.record("\(row[1]): \(read), not \(expected)") }
    }
    let others = try RealData.rows("periods/periods-other-calendars.tsv").map { $0[1] }
    #expect(others.count > 120)
    // A client library spells November where servers write Nov.
    #expect(others.filter { !PeriodID.isPlausible($0) && !$0.contains("November") } == [])
  }

  @Test("dates are in the periods in which others' tests have them")
  func datesInPeriods() throws {
    let rows = try RealData.rows("periods/period-dates.tsv")
    #expect(rows.count == 40)
    for row in rows {
      let type = try #require(PeriodType(rawValue: row[0]))
      let period = type.period(containing: try #require(CalendarDate(iso8601: row[2])))
      if period.id != row[1] { Issue.record("\(row[2]) is in \(period), not \(row[1])") }
    }
  }

  @Test("years have as many periods as others' tests count")
  func periodsOfYears() throws {
    let rows = try RealData.rows("periods/period-counts.tsv").filter { $0[0] == "gregorian" }
    #expect(rows.count == 12)
    for row in rows {
      let type = try #require(PeriodType(rawValue: row[1]))
      let year = try #require(Int(row[2]))
      let days = try #require(CalendarDate(year: year, month: 1, day: 1))
      let last = try #require(CalendarDate(year: year, month: 12, day: 31))
      let count = type.periods(overlapping: days...last).filter { $0.id.hasPrefix(row[2]) }.count
      if String(count) != row[3] { Issue.record("\(row.joined(separator: " ")): \(count)") }
    }
  }

  @Test("the ids of dhis2-core's own test", arguments: ["valid", "invalid"])
  func coreTest(verdict: String) throws {
    let rows = try RealData.rows("periods/period-ids.tsv").filter { $0[0] == verdict && $0[3].contains("dhis2-core") }
    #expect(rows.count >= 7)
    for id in rows.map({ $0[1] }) {
      #expect((Period(id: id) != nil) == (verdict == "valid"), "\(id)")
      // Dates with dashes are good, but no server prints them.
      #expect(PeriodID.isCertain(id) == (verdict == "valid" && !id.contains("-")), "\(id)")
      if verdict == "valid" { #expect(PeriodID.isPlausible(id), "\(id)") }
    }
  }
}
