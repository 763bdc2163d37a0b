import D2Common

/// The information that a server gives about itself (`/api/system/info`), as far as d2 needs it.
package struct ServerInfo: Sendable {
  package let version: DHIS2Version?
  /// `iso8601`, or another calendar's name.
  package let calendar: String
  /// The server's time when it answered; `nil` if it does not report it.
  package let time: UTCTime?
  /// Its local time. `nil` if this machine does not know the server's zone, and its clock cannot be compared with UTC.
  package let zone: ServerZone?
  /// When its analytics tables were last built or updated; `nil` if never, or if it does not report it.
  package let analyticsTime: UTCTime?
  /// The server's date in its own zone; `nil` if it does not report it.
  package let today: CalendarDate?
  /// How many cores the server may use; `nil` if it does not report it. It tells only superusers.
  package let cores: Int?

  /// The information of a server that does not answer.
  package static let unknown = ServerInfo(nil, date: nil)

  /// Asks the server.
  ///
  /// - Throws: `ServerError`.
  package init(_ client: DHIS2Client) throws {
    let (info, date) = try client.dated(Self.target)
    self.init(info, date: date)
  }

  /// Uses another command's answer from some minutes ago, if there is one.
  ///
  /// - Throws: `ServerError`.
  init(lasting client: DHIS2Client) throws {
    let (info, date) = try client.lasting(Self.target)
    self.init(info, date: date)
  }

  private static let target = "/api/system/info"

  /// - Parameters:
  ///   - info: the document.
  ///   - date: the `Date` header of its answer, which is UTC.
  init(_ info: JSONValue?, date: UTCTime?) {
    version = info?["version"]?.string.flatMap { DHIS2Version($0) }
    calendar = info?["calendar"]?.string ?? "iso8601"
    let text = info?["serverDate"]?.string
    let local = text.flatMap { UTCTime($0) }
    let tables = ["lastAnalyticsTableSuccess", "lastAnalyticsTablePartitionSuccess"].compactMap { key in
      info?[key]?.string.flatMap { UTCTime($0) }
    }.filter { $0.seconds > Self.neverSeconds }.max()
    cores = info?["cpuCores"]?.int.flatMap { $0 > 0 ? $0 : nil }
    today = text.flatMap { CalendarDate(iso8601: String($0.prefix(10))) }
    // The date has no zone (docs/dhis2-servers.md, "System info"). With an offset it would be a moment already.
    let isMoment = text.map { $0.dropFirst(10).contains { "+-Z".contains($0) } } ?? false
    let observed: ServerZone.Observation? =
      if let local, let date, !isMoment, let offset = Self.offset(local, from: date) { (offset, date) } else { nil }
    let zone = ServerZone(named: info?["serverTimeZoneId"]?.string, observed: observed)
    self.zone = zone
    analyticsTime = tables.map { zone?.moment(ofLocal: $0) ?? $0 }
    guard let local, !isMoment else {
      time = local ?? date
      return
    }
    let byZone = zone.map { $0.moment(ofLocal: local, near: date) }
    // Zone files of two machines may differ. A mark that is too early costs some time, but one that is too late loses
    // changes.
    let byClock = observed.map { UTCTime(seconds: local.seconds - $0.offsetSeconds) }
    time = [byZone, byClock].compactMap { $0 }.min() ?? date
  }

  /// A time that never was is on the first day of 1970, in any zone.
  private static let neverSeconds = 86_400

  package var isGregorian: Bool { PairCalendars.isGregorian(calendar) }

  /// Offsets are whole quarters of an hour; the rest is the difference of the two clocks.
  private static let offsetStepSeconds = 900
  /// If two clocks differ by more, they do not show the offset.
  private static let mostSkewSeconds = 300
  private static let offsets = -12 * 3600...14 * 3600

  private static func offset(_ local: UTCTime, from date: UTCTime) -> Int? {
    let difference = local.seconds - date.seconds
    let quarters = (difference + offsetStepSeconds / 2).flooredQuotient(by: offsetStepSeconds)
    let offset = quarters * offsetStepSeconds
    return abs(difference - offset) <= mostSkewSeconds && offsets.contains(offset) ? offset : nil
  }
}
