import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

@Suite("d2-pull --pair", .waiting)
struct PairPullTests {
  private static let ready = "d2-orgunits sync --pair hmis > /dev/null; d2-datasets sync --pair hmis > /dev/null"

  /// The parameters of a request for values.
  private struct Asked {
    let target: String
    private let parameters: [(String, String)]

    init(_ target: String) {
      self.target = target
      parameters = (target.split(separator: "?").last ?? "").split(separator: "&").map { pair in
        let parts = pair.split(separator: "=", maxSplits: 1).map { Request.decoded($0) }
        return (parts[0], parts.count > 1 ? parts[1] : "")
      }
    }

    func all(_ name: String) -> [String] { parameters.filter { $0.0 == name }.map(\.1) }
    subscript(name: String) -> String? { all(name).first }
  }

  /// Runs a pull, and returns the requests to the source.
  private static func asked(_ world: World, _ options: String, status: Int32 = 0) -> [Asked] {
    world.source.resetStatistics()
    let outcome = world.run("d2-pull --pair hmis \(options) > pulled")
    #expect(outcome.status == status, "\(options): \(outcome.errors)")
    return (world.source.statistics["recent"]?.array ?? []).compactMap { $0["target"]?.string }
      .filter { $0.hasPrefix("/api/dataValueSets") }.map { Asked($0) }
  }

  private struct Key: Hashable {
    let element: String
    let period: String
    let unit: String
    let isDeleted: Bool
  }

  private static func keys(_ lines: some StringProtocol) throws -> [Key: Int] {
    var keys: [Key: Int] = [:]
    for line in lines.split(separator: "\n") {
      let value = try JSONValue(parsing: String(line))
      keys[
        Key(
          element: value["dataElement"]?.string ?? "", period: value["period"]?.string ?? "",
          unit: value["orgUnit"]?.string ?? "", isDeleted: value["deleted"]?.bool ?? false), default: 0] += 1
    }
    return keys
  }

