import D2Common

/// "What changed since?", in the form that a version understands.
///
/// Up to 2.42 a server turns the given time into UTC text and compares that with a column of its *local* time. So the
/// right question is the local time, written as if it were UTC. From 2.43 on it cuts the time down to the day.
/// (docs/dhis2-servers.md, traps 15, 16 and 21.) The `lastUpdated` in the values is right in all versions, so it sorts
/// out what comes in excess.
extension ServerInfo {
  /// Where the server's offset from UTC is not known, so much more is asked for.
  private static let slackSeconds = 86_400

  /// Whether it is asked for a day more, because nobody knows its offset from UTC.
  package var isAskedForMore: Bool { zone == nil }

  /// The parameter that asks for what changed since a time.
  package func changes(of kind: DataKind, since time: UTCTime) -> (name: String, value: String) {
    switch kind {
    case .dataValues: ("lastUpdated", lastUpdated(since: time))
    case .registrations: ("created", created(since: time))
    }
  }

  /// The value of `lastUpdated`, for all data values changed since a time.
  func lastUpdated(since time: UTCTime) -> String {
    if let version, version.cutsTimesToDays { return String(local(time).iso8601.prefix(10)) }
    return Self.stamp(version == nil ? min(time, local(time)) : local(time))
  }

  /// The value of `created`, for all registrations made since a time. That 2.43 reads it as it reads `lastUpdated` was
  /// not seen: the earlier of both times is right either way.
  func created(since time: UTCTime) -> String {
    let isOld = version.map { !$0.cutsTimesToDays } ?? false
    return Self.stamp(isOld ? local(time) : min(time, local(time)))
  }

  /// The earliest that the server's clocks showed at that time or later, as if they were of UTC.
  private func local(_ time: UTCTime) -> UTCTime {
    UTCTime(seconds: time.seconds + (zone?.westmostOffsetSeconds(about: time) ?? -Self.slackSeconds))
  }

  private static func stamp(_ time: UTCTime) -> String { time.iso8601.dropLast() + ".000+0000" }
}
