import Testing

@testable import D2Common

/// Zones by this machine's files.
@Suite("Time zones")
struct ZoneTests {
  @Test(
    "offsets before, at and behind changes of daylight-saving time, and where the rule at the end of a file decides",
    arguments: [
      ("America/Bogota", "2024-06-01T00:00:00Z", -18_000), ("Africa/Nairobi", "2024-06-01T00:00:00Z", 10_800),
      ("Asia/Kathmandu", "2024-06-01T00:00:00Z", 20_700), ("Asia/Kathmandu", "1980-06-01T00:00:00Z", 19_800),
      ("America/New_York", "2024-03-10T06:59:59Z", -18_000), ("America/New_York", "2024-03-10T07:00:00Z", -14_400),
      ("America/New_York", "2024-11-03T05:59:59Z", -14_400), ("America/New_York", "2024-11-03T06:00:00Z", -18_000),
      ("America/New_York", "2060-03-14T06:59:59Z", -18_000), ("America/New_York", "2060-03-14T07:00:00Z", -14_400),
      ("Europe/Berlin", "2026-03-29T00:59:59Z", 3600), ("Europe/Berlin", "2026-03-29T01:00:00Z", 7200),
      ("Europe/Berlin", "2060-10-31T01:00:00Z", 3600), ("Europe/Berlin", "2060-10-31T00:59:59Z", 7200),
      ("Australia/Sydney", "2060-01-01T00:00:00Z", 39_600), ("Australia/Sydney", "2060-07-01T00:00:00Z", 36_000),
      ("Europe/Dublin", "2060-01-01T00:00:00Z", 0), ("Europe/Dublin", "2060-07-01T00:00:00Z", 3600),
      ("UTC", "2024-01-01T00:00:00Z", 0),
    ])
  func offsets(name: String, time: String, offset: Int) throws {
    let zone = try #require(ZoneFile(named: name))
    #expect(zone.offsetSeconds(at: try #require(UTCTime(time)).seconds) == offset)
  }

  @Test("the rule at the end of a file says the same as the times before it", arguments: Self.zonesWithRules)
  func rules(name: String) throws {
    let bytes = try FileBytes.read("/usr/share/zoneinfo/\(name)")
    let text = try #require(bytes.split(separator: 0x0A).last.map { String(decoding: $0, as: UTF8.self) })
    let rule = try #require(ZoneRule(text), "\(text)")
    let zone = try #require(ZoneFile(bytes: bytes))
    // Until 2037 the files list all changes, as Debian makes them.
    for hour in 0..<(8 * 366 * 24) {
      let moment = 1_893_456_000 + hour * 3600
      #expect(rule.offsetSeconds(at: moment) == zone.offsetSeconds(at: moment), "\(name) at \(moment)")
      if rule.offsetSeconds(at: moment) != zone.offsetSeconds(at: moment) { return }
    }
  }

  static let zonesWithRules = [
    "America/New_York", "Europe/Berlin", "Australia/Sydney", "Europe/Dublin", "America/Santiago", "Asia/Jerusalem",
    "Pacific/Norfolk", "Africa/Cairo", "Asia/Kathmandu", "America/Bogota",
  ]

  @Test("refuses other texts, and paths out of the folder")
  func unknown() {
    for name in ["", "Mars/Olympus", "../../etc/passwd", "/etc/localtime", "America", "zone.tab", "a b"] {
      #expect(ZoneFile(named: name) == nil, "\(name)")
    }
    for text in ["", "EST", "EST5EDT,M13.1.0,M1.1.0", "EST5EDT,M3.2.0", "EST5EDT,M3.2.0,M11.1.0x", "5"] {
      #expect(ZoneRule(text) == nil, "\(text)")
    }
    #expect(ZoneFile(bytes: Array("TZif2".utf8)) == nil && ZoneFile(bytes: []) == nil)
    // A file that is cut anywhere is invalid, or has no rule any more; nothing traps.
    if let bytes = try? FileBytes.read("/usr/share/zoneinfo/Europe/Berlin") {
      for length in 0..<min(bytes.count, 400) { _ = ZoneFile(bytes: Array(bytes[..<length])) }
    }
  }

  @Test("a server's zone: by name, as Java writes it, by its clock; and how far west it may be")
  func serverZone() throws {
    let time = try #require(UTCTime("2024-11-03T12:00:00Z"))
    func zone(_ name: String?, _ observed: Int? = nil) -> ServerZone? {
      ServerZone(named: name, observed: observed.map { ($0, time) })
    }
    #expect(zone("GMT-05:00")?.offsetSeconds(at: time) == -18_000)
    #expect(zone("UTC")?.offsetSeconds(at: time) == 0 && zone("Etc/GMT+5")?.offsetSeconds(at: time) == -18_000)
    #expect(zone("Mars/Olympus") == nil && zone(nil) == nil)
    // The day on which clocks are set back, and a month later.
    #expect(zone("America/New_York", -18_000)?.westmostOffsetSeconds(about: time) == -18_000)
    let before = UTCTime(seconds: time.seconds - 20 * 3600)
    #expect(zone("America/New_York")?.offsetSeconds(at: before) == -14_400)
    #expect(zone("America/New_York")?.westmostOffsetSeconds(about: before) == -18_000)
    // The server's rules are newer than this machine's. So its clock is trusted if that leads to an earlier time.
    #expect(zone("America/Bogota", -21_600)?.westmostOffsetSeconds(about: time) == -21_600)
    #expect(zone("America/Bogota", -14_400)?.westmostOffsetSeconds(about: time) == -18_000)
    // An hour more, because it is unknown when its clocks change.
    #expect(zone("Mars/Olympus", -18_000)?.westmostOffsetSeconds(about: time) == -21_600)
    let berlin = try #require(zone("Europe/Berlin"))
    #expect(berlin.moment(ofLocal: UTCTime("2024-10-27T02:30:00")!) == UTCTime("2024-10-27T00:30:00Z"))
    #expect(berlin.moment(ofLocal: UTCTime("2024-03-31T02:30:00")!) == UTCTime("2024-03-31T00:30:00Z"))
    #expect(berlin.moment(ofLocal: UTCTime("2024-07-01T02:30:00")!) == UTCTime("2024-07-01T00:30:00Z"))
  }
}
