import D2Common
import TestSupport
import Testing

@testable import D2Convert

@Suite("ADXPeriod")
struct ADXPeriodTests {
  private static func id(_ text: String) -> String {
    do { return try ADXPeriod.id(of: text) } catch { return error.problem }
  }

  /// The expectations of DHIS2 2.43's own tests (`AdxPeriodTest`).
  private static let known = [
    "2024-01-01/P1D": "20240101", "2024-05-06/P1D": "20240506", "2024-01-01/P7D": "2024W1", "2024-01-08/P7D": "2024W2",
    "2024-01-03/P7D": "2024WedW1", "2024-01-04/P7D": "2024ThuW1", "2024-01-06/P7D": "2024SatW2",
    "2024-01-07/P7D": "2024SunW2", "2024-01-01/P14D": "2024BiW1", "2024-01-15/P14D": "2024BiW2",
    "2024-01-01/P1M": "202401", "2024-05-01/P1M": "202405", "2024-01-01/P2M": "202401B", "2024-01-01/P3M": "2024Q1",
    "2024-04-01/P3M": "2024Q2", "2024-01-01/P6M": "2024S1", "2024-07-01/P6M": "2024S2",
    "2024-04-01/P6M": "2024AprilS1", "2024-10-01/P6M": "2024AprilS2", "2024-11-01/P6M": "2025NovS1",
    "2025-05-01/P6M": "2025NovS2", "2024-01-01/P1Y": "2024", "2024-04-01/P1Y": "2024April",
    "2024-07-01/P1Y": "2024July", "2024-10-01/P1Y": "2024Oct", "2024-11-01/P1Y": "2025Nov",
    "2022-01-03/P7D": "2022W1", "2021-12-29/P7D": "2022WedW1", "2021-12-30/P7D": "2022ThuW1",
    "2022-03-01/P2M": "202202B", "2021-11-01/P1Y": "2022Nov",
    // Periods that later versions added, and forms of earlier versions.
    "2014-02-01/P1Y": "2014Feb", "2024-08-01/P1Y": "2024Aug", "2024-09-01/P1Y": "2024Sep",
    "2024-01-05/P7D": "2024FriW2", "2023-11-01/P3M": "2024NovQ1", "2024-02-01/P3M": "2024NovQ2",
    "2015-04-01/P1Q": "2015Q2", "2020-12-28/P14D": "2020BiW27",
  ]

  @Test("reads what DHIS2 reads", arguments: known.sorted { $0.key < $1.key })
  func reads(text: String, id: String) { #expect(Self.id(text) == id) }

  /// The durations of DHIS2's period types.
  private static func duration(_ type: PeriodType) -> String {
    switch type {
    case .daily: "P1D"
    case .biWeekly: "P14D"
    case .monthly: "P1M"
    case .biMonthly: "P2M"
    case .quarterly, .quarterlyNov: "P3M"
    case .sixMonthly, .sixMonthlyApril, .sixMonthlyNov: "P6M"
    default: type.rawValue.hasPrefix("Weekly") ? "P7D" : "P1Y"
    }
  }

  @Test("each period of each type is itself, and no other day begins it", arguments: PeriodType.allCases)
  func everyPeriod(type: PeriodType) {
    var random = SeededGenerator(seed: 1)
    for _ in 0..<300 {
      let day = CalendarDate(dayNumber: Int.random(in: -100_000...100_000, using: &random))
      let period = type.period(containing: day)
      let duration = Self.duration(type)
      #expect(Self.id("\(period.start)/\(duration)") == period.id)
      // The days of weeks and of other types that last as long begin periods of their own.
      let other = period.start.adding(days: duration == "P7D" ? 7 : 1)
      #expect(Self.id("\(other)/\(duration)") != period.id)
    }
  }

  @Test(
    "the periods that real servers named",
    .enabled(if: RealFiles.isThere, "D2_REAL_DATA does not name a folder of real files"))
  func real() throws {
    let rows = try RealFiles.rows("periods/dhis2-periods.tsv")
    try #require(rows.count > 100)
    for row in rows {
      guard let type = PeriodType(rawValue: row[1]) else { continue }
      #expect(Self.id("\(row[2])/\(Self.duration(type))") == row[0])
    }
  }

  @Test("what begins no period is malformed, and said so")
  func malformed() {
    #expect(
      Self.id("2024-01-02/P14D") == #""2024-01-02/P14D": no period of DHIS2 that lasts P14D begins on that day"#)
    #expect(Self.id("2014-02-01/P6M") == #""2014-02-01/P6M": no period of DHIS2 that lasts P6M begins on that day"#)
    for text in ["2024-03-01/P1Y", "2024-01-02/P1M", "2024-02-01/P1Q", "2024-12-01/P3M", "2024-02-01/P2M"] {
      #expect(Self.id(text).contains("begins on that day"), "\(text) is \(Self.id(text))")
    }
    #expect(Self.id("2024-01-01/P1D/P1D") == #""2024-01-01/P1D/P1D" is not a date and duration, as 2024-01-01/P1M"#)
    #expect(
      Self.id("2024-1-1/P1M") == #""2024-1-1/P1M" does not begin with a date, as 2024-01-01/P1M does"#)
    #expect(Self.id("2023-02-29/P1D").contains("does not begin with a date"))
    #expect(
      Self.id("2024-01-01/P1")
        == #""2024-01-01/P1" does not end with a duration that DHIS2 knows: P1D, P7D, P14D, P1M, P2M, P3M, P6M or P1Y"#)
  }
}
