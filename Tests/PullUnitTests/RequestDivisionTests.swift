import D2Client
import D2Common
import Testing

@testable import d2_pull

@Suite("RequestDivision")
struct RequestDivisionTests {
  private static let today = CalendarDate(year: 2024, month: 7, day: 20)!

  private static func request(_ start: String, _ end: String) -> ExportRequest {
    ExportRequest(
      .dataValues, subject: [("dataSet", "abcdefghij1")], places: [("orgUnit", "abcdefghij2")],
      times: ExportRequest.days((start, end)), children: true)
  }

  /// Whether a request contains a period.
  private static func asks(_ request: ExportRequest, _ period: Period) -> Bool {
    if request.times.first?.name == "period" { return request.times.contains { $0.value == period.id } }
    return period.start.description >= request.times[0].value && period.end.description <= request.times[1].value
  }

  @Test(
    "however often dates are cut, each period of each type stays in one request",
    arguments: [("2021-12-15", "2024-02-10"), ("1900-01-01", "2199-12-31"), ("2024-01-01", "2024-12-31")])
  func dates(start: String, end: String) throws {
    let whole = Self.request(start, end)
    var requests = [whole]
    for _ in 0..<9 {
      requests = requests.flatMap { RequestDivision.cutDates($0, today: Self.today, minor: 43) ?? [$0] }
    }
    #expect(requests.count > 12)
    let days = CalendarDate(iso8601: "2021-11-01")!...CalendarDate(iso8601: "2025-02-28")!
    var periods = 0
    for type in PeriodType.allCases {
      for period in type.periods(overlapping: days) {
        let count = requests.filter { Self.asks($0, period) }.count
        #expect(count == (Self.asks(whole, period) ? 1 : 0), "\(period) \(period.start) \(period.end)")
        periods += count
      }
    }
    #expect(periods > 400)
    // A request that cannot be divided covers at most a month.
    let longest = requests.filter {
      $0.times[0].value >= "2021" && $0.times[0].name == "startDate" && $0.times[1].value < "2024-07"
    }
    #expect(longest.allSatisfy { $0.times[0].value.prefix(7) == $0.times[1].value.prefix(7) })
  }
}
