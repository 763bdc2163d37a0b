import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// `d2-pull --analytics`: sums of the server's analytics tables, in parts that it can bear.
@Suite("analytics", .waiting)
struct AnalyticsTests {
  private static let months = (1...12).map { "2022\($0 < 10 ? "0" : "")\($0)" }.joined(separator: ",")
  /// What one request of the server brings, without what it adds.
  private static let whole =
    #"jq -cS '.dataValues[] | del(.created, .lastUpdated, .comment)' | sort"#

  private static func world(
    _ version: StandInServer.ServerVersion = .v42, values: Int = 9000, secondsAgo: Int? = 7200,
    _ change: (inout StandInOptions) -> Void = { _ in }
  ) throws -> World {
    try World(
      version, values: values,
      changeSource: {
        $0.analyticsSecondsAgo = secondsAgo
        change(&$0)
      })
  }

  private static func ids(_ world: World) -> [String: String] {
    let metadata = world.metadata
    func element(_ name: String) -> String { metadata.dataElements.first { $0.name == name }!.uid }
    return [
      "MONTH": metadata.dataSets[0].uid, "VISITS": element("Visits 1"), "CASES": element("Cases 1"),
      "REMARK": element("Remark"), "INDICATOR": metadata.indicators[0].uid, "RATIOS": metadata.indicatorGroups[0].uid,
      "PROGRAM": metadata.programIndicators[0].uid, "URBAN": metadata.organisationUnitGroups[0].uid,
      "STAFF": metadata.dataElementGroups[0].uid, "MONTHS": months,
      "DISTRICT": metadata.organisationUnits.first { $0.level == 3 }!.uid,
    ]
  }

  private static func questions(_ world: World) -> [String] {
    (world.source.statistics["recent"]?.array ?? []).filter { $0["status"]?.int == 200 }
      .compactMap { $0["target"]?.string }.filter { $0.hasPrefix("/api/analytics") }
  }

  @Test(
    "the lines are those of the server, without what it adds", arguments: [StandInServer.ServerVersion.v40, .v42, .v43])
  func lines(version: StandInServer.ServerVersion) throws {
    let world = try Self.world(version)
    let outcome = world.run(
      """
      d2-pull --url $SRC --analytics --data-element $VISITS,$CASES --indicator $INDICATOR --program-indicator $PROGRAM \\
        --org-unit $ROOT --level 2,3 --period 202201,2022Q1,2022 > lines; echo status $?
      jq -cS . lines | sort > parts; jq -r 'keys | join(" ")' lines | sort -u
      curl -sf -u admin:district "$SRC/api/analytics/dataValueSet.json?dimension=dx:$VISITS;$CASES;$INDICATOR;$PROGRAM&dimension=ou:LEVEL-2;LEVEL-3&dimension=pe:202201;2022Q1;2022" \\
        | \(Self.whole) > whole; cmp parts whole && echo $(wc -l < parts) lines
      """, Self.ids(world))
    let units = world.metadata.organisationUnits.filter { $0.level == 2 || $0.level == 3 }.count
    #expect(
      outcome.lines == ["status 0", "dataElement followup orgUnit period value", "\(units * 3 * 4) lines"],
      "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("2 h old: what was entered later is not in them"))
  }