  @Test(
    "calendar flags mean each data set's own periods, and the values are the source's", arguments: StoreKind.available)
  func calendar(kind: StoreKind) throws {
    let world = try World(pairIn: kind, values: 4000)
    let sets = world.metadata.dataSets
    world.run(Self.ready)
    let asked = Self.asked(world, "-y 2022 -q 1")
    #expect(asked.count == 6)
    func periods(_ set: Int) -> [String] {
      asked.filter { $0["dataSet"] == sets[set].uid }.flatMap { $0.all("period") }
    }
    #expect(periods(0) == ["202201", "202202", "202203"] && periods(5) == periods(0))
    #expect(periods(1) == ["2022Q1"] && periods(2) == ["2022"])
    #expect(periods(3) == ["2021W52"] + (1...13).map { "2022W\($0)" })
    #expect(periods(4).count == 90 && periods(4).first == "20220101" && periods(4).last == "20220331")
    #expect(asked.allSatisfy { $0.all("orgUnit") == [world.root] && $0["children"] == "true" })
    #expect(asked.allSatisfy { $0["lastUpdated"] == nil && $0["includeDeleted"] == nil })

    let wanted = Set(sets.indices.flatMap(periods))
    let expected = try Self.keys(world.source.values).filter { wanted.contains($0.key.period) && !$0.key.isDeleted }
    let got = try Self.keys(world.shell.file("pulled"))
    #expect(got == expected)
    #expect(got.count > 500)
    let tagged = world.run("jq -r .dataSet pulled | sort -u | wc -l").lines
    #expect(tagged == ["6"])

    #expect(Self.asked(world, "-y 2022 -m 2 --data-set MONTH").map { $0.all("period") } == [["202202"]])
    #expect(
      Self.asked(world, "-p 2022Q2 --data-set MONTH,QUARTER").map { $0.all("period") } == [
        ["202204", "202205", "202206"], ["2022Q2"],
      ])
    #expect(
      Self.asked(world, "--from 2022-05-31 --to 2022-06-01 --data-set 'Monthly health report'").map { $0.all("period") }
        == [["202205", "202206"]])
    #expect(
      Self.asked(world, "--start-date 2022-01-01 --end-date 2022-01-31 --data-set YEAR").map { $0["endDate"] } == [
        "2022-01-31"
      ])
  }

  @Test("periods that have not begun are asked for where the data set opens them")
  func future() throws {
    let world = try World(pairIn: .sqlite)
    let (month, other) = (world.metadata.dataSets[0].uid, world.metadata.dataSets[5].uid)
    let today = CalendarDate(localAt: .now)
    try world.change(
      source: #"{"dataSets":[{"id":"\#(month)","openFuturePeriods":0},{"id":"\#(other)","openFuturePeriods":3}]}"#)
    world.run(Self.ready)
    let asked = Self.asked(world, "--from \(today.year)-01-01 --to \(today.year + 1)-12-31 --data-set MONTH,PARTNER")
    let counts = asked.map { $0.all("period").count }
    #expect(counts.count == 2 && counts[0] == today.month && counts[1] > counts[0], "\(counts)")
    let none = world.run("d2-pull --pair hmis -y \(today.year + 3)")
    #expect(none.status == 1 && none.errors.contains("no active data set of hmis has a period"), "\(none.errors)")
    // A disabled unit is not pulled. If the user names it, it is not silently omitted.
    let inactive = world.run("d2-datasets disable --pair hmis YEAR; d2-pull --pair hmis -y 2022 --data-set YEAR")
    #expect(inactive.status == 64 && inactive.errors.contains("d2-datasets enable"), "\(inactive.errors)")
    #expect(Set(Self.asked(world, "-y 2022").map { $0["dataSet"] }).count == 5)
  }

  @Test("-l picks units by name, code and uid, each with all below it", arguments: StoreKind.available)
  func only(kind: StoreKind) throws {
    let world = try World(pairIn: kind, values: 2000)
    let units = world.metadata.organisationUnits
    let (zones, facilities) = (units.filter { $0.level == 4 }, units.filter { $0.level == 5 && $0.code != nil })
    try world.change(
      source:
        #"{"organisationUnits":[{"id":"\#(zones[0].uid)","name":"Bo, north"},{"id":"\#(zones[1].uid)","name":"Twin"},{"id":"\#(zones[2].uid)","name":"Twin"}]}"#
    )
    world.run(Self.ready)
    let flags = "-y 2022 --data-set MONTH"
    #expect(Self.asked(world, "\(flags) -l 'Bo, north'").map { $0.all("orgUnit") } == [[zones[0].uid]])
    let values = try Self.keys(world.shell.file("pulled"))
    let inside = Set(units.filter { $0.path.contains(zones[0].uid) }.map(\.uid))
    #expect(!values.isEmpty && values.keys.allSatisfy { inside.contains($0.unit) })
    let elsewhere = facilities.first { !inside.contains($0.uid) }!
    let three = Self.asked(world, "\(flags) -l 'Bo, north,\(elsewhere.code!), \(zones[3].uid)'").flatMap {
      $0.all("orgUnit")
    }
    let isBelow = elsewhere.path.contains(zones[3].uid)
    #expect(Set(three) == Set([zones[0].uid, zones[3].uid] + (isBelow ? [] : [elsewhere.uid])))
    for (list, words) in [
      ("Twin", "2 organisation units are called \"Twin\": \(zones[1].uid)"),
      ("Nowhere", "no organisation unit \"Nowhere\""),
    ] {
      let outcome = world.run("d2-pull --pair hmis \(flags) -l \(list)")
      #expect(outcome.status == 64 && outcome.output.isEmpty, "\(outcome.errors)")
      // Whichever of the two comes first.
      #expect(
        outcome.errors.contains(words) || outcome.errors.contains(words.replacing(zones[1].uid, with: zones[2].uid)),
        "\(outcome.errors)")
    }
    let disabled = world.run(
      "d2-orgunits disable --pair hmis \(zones[3].uid); d2-pull --pair hmis \(flags) -l \(zones[3].uid)")
    #expect(disabled.status == 64 && disabled.errors.contains("is inactive"), "\(disabled.errors)")
    let child = units.first { $0.level == 5 && $0.path.contains(zones[3].uid) }!
    let below = world.run("d2-pull --pair hmis \(flags) -l \(child.uid)")
    #expect(below.status == 64 && below.errors.contains("below one that is inactive"), "\(below.errors)")
  }

  @Test(
    "a disabled unit is left out with all below it, the rest goes in few requests; priorities first",
    arguments: StoreKind.available)
  func cover(kind: StoreKind) throws {
    let world = try World(pairIn: kind, values: 3000)
    let units = world.metadata.organisationUnits
    let zones = units.filter { $0.level == 4 }.map(\.uid)
    let facility = units.first { $0.level == 5 && $0.path.contains(zones[1]) }!.uid
    world.run("\(Self.ready); d2-orgunits disable --pair hmis \(zones[0]) \(facility)")
    let asked = Self.asked(world, "-y 2022 --data-set MONTH")
    #expect(asked.count == 2, "those above, and the subtrees")
    let out = Set(units.filter { $0.path.contains(zones[0]) || $0.uid == facility }.map(\.uid))
    let got = try Self.keys(world.shell.file("pulled"))
    let elements = Set(world.metadata.elements(of: world.metadata.dataSets[0].uid))
    let expected = try Self.keys(world.source.values).filter {
      elements.contains($0.key.element) && !$0.key.isDeleted && !out.contains($0.key.unit)
    }
    #expect(got == expected)
    #expect(!got.isEmpty)
    // Only zones in the store: the order of their priorities.
    let order = try World(pairIn: kind)
    order.run(
      """
      d2-orgunits sync --pair hmis --level Zone > /dev/null; d2-datasets sync --pair hmis > /dev/null
      d2-orgunits set --pair hmis --priority 2 \(zones[1]); d2-orgunits set --pair hmis --priority 1 \(zones[3])
      """)
    let inOrder = Self.asked(order, "-y 2022 --data-set MONTH").map { $0.all("orgUnit") }
    #expect(
      inOrder.count == 3 && inOrder[0] == [zones[3]] && inOrder[1] == [zones[1]]
        && Set(inOrder[2]) == [zones[0], zones[2]])
  }

  @Test(
    "-i goes on where each data set was delivered, with an overlap; deleted values travel where they are to",
    arguments: StoreKind.available)
  func incremental(kind: StoreKind) throws {
    let world = try World(pairIn: kind, .v43, values: 1000)
    let sets = world.metadata.dataSets
    world.run(
      """
      \(Self.ready); d2-datasets mark --pair hmis --synced-through 2022-06-15T06:00:00Z MONTH QUARTER
      d2-datasets set --pair hmis --include-deleted on MONTH
      """)
    let asked = Self.asked(world, "-i --data-set MONTH,QUARTER,YEAR")
    func first(_ set: Int) -> Asked? { asked.first { $0["dataSet"] == sets[set].uid } }
    #expect(asked.count == 3)
    #expect(first(0)?["lastUpdated"] == "2022-06-15" && first(0)?["includeDeleted"] == "true")
    #expect(first(1)?["lastUpdated"] == "2022-06-15" && first(1)?["includeDeleted"] == nil)
    // Never delivered: all of it.
    #expect(first(2)?["lastUpdated"] == nil)
    // No time alone: servers refuse it.
    #expect(asked.allSatisfy { $0["startDate"] == "1900-01-01" && $0["endDate"] == "2199-12-31" })
    let overlap = Self.asked(world, "-i --overlap 7h --data-set MONTH -y 2022")
    #expect(
      overlap.map { $0["lastUpdated"] } == ["2022-06-14"] && overlap[0].all("period").count == 12)
    #expect(Self.asked(world, "-y 2022 --data-set MONTH").map { $0["lastUpdated"] } == [nil])
    for options in ["-i --last-updated 2022-01-01", "-i --registrations -y 2022"] {
      let refused = world.run("d2-pull --pair hmis \(options)")
      #expect(refused.status == 64, "\(options): \(refused.errors)")
    }
  }

  @Test("another calendar: flags are refused, dates are passed on")
  func otherCalendar() throws {
    let world = try World(pairIn: .sqlite)
    world.run(Self.ready)
    try world.change(source: #"{"calendar":"nepali"}"#)
    try world.change(destination: #"{"calendar":"nepali"}"#)
    for flags in ["-y 2022", "-n 7", ""] {
      let outcome = world.run("d2-pull --pair hmis \(flags)")
      #expect(outcome.status == 64 && outcome.errors.contains("calendar nepali"), "\(flags): \(outcome.errors)")
    }
    #expect(Self.asked(world, "--start-date 2022-01-01 --end-date 2022-12-31").count == 6)
  }

  @Test("what goes with a pair and what does not; whose credentials count")
  func options() throws {
    let world = try World(pairIn: .sqlite)
    let zones = world.metadata.organisationUnits.filter { $0.level == 4 }.map(\.uid)
    let early = world.run(
      "d2-pull --pair hmis -y 2022; echo $?; d2-datasets sync --pair hmis > /dev/null; d2-pull --pair hmis -y 2022; echo $?"
    )
    #expect(early.lines == ["64", "64"], "\(early.output)")
    #expect(
      early.errors.contains("run d2-datasets sync --pair hmis first")
        && early.errors.contains("run d2-orgunits sync --pair hmis first"))
    world.run(Self.ready)
    let asked = Self.asked(world, "-y 2022 --data-set YEAR --org-unit \(zones[0]) --children")
    #expect(asked.map { $0.all("orgUnit") } == [[zones[0]]] && asked[0]["children"] == "true")
    for (options, status) in [
      ("--pair hmis --url $SRC -y 2022", 64), ("--pair hmsi -y 2022", 78),
      ("--pair hmis -y 2022 -l x --org-unit y", 64),
      ("--pair hmis --data-element x -y 2022", 64), ("--pair hmis -y 2022 -n 3", 64),
      ("--pair hmis -y 2022 --start-date 2022-01-01 --end-date 2022-01-31", 64),
      ("--url $SRC -y 2022 --data-set x --org-unit y", 64), ("--pair hmis -y 20222", 64),
    ] as [(String, Int32)] {
      let outcome = world.run("d2-pull \(options)")
      #expect(outcome.status == status && outcome.output.isEmpty, "\(options): \(outcome.status) \(outcome.errors)")
    }
    // The pair's own go before the environment's, those of the command line before the pair's.
    let pull = "d2-pull --pair hmis -y 2022 --data-set YEAR --retries 0"
    let credentials = world.run(
      """
      D2_USERNAME=nobody D2_PASSWORD=wrong \(pull); echo $?
      echo wrong > file; \(pull) --username admin --password-file file; echo $?
      SOURCE_PASSWORD=wrong \(pull); echo $?; SOURCE_PASSWORD= \(pull); echo $?
      """)
    #expect(credentials.lines == ["0", "77", "77", "78"], "\(credentials.output)\(credentials.errors)")
  }

  @Test("however many units are picked, no address is longer than 4096 bytes")
  func addresses() throws {
    let world = try World(pairIn: .sqlite, sourceUnits: 2000)
    // One facility of each zone is disabled, so the others must be requested by name.
    let outcome = world.run(
      """
      \(Self.ready)
      d2-orgunits list --pair hmis | jq -rs '[.[] | select(.level == 5)] | group_by(.path[0:48]) | map(.[0].id) | .[]' > some
      wc -l < some; xargs d2-orgunits disable --pair hmis < some
      """)
    #expect(outcome.status == 0 && (Int(outcome.lines.first ?? "") ?? 0) > 100, "\(outcome.errors)")
    let asked = Self.asked(world, "--from 2022-01-01 --to 2022-12-31 --data-set DAY,MONTH")
    let longest = asked.map(\.target.utf8.count).max() ?? 0
    #expect(asked.count > 10 && longest > 3000 && longest <= 4096, "\(asked.count) requests, \(longest) bytes")
    let zones = Set(
      asked.filter { $0["dataSet"] == asked[0]["dataSet"] && $0["period"] == asked[0]["period"] }.flatMap {
        $0.all("orgUnit")
      })
    #expect(zones.count > 1500)
  }

  @Test(
    "moved by codes, values name their data set by its code, and all arrive",
    arguments: [
      (StandInServer.ServerVersion.v42, StandInServer.ServerVersion.v40), (.v42, .v42), (.v42, .v43), (.v43, .v43),
    ])
  func codes(from: StandInServer.ServerVersion, to: StandInServer.ServerVersion) throws {
    let world = try World(pairIn: .sqlite, from, to, values: 1500)
    let move = world.run(
      """
      \(Self.ready); d2-datasets set --pair hmis --include-deleted on all > /dev/null
      d2-pull --pair hmis --from 2021-12-01 --to 2023-01-31 --id-scheme CODE --spool --quiet > values; echo $?
      jq -r .dataSet values | sort -u | tr '\\n' ' '; echo; grep -c '"orgUnit":"[A-Z][0-9]*"' values
      d2-push --pair hmis --id-scheme CODE --rejects rejects --quiet < values > /dev/null; echo $?
      """)
    #expect(
      move.lines == ["0", "DAY MONTH PARTNER QUARTER WEEK YEAR ", "1500", "0"],
      "\(move.output)\(move.errors)\(world.shell.file("rejects").prefix(400))")
    #expect(world.differences() == [])
  }

  @Test("of several kinds of ids each is named by its own scheme, without a pair too")
  func ownSchemes() throws {
    let world = try World(pairIn: .sqlite, .v42, .v43, values: 600)
    let pull = World.pullAll + " --quiet"
    let outcome = world.run(
      """
      \(pull) --id-scheme CODE --data-set-id-scheme UID | jq -r .dataSet | sort -u | head -1 | wc -c
      \(pull) --data-set-id-scheme NAME | jq -r .dataSet | sort -u | head -1
      \(pull) --id-scheme CODE --explain | jq -r '(.dataSet | length == 11), (.url | test("dataSet=[A-Za-z0-9]{11}&"))' | sort -u
      d2-pull --url http://127.0.0.1:1 --data-set abcdefghijk --org-unit abcdefghijk --period 202201 --tag-data-set --id-scheme CODE --explain --no-check | wc -l
      \(pull) --org-unit-id-scheme CODE | d2-push --pair hmis --org-unit-id-scheme CODE --quiet > /dev/null; echo $?
      """)
    #expect(
      outcome.lines == [
        "12", "Daily stock", "true", "1", "0",
      ], "\(outcome.output)\(outcome.errors)")
    #expect(world.differences() == [])
  }

  @Test(
    "a data set without a code is named before anything is read", arguments: [StandInServer.ServerVersion.v40, .v43])
  func nameless(version: StandInServer.ServerVersion) throws {
    let world = try World(pairIn: .sqlite, version, values: 300)
    world.run(Self.ready)
    let set = world.metadata.dataSets[1]
    try world.change(source: #"{"dataSets":[{"id":"\#(set.uid)","code":null}]}"#)
    let asked = Self.asked(world, "-y 2022 --id-scheme CODE", status: 64)
    #expect(asked.isEmpty)
    let outcome = world.run(
      """
      d2-pull --pair hmis -y 2022 --id-scheme CODE
      d2-pull --pair hmis -y 2022 --data-set MONTH --id-scheme CODE --quiet > values; say pulled $?
      """)
    #expect(outcome.output == "pulled=0\n")
    #expect(world.shell.lines(of: "values") > 0)
    #expect(
      outcome.errors.split(separator: "\n").count == 1
        && outcome.errors.contains("no code at \(world.source.url) of data set \(set.uid)"), "\(outcome.errors)")
  }

  @Test("values in codes that do not say their data set get one by its code, where the server will not guess")
  func guessedByCode() throws {
    let world = try World(pairIn: .sqlite, .v42, .v43, values: 900)
    let month = world.metadata.dataSets[0]
    let elements = month.elements.map { #"{"dataElement":{"id":"\#(world.metadata.dataElements[$0].uid)"}}"# }
    // The same elements in a second set, for which nobody may enter data.
    try world.change(
      destination:
        #"{"dataSets":[{"id":"SecondSet01","code":"SECOND","dataSetElements":[\#(elements.joined(separator: ","))]}]}"#)
    let outcome = world.run(
      """
      d2-pull --url $SRC --data-set \(month.uid) --org-unit $ROOT --children --start-date 2022-01-01 --end-date 2022-12-31 --id-scheme CODE --quiet > values
      grep -c dataSet values; d2-push --url $DST --id-scheme CODE --quiet < values > /dev/null; echo $?; wc -l < values
      """)
    let held = World.content(world.destination).count
    #expect(outcome.lines.prefix(2) == ["0", "0"], "\(outcome.output)\(outcome.errors)")
    #expect(outcome.lines.last == "\(held)" && held > 100, "\(outcome.output)")
  }
}
