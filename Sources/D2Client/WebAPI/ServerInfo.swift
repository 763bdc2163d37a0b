import D2Common

/// What a server says of itself (`/api/system/info`), as far as it matters.
package struct ServerInfo: Sendable {
  package let version: DHIS2Version?
  /// `iso8601`, or another calendar's name.
  package let calendar: String
  /// The server's clock when it answered; `nil` if it does not tell.
  package let time: UTCTime?
  /// Its local time; `nil` if it names a zone that this machine does not know, and its clock cannot be compared with
  /// UTC.
  package let zone: ServerZone?
  /// When its analytics tables were made or brought up to date last; `nil` if it does not tell, or never.
  package let analyticsTime: UTCTime?
  /// The day that its clock shows where it is; `nil` if it does not tell.
  package let today: CalendarDate?

  /// A server that does not say.
  package static let unknown = ServerInfo(nil, date: nil)

  /// Asks for it.
  ///
  /// - Throws: `ServerError`.
  package init(_ client: DHIS2Client) throws {
    let (info, date) = try client.dated(Self.target)
    self.init(info, date: date)
  }

  /// What another command of the worker got some minutes ago will do.
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
    today = text.flatMap { CalendarDate(iso8601: String($0.prefix(10))) }
    // It has no zone (docs/dhis2-servers.md, "System info"); with an offset it is a moment already.
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
    // Zone files of two machines may differ. A mark that is too early costs something, one that is too late loses
    // changes.
    let byClock = observed.map { UTCTime(seconds: local.seconds - $0.offsetSeconds) }
    time = [byZone, byClock].compactMap { $0 }.min() ?? date
  }

  /// What never was is of the first day of 1970, in one zone or another.
  private static let neverSeconds = 86_400

  package var isGregorian: Bool { PairCalendars.isGregorian(calendar) }

  /// Offsets are whole quarters of an hour; the rest is what the two clocks differ by.
  private static let offsetStepSeconds = 900
  /// Where two clocks differ by more, they do not tell the offset.
  private static let mostSkewSeconds = 300
  private static let offsets = -12 * 3600...14 * 3600

  private static func offset(_ local: UTCTime, from date: UTCTime) -> Int? {
    let difference = local.seconds - date.seconds
    let quarters = (difference + offsetStepSeconds / 2).flooredQuotient(by: offsetStepSeconds)
    let offset = quarters * offsetStepSeconds
    return abs(difference - offset) <= mostSkewSeconds && offsets.contains(offset) ? offset : nil
  }
}
