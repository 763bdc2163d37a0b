import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// From 2.42 on, an administrator can demand that each POST repeats a cookie in a header
/// (`http.security.csrf.enabled`).
@Suite("protection against cross-site requests", .waiting)
struct CrossSiteTests {
  typealias Version = StandInServer.ServerVersion

  private static func demand(_ options: inout StandInOptions) { options.demandsCrossSiteToken = true }

  private func world(_ version: Version) throws -> World {
    let world = try World(.v42, version, values: 1200, change: Self.demand)
    let pulled = world.run("\(World.pullAll) --quiet > values")
    #expect(pulled.status == 0, "\(pulled.errors)")
    return world
  }

  /// The requests that the destination refused.
  private func refused(_ world: World) -> [String] {
    (world.destination.statistics["recent"]?.array ?? []).filter { $0["status"]?.int == 403 }
      .compactMap { $0["target"]?.string }
  }

  @Test("a request without the token is refused")
  func demanded() throws {
    let world = try world(.v42)
    let outcome = world.run(
      #"""
      post() { curl -s -o /dev/null -w '%{http_code}\n' -u admin:district -H 'Content-Type: application/json' -d '{"dataValues":[]}' "$@" $DST/api/dataValueSets; }
      post; post -H 'Cookie: XSRF-TOKEN=a'; post -H 'Cookie: XSRF-TOKEN=a' -H 'X-XSRF-TOKEN: b'
      post -H 'Cookie: XSRF-TOKEN=a' -H 'X-XSRF-TOKEN: a'
      """#)
    #expect(outcome.lines.prefix(3) == ["403", "403", "403"], "\(outcome.output)\(outcome.errors)")
    #expect(outcome.lines.count == 4 && outcome.lines.last != "403", "\(outcome.output)\(outcome.errors)")
  }

  @Test("values arrive, also as a job and with several requests at a time", arguments: [Version.v42, .v43])
  func push(version: Version) throws {
    let world = try world(version)
    let outcome = world.run(
      """
      d2-push --url $DST --dry-run < values > /dev/null 2>> log; echo $?
      d2-push --url $DST --batch-size 200 --concurrency 3 --verbose < values > /dev/null 2>> log; echo $?
      d2-push --url $DST --async --record record < values > /dev/null 2>> log; echo $?
      grep -rc XSRF-TOKEN= log record | cut -d: -f2 | sort -u
      """)
    #expect(outcome.lines == ["0", "0", "0", "0"], "\(outcome.output)\(world.shell.file("log"))")
    #expect(world.differences() == [])
    #expect(refused(world).isEmpty)
  }

  @Test("values arrive if the server ends each session", arguments: [302, 401])
  func endedSessions(status: Int) throws {
    let world = try world(.v42)
    try world.fail(destination: #"{"kind":"end-sessions","status":\#(status),"path":"/api","times":0}"#)
    let outcome = world.run("d2-push --url $DST --batch-size 300 < values > /dev/null")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(world.differences() == [])
    #expect(refused(world).isEmpty)
  }

  @Test("the commands of a worker share the token, and get another one if it is lost")
  func worker() throws {
    let world = try world(.v42)
    let outcome = world.run(
      """
      mkdir -m 700 shared; export D2_SESSION_DIR=$PWD/shared
      for run in 1 2; do d2-push --url $DST < values > /dev/null; echo $?; done
      grep -lr XSRF-TOKEN shared | wc -l
      """)
    #expect(outcome.lines == ["0", "0", "1"], "\(outcome.errors)")
    #expect(refused(world).isEmpty)
    let lost = world.run(
      "export D2_SESSION_DIR=$PWD/shared; sed -i /XSRF-TOKEN/d shared/session-*; d2-push --url $DST < values > /dev/null"
    )
    #expect(lost.status == 0, "\(lost.errors)")
    // The server sets a new token with the answer to a GET, or with the refusal of the first POST.
    #expect(refused(world).count <= 1)
    #expect(world.differences() == [])
  }

  @Test("registrations arrive", arguments: [Version.v42, .v43])
  func registrations(version: Version) throws {
    let world = try world(version)
    let set = world.metadata.dataSets[0].uid
    let units = world.metadata.dataSets[0].units.prefix(3).map { world.metadata.organisationUnits[$0].uid }
    world.shell.write(
      "registrations",
      units.map { #"{"dataSet":"\#(set)","period":"202203","organisationUnit":"\#($0)","completed":true}"# + "\n" }
        .joined())
    let outcome = world.run(
      """
      d2-push --url $DST --registrations < registrations > /dev/null; echo $?
      curl -sf -u admin:district "$DST/api/completeDataSetRegistrations?dataSet=\(set)&orgUnit=$ROOT&children=true&startDate=2022-01-01&endDate=2022-12-31" | jq '.completeDataSetRegistrations | length'
      """)
    #expect(outcome.lines == ["0", "3"], "\(outcome.errors)")
    #expect(refused(world).isEmpty)
  }

  @Test("d2-orgunits copy creates units", arguments: [Version.v42, .v43])
  func units(version: Version) throws {
    let world = try World(pairIn: .sqlite, .v42, version, change: Self.demand)
    world.run("d2-orgunits sync --pair hmis --level Zone > /dev/null; d2-datasets sync --pair hmis > /dev/null")
    let zone = try #require(world.metadata.organisationUnits.first { $0.level == 4 }).uid
    try world.change(
      source:
        #"{"organisationUnits":[{"id":"NewClinic01","name":"New","parent":{"id":"\#(zone)"},"openingDate":"2024-02-01"}]}"#
    )
    let outcome = world.run("d2-orgunits copy --pair hmis --yes > lines")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(world.destination.metadata.organisationUnitByUid["NewClinic01"] != nil, "\(outcome.errors)")
    #expect(refused(world).isEmpty)
  }
}
