import Glibc
import Synchronization

/// What a server says of itself (`/api/system/info`), as far as it matters.
package struct ServerInfo: Sendable {
  package let version: DHIS2Version?
  /// `iso8601`, or another calendar's name.
  package let calendar: String
  /// The server's clock when it answered; `nil` where it does not tell.
  package let time: UTCTime?
  /// How far its clocks are ahead of UTC; `nil` where it does not tell, or has a zone that this machine does not know.
  package let utcOffsetSeconds: Int?

  /// Asks for it.
  ///
  /// - Throws: `ServerError`.
  package init(_ client: DHIS2Client) throws {
    let info = try client.json("/api/system/info")
    version = info["version"]?.string.flatMap { DHIS2Version($0) }
    calendar = info["calendar"]?.string ?? "iso8601"
    let time = Self.time(info) ?? client.serverTimeAtFirstAnswer
    self.time = time
    utcOffsetSeconds = info["serverTimeZoneId"]?.string.flatMap { zone in
      Self.offsetSeconds(zone, atLocal: time ?? .now)
    }
  }

  package var isGregorian: Bool { PairCalendars.isGregorian(calendar) }

  /// `serverDate` has no zone: it is the local time of `serverTimeZoneId` (`dhis2-api.md` 4.3).
  static func time(_ info: JSONValue) -> UTCTime? {
    guard let text = info["serverDate"]?.string, let local = UTCTime(text) else { return nil }
    // With an offset it is a moment already.
    if text.dropFirst(10).contains(where: { "+-Z".contains($0) }) { return local }
    guard let zone = info["serverTimeZoneId"]?.string, let offset = offsetSeconds(zone, atLocal: local) else {
      return nil
    }
    return UTCTime(seconds: local.seconds - offset)
  }

  private static let zoneLock = Mutex(())

  /// How far a zone's clocks are ahead of UTC, by this machine's zone files; `nil` where they do not know it.
  private static func offsetSeconds(_ zone: String, atLocal local: UTCTime) -> Int? {
    if ["UTC", "Etc/UTC", "GMT", "Etc/GMT", "Z"].contains(zone) { return 0 }
    let isName = zone.utf8.allSatisfy { byte in
      (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte & 0xDF) || "/_+-".utf8.contains(byte)
    }
    guard isName, !zone.isEmpty, !zone.hasPrefix("/"), access("/usr/share/zoneinfo/\(zone)", R_OK) == 0 else {
      return nil
    }
    return zoneLock.withLock { _ in
      let before = getenv("TZ").map { String(cString: $0) }
      setenv("TZ", ":\(zone)", 1)
      tzset()
      defer {
        if let before { setenv("TZ", before, 1) } else { unsetenv("TZ") }
        tzset()
      }
      var moment = time_t(local.seconds)
      var parts = tm()
      gmtime_r(&moment, &parts)
      parts.tm_isdst = -1
      let utc = mktime(&parts)
      return utc == -1 ? nil : local.seconds - utc
    }
  }
}
