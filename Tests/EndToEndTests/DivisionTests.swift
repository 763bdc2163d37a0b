import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// Requests that take a server or its proxy too long, or whose address is too long for it, are divided.
@Suite("division of requests", .waiting)
struct DivisionTests {
  private static func exports(_ world: World) -> [String] {
    (world.source.statistics["recent"]?.array ?? []).filter { $0["status"]?.int == 200 }
      .compactMap { $0["target"]?.string }.filter { $0.hasPrefix("/api/dataValueSets") }
  }

  private static let months = (1...12).map { "2022\($0 < 10 ? "0" : "")\($0)" }.joined(separator: ",")
  private static let pull =
    "d2-pull --url $SRC --data-set ${DS%%,*} --org-unit $ROOT --children --include-deleted --quiet"

  @Test(
    "by periods, dates, units and what is below them: each value comes once",
    arguments: [
      "--period \(months)", "--start-date 2022-01-01 --end-date 2022-12-31", "--last-updated 2000-01-01",
    ], ["", "--spool"])
  func whole(times: String, spool: String) throws {
    for version in [StandInServer.ServerVersion.v42, .v43] {
      let world = try World(version, values: 9000)
      let before = world.run("\(Self.pull) \(times) | jq -cS . | sort > whole; wc -l < whole").output
      world.source.resetStatistics()
      try world.fail(source: #"{"kind":"slow-export","values":40,"times":0}"#)
      let outcome = world.run(
        """
        \(Self.pull) \(times) \(spool) --summary summary | jq -cS . | sort > parts; echo ${PIPESTATUS[0]}
        cmp whole parts && wc -l < parts; jq -c '[.values, .status]' summary
        """)
      let count = outcome.lines.dropFirst().first ?? ""
      #expect(
        outcome.lines == ["0", count, "[\(count),0]"] && before == "\(count)\n" && Int(count) ?? 0 > 1000,
        "\(version) \(times): \(outcome.output)\(outcome.errors)")
      // A unit has fewer values in one month, but the country has more.
      #expect(Self.exports(world).contains { !$0.contains("children") } && Self.exports(world).count > 20)
      #expect(World.filtersByReference(world.source) == [])
    }
  }

