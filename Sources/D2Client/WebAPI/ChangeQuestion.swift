import D2Common

/// Asks "what changed since?" in the form that a version understands.
///
/// Up to 2.42, a server turns the given time into UTC text, and compares that with a column of *local* time. So the
/// correct parameter is the local time, written as if it were UTC. From 2.43 on, it cuts the time to the day.
/// (docs/dhis2-servers.md, traps 15, 16 and 21.) The `lastUpdated` in the values is correct in all versions, so d2 uses
/// it to remove the surplus.
extension ServerInfo {
  /// How much earlier d2 asks if the server's offset from UTC is unknown.
  private static let slackSeconds = 86_400

  /// Whether d2 asks for one day more, because the server's offset from UTC is unknown.
  package var isAskedForMore: Bool { zone == nil }

  /// The parameter for changes since a time.
  package func changes(of kind: DataKind, since time: UTCTime) -> (name: String, value: String) {
    switch kind {
    case .dataValues: ("lastUpdated", lastUpdated(since: time))
    case .registrations: ("created", created(since: time))
    }
  }

  /// The value of `lastUpdated` for all data values that changed since a time.
  func lastUpdated(since time: UTCTime) -> String {
    if let version, version.cutsTimesToDays { return String(local(time).iso8601.prefix(10)) }
    return Self.stamp(version == nil ? min(time, local(time)) : local(time))
  }

  /// The value of `created` for all registrations since a time. It is unknown whether 2.43 reads it like `lastUpdated`.
  /// The earlier of both times is correct either way.
  func created(since time: UTCTime) -> String {
    let isOld = version.map { !$0.cutsTimesToDays } ?? false
    return Self.stamp(isOld ? local(time) : min(time, local(time)))
  }

  /// The earliest time that the server's clocks showed at this time or later, as if they showed UTC.
  private func local(_ time: UTCTime) -> UTCTime {
    UTCTime(seconds: time.seconds + (zone?.westmostOffsetSeconds(about: time) ?? -Self.slackSeconds))
  }

  private static func stamp(_ time: UTCTime) -> String { time.iso8601.dropLast() + ".000+0000" }
}