  @Test(
    "parts that are too much are divided, and each value comes once",
    arguments: [
      #"{"kind":"slow-export","path":"/api/analytics","values":40,"times":0}"#,
      #"{"kind":"slow-export","path":"/api/analytics","values":300,"status":502,"times":0}"#,
      #"{"kind":"long-target","path":"/api/analytics","bytes":900,"times":0}"#,
      #"{"kind":"cut-body","path":"/api/analytics","after":3000,"times":3}"#,
      #"{"kind":"status","path":"/api/analytics","status":503,"times":2}"#, "limit",
    ], ["", "--disaggregate"])
  func divided(fault: String, disaggregate: String) throws {
    let world = try Self.world { if fault == "limit" { $0.analyticsLimit = 100 } }
    let combos = disaggregate.isEmpty ? "" : "&dimension=co&dimension=ao"
    if fault != "limit" {
      try world.fail(source: fault)
    }
    let outcome = world.run(
      """
      d2-pull --url $SRC --analytics --data-set $MONTH --level 3,5 --period $MONTHS,2022 \(disaggregate) --concurrency 2 \\
        --summary summary | jq -cS . | sort > parts; echo status ${PIPESTATUS[0]}
      curl -sf -X DELETE $SRC/control/faults > /dev/null
      echo twice $(uniq -d parts | wc -l)
      jq -r '[.dataElement, .orgUnit, .period] | @tsv' parts | sort -u > cells
      jq -r '.values' summary; wc -l < parts
      """, Self.ids(world))
    let count = outcome.lines.last ?? ""
    #expect(
      outcome.lines == ["status 0", "twice 0", count, count] && Int(count) ?? 0 > 1000,
      "\(fault): \(outcome.output)\(outcome.errors)")
    // The same from a server that answers immediately.
    let easy = try Self.world()
    let reference = easy.run(
      """
      elements=$(curl -sf -u admin:district "$SRC/api/dataSets/$MONTH?fields=dataSetElements%5BdataElement%5Bid%5D%5D" | jq -r '[.dataSetElements[].dataElement.id] | join(";")')
      curl -sf -u admin:district "$SRC/api/analytics/dataValueSet.json?dimension=dx:$elements&dimension=ou:LEVEL-3;LEVEL-5&dimension=pe:${MONTHS//,/;};2022\(combos)" \\
        | \(Self.whole)
      """, Self.ids(easy))
    let parts = world.shell.file("parts")
    #expect(reference.output == parts, "\(fault): differs from one request's answer")
  }

  @Test("sums of the lowest level are what was entered, and go into another server")
  func pushed() throws {
    let world = try Self.world()
    let outcome = world.run(
      """
      d2-pull --url $SRC --analytics --data-set $MONTH --level 5 --period $MONTHS --disaggregate --tag-data-set --quiet \\
        | d2-push --url $DST --rejects rejects > /dev/null; echo status ${PIPESTATUS[@]}
      """, Self.ids(world))
    #expect(outcome.lines == ["status 0 0"], "\(outcome.errors)")
    func key(_ line: String) -> String? {
      guard let value = try? JSONValue(parsing: line), value["deleted"]?.bool != true,
        let element = value["dataElement"]?.string,
        world.metadata.dataElements.first(where: { $0.uid == element })?.aggregationType == "SUM"
      else { return nil }
      return [
        element, value["period"]?.string, value["orgUnit"]?.string, value["categoryOptionCombo"]?.string,
        value["attributeOptionCombo"]?.string, value["value"]?.string.flatMap(Double.init).map { String($0) },
      ]
      .map { $0 ?? "-" }.joined(separator: " ")
    }
    let entered = Set(world.content(world.source, of: [0]).compactMap(key))
    let summed = Set(world.content(world.destination, of: [0]).compactMap(key))
    #expect(!entered.isEmpty && entered == summed)
  }

  @Test("a server without tables: status 75, and what to do")
  func noTables() throws {
    let world = try Self.world(secondsAgo: nil)
    let pull = "d2-pull --url $SRC --analytics --data-element $VISITS --org-unit $ROOT --period 2022"
    let outcome = world.run("\(pull); echo status $?; \(pull) --max-age 1d; echo status $?", Self.ids(world))
    #expect(outcome.lines == ["status 75", "status 75"])
    #expect(outcome.errors.contains("HTTP 409 E7144") && outcome.errors.contains("run the server's analytics job"))
    #expect(outcome.errors.contains("has no analytics tables, or does not tell how old they are"))
    let later = world.run("curl -sf -X POST $SRC/control/analytics > /dev/null; \(pull) | wc -l", Self.ids(world))
    #expect(later.output == "1\n", "\(later.errors)")
  }

  @Test(
    "tables that are too old are refused before anything is read", arguments: [StandInServer.ServerVersion.v40, .v43])
  func age(version: StandInServer.ServerVersion) throws {
    let world = try Self.world(version) { $0.timeZone = "America/Bogota" }
    let pull = "d2-pull --url $SRC --analytics --data-element $VISITS --org-unit $ROOT --period 2022"
    let outcome = world.run(
      "\(pull) --max-age 90m; echo status $?; \(pull) --max-age 3h > /dev/null; echo status $?", Self.ids(world))
    #expect(outcome.lines == ["status 75", "status 0"], "\(outcome.errors)")
    #expect(outcome.errors.contains("2 h ago, and --max-age allows 1 h 30 min"))
    #expect(Self.questions(world).count == 1)
  }

  @Test("what has no sums and what is unknown is named")
  func missing() throws {
    let world = try Self.world()
    let outcome = world.run(
      """
      d2-pull --url $SRC --analytics --data-element $VISITS,$REMARK,aaaaaaaaaaa --data-element-group $STAFF \\
        --indicator-group $RATIOS --org-unit $ROOT,bbbbbbbbbbb --period 2022,x2 | jq -r .dataElement | sort -u | wc -l
      echo status ${PIPESTATUS[0]}
      d2-pull --url $SRC --analytics --data-element $REMARK --org-unit $ROOT --period 2022; echo status $?
      d2-pull --url $SRC --analytics --data-set $MONTH --org-unit $ROOT --period 2022 > /dev/null; echo status $?
      """, Self.ids(world))
    // Ten of the group, one element, two indicators.
    #expect(outcome.lines == ["13", "status 1", "status 64", "status 0"], "\(outcome.errors)")
    for text in [
      "--data-element aaaaaaaaaaa: unknown", "--org-unit bbbbbbbbbbb: unknown", "--period x2: not a period id",
      "\(Self.ids(world)["REMARK"]!): texts, dates, files", "left out of the groups and data sets: 3 data elements",
      "nothing is left to ask",
    ] { #expect(outcome.errors.contains(text), "\(text) is not in \(outcome.errors)") }
  }

  @Test("units by level below others, and by group")
  func units() throws {
    let world = try Self.world()
    let outcome = world.run(
      """
      pull() { d2-pull --url $SRC --analytics --data-element $VISITS --period 2022 --quiet "$@" | jq -r .orgUnit | sort; }
      pull --org-unit $DISTRICT --level 5 > below; pull --org-unit-group $URBAN > urban; pull --level 1 > root
      echo $(wc -l < root) $(cat root); cat below
      """, Self.ids(world))
    let district = Self.ids(world)["DISTRICT"]!
    let below = world.metadata.organisationUnits.filter { $0.level == 5 && $0.path.contains(district) }.map(\.uid)
    #expect(outcome.lines.first == "1 \(world.root)", "\(outcome.errors)")
    #expect(!outcome.lines.dropFirst().isEmpty && Set(outcome.lines.dropFirst()).isSubset(of: below))
    let urban = world.shell.file("urban").split(separator: "\n").map(String.init)
    let members = world.metadata.organisationUnitGroups[0].members.map { world.metadata.organisationUnits[$0].uid }
    #expect(!urban.isEmpty && Set(urban).isSubset(of: members))
    #expect(World.filtersByReference(world.source) == [])
  }

  @Test("ids of another scheme; what has none is named and not asked for")
  func schemes() throws {
    let world = try Self.world()
    let unit = world.metadata.organisationUnits.last { $0.level == 5 }!
    try world.change(source: #"{"organisationUnits":[{"id":"\#(unit.uid)","code":null}]}"#)
    let outcome = world.run(
      """
      pull="d2-pull --url $SRC --analytics --data-element $VISITS --period 2022 --org-unit $ROOT,$UNIT --quiet"
      $pull --id-scheme CODE; echo status $?
      $pull --org-unit-id-scheme NAME | jq -r .dataElement | sort -u; echo status $?
      $pull --category-option-combo-id-scheme CODE; echo status $?
      """, Self.ids(world).merging(["UNIT": unit.uid]) { $1 })
    let lines = outcome.lines
    #expect(lines.count == 5 && lines[0].contains(#""orgUnit":"LAND""#), "\(outcome.output)\(outcome.errors)")
    #expect(
      lines[1] == "status 1" && lines[2] == Self.ids(world)["VISITS"] && lines[3...] == ["status 0", "status 64"])
    #expect(outcome.errors.contains("no code of 1 organisation unit: \(unit.uid)"))
  }

  @Test("what would come twice for one key does not: equal names, a combo beside all combos")
  func once() throws {
    let world = try Self.world()
    let level = try #require(
      (2...6).first { level in world.metadata.organisationUnits.count { $0.level == level } > 3 })
    let districts = world.metadata.organisationUnits.filter { $0.level == level }
    try world.change(source: #"{"organisationUnits":[{"id":"\#(districts[0].uid)","name":"\#(districts[1].name)"}]}"#)
    var ids = Self.ids(world)
    let cases = world.metadata.dataElements.first { $0.name == "Cases 1" }!
    ids["LEVEL"] = "\(level)"
    ids["COMBO"] =
      world.metadata.categoryOptionCombos.first { combo in
        world.content(world.source) {
          $0["dataElement"]?.string == cases.uid && $0["categoryOptionCombo"]?.string == combo.uid
        }.count > 0
      }!.uid
    let outcome = world.run(
      """
      pull="d2-pull --url $SRC --analytics --period 2022 --org-unit $ROOT --level $LEVEL --quiet"
      $pull --data-element $VISITS --org-unit-id-scheme NAME > names; echo $?; jq -r .orgUnit names | sort | uniq -d | wc -l
      $pull --data-element $CASES,$CASES.$COMBO --disaggregate | jq -c '[.orgUnit, .categoryOptionCombo, .attributeOptionCombo]' > some
      $pull --data-element $CASES --disaggregate | jq -c '[.orgUnit, .categoryOptionCombo, .attributeOptionCombo]' > all; cmp <(sort some) <(sort all) && [ -s all ] && echo same
      $pull --data-element $VISITS --relative-period-date 2023-03-01 --period LAST_YEAR | jq -r .period | sort -u
      $pull --data-element $VISITS --filter abcdefghijk:abcdefghijl; echo $?
      """, ids)
    #expect(
      outcome.lines == ["1", "0", "same", "2022", "64"], "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("the same name of 2 organisation units"), "\(outcome.errors)")
    #expect(outcome.errors.contains("--filter: abcdefghijk is unknown to"), "\(outcome.errors)")
  }

  @Test("reporting rates: all of them, or some")
  func rates() throws {
    let world = try Self.world()
    let outcome = world.run(
      """
      pull="d2-pull --url $SRC --analytics --data-set $MONTH --org-unit $ROOT --period 2022 --quiet"
      $pull --reporting-rates | jq -r '.dataElement | split(".")[1]' | sort
      $pull --reporting-rate EXPECTED_REPORTS | jq -r '.value'
      $pull --reporting-rate SPEED; echo status $?
      """, Self.ids(world))
    let expected = world.metadata.dataSets[0].units.count * 12
    #expect(
      outcome.lines == [
        "ACTUAL_REPORTS", "ACTUAL_REPORTS_ON_TIME", "EXPECTED_REPORTS", "REPORTING_RATE", "REPORTING_RATE_ON_TIME",
        String(expected), "status 64",
      ], "\(outcome.output)\(outcome.errors)")
  }

  @Test("parts become as large as the server can bear")
  func sizes() throws {
    let world = try Self.world(values: 20_000) {
      $0.costModel = "2.42"
      $0.costScale = 0.5
    }
    let outcome = world.run(
      """
      d2-pull --url $SRC --analytics --data-set $MONTH --level 5 --period $MONTHS --disaggregate --part-time 100ms > /dev/null; echo $?
      d2-pull --url $SRC --analytics --data-set $MONTH --level 5 --period $MONTHS --disaggregate --part-time 0.1s --quiet | wc -l
      """, Self.ids(world))
    let slow = Self.questions(world).count
    world.source.resetStatistics()
    let large = world.run(
      "d2-pull --url $SRC --analytics --data-set $MONTH --level 5 --period $MONTHS --disaggregate --quiet | wc -l",
      Self.ids(world))
    #expect(outcome.lines.first == "64" && large.output == (outcome.lines.last ?? "") + "\n", "\(outcome.errors)")
    #expect(Self.questions(world).count < slow && slow > 8, "\(Self.questions(world).count) of \(slow)")
  }

  @Test("relative periods are counted from the server's day, and a period that is named twice comes once")
  func relative() throws {
    // In the server's zone it is still June.
    let world = try Self.world {
      $0.timeZone = "America/Bogota"
      $0.clockStart = StandInOptions.moment("2022-07-01T02:00:00")
    }
    let outcome = world.run(
      """
      d2-pull --url $SRC --analytics --data-element $VISITS --org-unit $ROOT --quiet \\
        --period LAST_3_MONTHS,202205,2022Q1,LAST_QUARTER | jq -r .period | sort | paste -sd' '
      """, Self.ids(world))
    #expect(outcome.output == "202203 202204 202205 2022Q1\n", "\(outcome.errors)")
    #expect(Self.questions(world).allSatisfy { !$0.contains("LAST") })
  }

  @Test("what does not go together is refused before anything is asked")
  func usage() throws {
    let world = try Self.world()
    let base = "d2-pull --url $SRC --analytics --data-element $VISITS --org-unit $ROOT --period 2022"
    let outcome = world.run(
      """
      \(base) --children; echo $?
      \(base) --last-updated 2022-01-01; echo $?
      \(base) --registrations; echo $?
      \(base) --limit 5; echo $?
      \(base) --filter dx:a; echo $?
      \(base) -y 2022; echo $?
      d2-pull --url $SRC --indicator $INDICATOR --org-unit $ROOT --period 2022; echo $?
      d2-pull --url $SRC --analytics --data-element $VISITS --period 2022; echo $?
      """, Self.ids(world))
    #expect(outcome.lines == Array(repeating: "64", count: 8), "\(outcome.errors)")
    #expect(Self.questions(world).isEmpty)
    #expect(outcome.errors.contains("--level N asks for the units of a level"))
  }
}