  @Test(
    "units below each other, and groups that share units: no value comes twice",
    arguments: ["--org-unit $ROOT,$CHILD --children --no-check", "--org-unit-group $GROUP --org-unit $CHILD"])
  func overlapping(places: String) throws {
    let world = try World(values: 9000)
    let country = Country.metadata(units: World.units, seed: 1)
    let group = country.organisationUnitGroups.first { !$0.members.isEmpty }!
    let ids = ["GROUP": group.uid, "CHILD": country.organisationUnits[group.members.first!].uid]
    let pull =
      "d2-pull --url $SRC --data-set ${DS%%,*} \(places) --start-date 2022-01-01 --end-date 2022-12-31 --quiet --retries 1"
    let whole = world.run("\(pull) | jq -cS . | sort > whole; wc -l < whole", ids)
    try world.fail(source: #"{"kind":"slow-export","values":40,"times":0}"#)
    let outcome = world.run(
      """
      \(pull) | jq -cS . | sort > parts; say status ${PIPESTATUS[0]}
      say twice $(uniq -d parts | wc -l); say others $(comm -13 whole parts | wc -l)
      """, ids)
    #expect(whole.lines != ["0"], "\(whole.errors)")
    #expect(outcome["twice"] == "0", "\(outcome.errors)")
    #expect(outcome["others"] == "0", "\(outcome.errors)")
    // Groups are not divided where no other way is left; units are.
    if !places.contains("group") { #expect(outcome["status"] == "0", "\(outcome.errors)") }
  }

  @Test(
    "a quarter, weekly and financial periods: what a cut of the dates goes through comes too",
    arguments: [StandInServer.ServerVersion.v42, .v43])
  func throughTheCut(version: StandInServer.ServerVersion) throws {
    let world = try World(version, values: 12_000)
    let pull =
      "d2-pull --url $SRC --data-set $DS --org-unit $ROOT --children --start-date 2021-12-01 --end-date 2023-01-31 --quiet"
    let whole = world.run("\(pull) | jq -cS . | sort > whole")
    #expect(whole.status == 0, "\(whole.errors)")
    try world.fail(source: #"{"kind":"slow-export","values":150,"times":0}"#)
    let outcome = world.run("\(pull) | jq -cS . | sort > parts; cmp whole parts")
    #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
    #expect(world.shell.lines(of: "whole") > 1000)
  }

  @Test(
    "registrations, a slice of the ledger, and addresses that are too long",
    arguments: [StandInServer.ServerVersion.v42, .v43])
  func others(version: StandInServer.ServerVersion) throws {
    let world = try World(version, values: 3000)
    let outcome = world.run(
      """
      d2-pull --url $SRC --data-set ${DS%%,*} --org-unit $ROOT --children --period \(Self.months) --quiet | jq -cS . | sort > whole
      jq -s --arg set ${DS%%,*} '{completeDataSetRegistrations: [.[] | {dataSet: $set, period, organisationUnit: .orgUnit}] | unique}' whole |
        curl -sf -o /dev/null -u admin:district -H 'Content-Type: application/json' --data-binary @- $SRC/api/completeDataSetRegistrations
      curl -sf -o /dev/null $SRC/control/faults -d '[{"kind":"long-target","bytes":400,"times":0,"path":"/api/dataValueSets"}]'
      d2-pull --url $SRC --data-set ${DS%%,*} --org-unit $ROOT --children --period \(Self.months) --quiet | jq -cS . | sort | cmp - whole && echo same
      d2-pull --url $SRC --registrations --data-set ${DS%%,*} --org-unit $ROOT --children --period \(Self.months) --quiet | jq -cS . | sort > registrations
      curl -sf -o /dev/null $SRC/control/faults -d '[{"kind":"slow-export","values":5,"times":0}]'
      d2-pull --url $SRC --registrations --data-set ${DS%%,*} --org-unit $ROOT --children --period \(Self.months) --quiet | jq -cS . | sort | cmp - registrations && echo same
      (( $(wc -l < registrations) > 50 )) && echo many
      """)
    #expect(outcome.lines == ["same", "same", "many"], "\(outcome.output)\(outcome.errors)")
  }

  @Test("where nothing is left to divide: a clear line, status 75; a server that is down is not asked for parts")
  func nothingLeft() throws {
    let world = try World(values: 3000)
    try world.fail(source: #"{"kind":"status","status":504,"times":0,"path":"/api/dataValueSets"}"#)
    let unit = Country.metadata(units: World.units, seed: 1).organisationUnits.first { $0.level == 5 }!.uid
    let last = world.run(
      "d2-pull --url $SRC --data-set ${DS%%,*} --org-unit \(unit) --period 202201 --retries 1; echo $?")
    #expect(last.lines == ["75"], "\(last.output)")
    #expect(
      last.errors.contains("HTTP 504") && last.errors.contains("cannot be divided further")
        && last.errors.contains("proxy_read_timeout"), "\(last.errors)")
    world.source.clearFaults()
    world.source.resetStatistics()
    try world.fail(source: #"{"kind":"status","status":502,"times":0}"#)
    let down = world.run("\(Self.pull) --period \(Self.months) --no-check --retries 1; echo $?")
    #expect(down.lines == ["75"] && !down.errors.contains("parts"), "\(down.output)\(down.errors)")
    let asked = (world.source.statistics["recent"]?.array ?? []).count
    #expect(asked <= 3, "\(asked)")
  }

  @Test("without --spool nothing is asked for again once a value is out")
  func afterTheFirstValue() throws {
    let world = try World(values: 9000)
    try world.fail(source: #"{"kind":"stall","after":30000,"seconds":30,"path":"/api/dataValueSets","times":0}"#)
    let outcome = world.run(
      "\(Self.pull) --period \(Self.months) --compression none --idle-timeout 1s > out; echo $?; sort out | uniq -d | wc -l"
    )
    #expect(outcome.lines == ["75", "0"], "\(outcome.output)\(outcome.errors)")
  }
}
