import D2Client
import D2Common

/// The changes to request, and the parameters for them.
enum Changes: Sendable, Equatable {
  case since(UTCTime)
  /// A time without an offset: a local time of the server, stored as if it were UTC.
  case sinceLocal(UTCTime)
  /// A duration before now, by the server's clock.
  case within(seconds: Int)

  static let lastUpdated = Option(
    "--last-updated",
    as: ValueReader(
      "TIME",
      "a time such as 2024-01-31, 2024-01-31T06:00:00 (the source's local time) or 2024-01-31T06:00:00Z", read: time),
    help:
      "Read only values changed since TIME: 2024-01-31 or 2024-01-31T06:00:00 (the source's local time), or 2024-01-31T06:00:00Z."
  )
  static let lastUpdatedDuration = Option(
    "--last-updated-duration", as: ValueReader("TIME", "a duration such as 12h or 7d (E2005)", read: duration),
    help: "Read only values changed in the last 12h or 7d, by the source's clock.")

  /// The largest offset of a clock from UTC.
  private static let furthestEastSeconds = 14 * 3600

  /// The same with an earlier start.
  func earlier(bySeconds seconds: Int) -> Changes {
    switch self {
    case .since(let time): .since(UTCTime(seconds: time.seconds - seconds))
    case .sinceLocal(let time): .sinceLocal(UTCTime(seconds: time.seconds - seconds))
    case .within(let span): .within(seconds: span + seconds)
    }
  }

  /// The changes from the command line.
  init?(_ arguments: Arguments) {
    // If both are given, the time takes precedence, as on the server.
    guard let changes = arguments[Self.lastUpdated] ?? arguments[Self.lastUpdatedDuration] else { return nil }
    self = changes
  }

  private static func time(_ text: String) -> Changes? {
    // DHIS2 also accepts a year, a month, and a day without hyphens.
    let date =
      switch text.utf8.count {
      case 4: text + "-01-01"
      case 7: text + "-01"
      case 8: CalendarDate(compact: text)?.description ?? text
      default: text
      }
    guard let time = UTCTime(date) else { return nil }
    return date.dropFirst(10).contains { "+-Z".contains($0) } ? .since(time) : .sinceLocal(time)
  }

  /// A century: there is no older data, and the year keeps four digits.
  private static let longestSeconds = 36_500 * 86_400

  private static func duration(_ text: String) -> Changes? {
    let units: [Character: Int] = ["d": 86_400, "h": 3600, "m": 60, "s": 1]
    guard let unit = text.last.flatMap({ units[$0] }), let number = Int(text.dropLast()),
      number >= 1, number <= longestSeconds / unit
    else { return nil }
    return .within(seconds: number * unit)
  }

  /// The start as a moment. - Throws: `CommandFailure`, 76 if that needs the server's clock and the server does not
  /// report it.
  private func moment(_ info: ServerInfo, _ client: DHIS2Client) throws(CommandFailure) -> UTCTime {
    switch self {
    case .since(let time): return time
    case .sinceLocal(let local):
      return info.zone?.moment(ofLocal: local) ?? UTCTime(seconds: local.seconds - Self.furthestEastSeconds)
    case .within(let seconds):
      guard let now = info.time ?? client.serverTimeAtFirstAnswer else {
        throw CommandFailure(.notDHIS2, "\(client.server) does not tell the time: say since when, by --last-updated")
      }
      return UTCTime(seconds: now.seconds - seconds)
    }
  }

  /// Turns the changes of selections into parameters for the server's version, which it asks for once if necessary.
  ///
  /// - Throws: `ServerError`, `CommandFailure`.
  static func resolve(in selections: inout [PullOptions], _ client: DHIS2Client, _ log: Log) throws {
    guard selections.contains(where: { $0.changes != nil }) else { return }
    let info = try serverInfo(client, log)
    if info.isAskedForMore {
      log.warning(
        "\(client.server): its time zone is not known here; d2-pull asks for changes of 24 more hours, and leaves out those that are too old"
      )
    }
    var said: Set<String> = []
    for place in selections.indices {
      guard let changes = selections[place].changes else { continue }
      let moment = try changes.moment(info, client)
      let (name, value) = info.changes(of: selections[place].kind, since: moment)
      selections[place].passedOn.append((name, value))
      // Registrations have no time of creation.
      if selections[place].kind == .dataValues { selections[place].notBefore = moment }
      let zone = info.zone?.name.map { ", \($0)" } ?? ""
      if said.insert(value).inserted {
        log.info("asking for changes since \(moment.iso8601) (\(name)=\(value)\(zone))")
      }
    }
  }

  /// A source without information about itself can still have values.
  private static func serverInfo(_ client: DHIS2Client, _ log: Log) throws -> ServerInfo {
    do { return try client.serverInfo() } catch let error as ServerError {
      guard error.leavesDataInReach else { throw error }
      log.warning("cannot ask for version and time zone: \(error)")
      return .unknown
    }
  }
}
