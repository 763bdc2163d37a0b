import D2Client
import D2Common
import D2Store

/// Signs in at both ends of a pair, and reports what it finds.
struct PairTest {
  let pair: Pair
  let arguments: Arguments
  let log: Log

  /// Larger differences between clocks are reported, because increments use the source's clock.
  private static let clockSeconds = 60

  func run() throws -> ExitStatus {
    var listing = Listing(
      arguments,
      columns: [
        "side", "server", "version", "username", "calendar", "clockDifferenceSeconds", "roundTripMilliseconds",
        "problems",
      ])
    var failures: [any Error] = []
    var problems = 0
    var calendars: [String] = []
    for (end, server) in [("source", pair.source), ("destination", pair.destination)] {
      do {
        let report = try look(end, server, DHIS2Client(try ServerOptions(arguments, log, server), log))
        problems += report["problems"]?.array?.count ?? 0
        if let calendar = report["calendar"]?.string { calendars.append(calendar) }
        try listing.add(report)
      } catch {
        log.error("\(end): \(error)")
        failures.append(error)
      }
    }
    try listing.finish()
    if calendars.count == 2, !PairCalendars.areSame(calendars[0], calendars[1]) {
      problems += 1
      log.error(
        "the ends have different calendars (\(calendars.joined(separator: ", "))): the same period id means other days there, so that values would arrive in wrong periods. d2 refuses to move them (docs/calendars.md)"
      )
    } else if let calendar = calendars.first(where: { !PairCalendars.isGregorian($0) }) {
      log.warning(
        "the calendar is \(calendar): -y, -q, -m, -n, --from with --to and slices of a backlog mean Gregorian days and do not work there; \(PairCalendars.whatWorks(pair: pair.label))"
      )
    }
    if let failure = failures.first { return ExitStatus(of: failure) }
    return problems == 0 ? .success : .incomplete
  }

  private func look(_ end: String, _ server: ConfiguredServer, _ client: DHIS2Client) throws -> JSONValue {
    let info = try client.json("/api/system/info")
    let query = Query(["fields": "id,username,authorities,organisationUnits[id],dataViewOrganisationUnits[id]"])
    let start = monotonicSeconds()
    let (me, date) = try client.dated(query.target("/api/me"))
    let roundTrip = monotonicSeconds() - start
    // How far the server's clock is ahead of ours.
    let clock = date.map { $0.seconds - arguments.now().seconds }
    guard let version = info["version"]?.string else {
      throw ServerError(client.server, "/api/system/info", .notDHIS2, "the answer has no version")
    }
    let authorities = Set((me["authorities"]?.array ?? []).compactMap(\.string))
    let mattering = ["ALL", "F_DATAVALUE_ADD", "F_DATAVALUE_DELETE", "F_EDIT_EXPIRED", "F_SKIP_DATA_IMPORT_AUDIT"]
      .filter(authorities.contains)
    let calendar = info["calendar"]?.string ?? "iso8601"
    var problems: [String] = []
    if end == "destination", authorities.isDisjoint(with: ["ALL", "F_DATAVALUE_ADD"]) {
      problems.append("the user lacks F_DATAVALUE_ADD: nothing can be imported")
    }
    let units =
      (me["organisationUnits"]?.array ?? []) + (end == "source" ? me["dataViewOrganisationUnits"]?.array ?? [] : [])
    if units.isEmpty, !authorities.contains("ALL") {
      problems.append("the user has no organisation unit: no value can be \(end == "source" ? "read" : "written")")
    }
    if let clock, abs(clock) > Self.clockSeconds { problems.append("its clock differs from this host's by \(clock) s") }
    for key in server.literalSecrets {
      log.warning("\(end): the \(key) is kept in the store itself; env:, file: or cmd: would keep it elsewhere")
    }
    for problem in problems { log.error("\(end): \(problem)") }
    return [
      "side": .string(end), "server": .string(client.server.description), "version": .string(version),
      "username": me["username"] ?? .null, "authorities": .array(mattering.map { .string($0) }),
      "calendar": .string(calendar), "clockDifferenceSeconds": .int(orNull: clock),
      "roundTripMilliseconds": .int(Int((roundTrip * 1000).rounded())),
      "problems": .array(problems.map { .string($0) }),
    ]
  }
}
