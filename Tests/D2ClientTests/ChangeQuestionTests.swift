import Testing

@testable import D2Common
@testable import D2Client

@Suite("What changed since, by version and zone")
struct ChangeQuestionTests {
  private func server(_ version: String?, _ zone: String?, _ local: String, date: String? = nil) -> ServerInfo {
    var members: [JSONValue.Member] = [.init("serverDate", .string(local))]
    if let version { members.append(.init("version", .string(version))) }
    if let zone { members.append(.init("serverTimeZoneId", .string(zone))) }
    return ServerInfo(.object(members), date: date.flatMap { UTCTime($0) })
  }

  @Test(
    "only a positive number of cores counts",
    arguments: [("8", 8), ("0", nil), ("-1", nil), ("null", nil)])
  func cores(reported: String, known: Int?) throws {
    let info = ServerInfo(try JSONValue(parsing: #"{"version":"2.43.1","cpuCores":\#(reported)}"#), date: nil)
    #expect(info.cores == known)
    #expect(ServerInfo(nil, date: nil).cores == nil)
  }

  private let since = UTCTime("2024-06-15T02:30:00Z")!

  @Test(
    "up to 2.42 the local time as if it were UTC, from 2.43 on the server's day",
    arguments: [
      ("2.40.9.1", "America/Bogota", "2024-06-14T21:30:00.000+0000"),
      ("2.42.5.2", "UTC", "2024-06-15T02:30:00.000+0000"),
      ("2.42.5.2", "Asia/Kathmandu", "2024-06-15T08:15:00.000+0000"), ("2.43.1", "America/Bogota", "2024-06-14"),
      ("2.43.1", "Africa/Nairobi", "2024-06-15"),
    ])
  func forms(version: String, zone: String, form: String) {
    #expect(server(version, zone, "2024-06-20T10:00:00.000").lastUpdated(since: since) == form)
  }

  @Test(
    "nobody knows the zone: its clock against the answer's date tells the offset; without one a day more is asked for")
  func unknownZones() {
    let seen = server("2.42.5.2", "Mars/Olympus", "2024-06-20T05:00:03.000", date: "2024-06-20T10:00:00Z")
    #expect(!seen.isAskedForMore && seen.time == UTCTime("2024-06-20T10:00:03Z"))
    #expect(seen.lastUpdated(since: since) == "2024-06-14T20:30:00.000+0000")
    let blind = server("2.42.5.2", "Mars/Olympus", "2024-06-20T05:00:03.000")
    #expect(blind.isAskedForMore && blind.lastUpdated(since: since) == "2024-06-14T02:30:00.000+0000")
    #expect(server("2.43.1", nil, "2024-06-20T05:00:03.000").lastUpdated(since: since) == "2024-06-14")
    #expect(ServerInfo.unknown.isAskedForMore && ServerInfo.unknown.time == nil)
    // For an unknown version, the parameter is correct for either kind.
    let east = server(nil, "Africa/Nairobi", "2024-06-20T13:00:00.000")
    #expect(east.lastUpdated(since: since) == "2024-06-15T02:30:00.000+0000")
    // A clock that is off by minutes does not show the offset.
    let skewed = server("2.42.5.2", "Mars/Olympus", "2024-06-20T05:07:00.000", date: "2024-06-20T10:00:00Z")
    #expect(skewed.isAskedForMore)
  }

  @Test("an hour that comes twice, and zone files that differ: the time is never too late")
  func times() {
    let first = server("2.42.5.2", "America/New_York", "2024-11-03T01:30:00.000", date: "2024-11-03T05:30:00Z")
    let second = server("2.42.5.2", "America/New_York", "2024-11-03T01:30:00.000", date: "2024-11-03T06:30:00Z")
    #expect(first.time == UTCTime("2024-11-03T05:30:00Z") && second.time == UTCTime("2024-11-03T06:30:00Z"))
    #expect(
      server("2.42.5.2", "America/New_York", "2024-11-03T01:30:00.000").time == UTCTime("2024-11-03T05:30:00Z"))
    let newer = server("2.42.5.2", "America/Bogota", "2024-06-20T06:00:00.000", date: "2024-06-20T10:00:00Z")
    #expect(newer.time == UTCTime("2024-06-20T10:00:00Z"))
    let older = server("2.42.5.2", "America/Bogota", "2024-06-20T04:00:00.000", date: "2024-06-20T10:00:00Z")
    #expect(older.time == UTCTime("2024-06-20T09:00:00Z"))
  }
}
