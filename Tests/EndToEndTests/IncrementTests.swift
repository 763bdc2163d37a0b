import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// `d2-slices plan -i` over many windows: nothing that changes at the source is ever missed.
@Suite("increments", .waiting)
struct IncrementTests {
  private static let sets = "--data-set MONTH --data-set PARTNER"

  /// New values, changes and deletions at random places, each only once. So a change that one window misses is missing
  /// for good.
  private struct Writer {
    private let templates: [JSONValue]
    private let units: [String]
    private var used: Set<String> = []
    private var random: SeededGenerator

    init(_ world: World, seed: UInt64) {
      random = SeededGenerator(seed: seed)
      templates = world.content(world.source, of: [0, 5]).compactMap { try? JSONValue(parsing: $0) }.filter {
        Int($0["value"]?.string ?? "") != nil
      }
      units = world.metadata.organisationUnits.filter { $0.level == 5 && $0.closed == nil }.map(\.uid)
    }

    mutating func lines(_ count: Int) -> String {
      var text = ""
      var left = count
      while left > 0 {
        var value = templates.randomElement(using: &random)!
        // Half of them at empty places, and half at places with a value.
        if Bool.random(using: &random) {
          value = Self.with(value, "orgUnit", .string(units.randomElement(using: &random)!))
          let month = Int.random(in: 1...12, using: &random)
          value = Self.with(value, "period", .string("2022\(month < 10 ? "0" : "")\(month)"))
        }
        let key = ["dataElement", "period", "orgUnit", "categoryOptionCombo", "attributeOptionCombo"]
          .map { value[$0]?.string ?? "" }.joined(separator: " ")
        guard used.insert(key).inserted else { continue }
        value = Self.with(value, "value", .string("\(Int.random(in: 0...99, using: &random))"))
        value = Self.with(value, "deleted", .bool(Int.random(in: 0...4, using: &random) == 0))
        text += value.text + "\n"
        left -= 1
      }
      return text
    }

    private static func with(_ value: JSONValue, _ key: String, _ new: JSONValue) -> JSONValue {
      .object((value.members ?? []).filter { $0.key != key } + [.init(key, new)])
    }
  }

  @Test(
    "fifteen windows, writes between and during them, clocks that differ, units that are enabled: nothing is missed",
    arguments: StoreKind.available)
  func nothingMissed(kind: StoreKind) throws {
    let skewSeconds = kind == .sqlite ? 3 * 3600 : -2 * 86400
    let world = try World(slicesIn: kind, kind == .sqlite ? .v42 : .v43, values: 800) { options in
      options.clockStart = Clock.machineMilliseconds() + Int64(skewSeconds) * 1000
    }
    var writer = Writer(world, seed: 7)
    let zones = world.metadata.organisationUnits.filter { $0.level == 4 }.map(\.uid)
    #expect(zones.count == 4)
    world.run("d2-orgunits disable --pair hmis \(zones[1]) \(zones[2])")
    for window in 1...15 {
      for part in 1...5 { world.shell.write("w\(part)", writer.lines(4)) }
      let enabled = window == 5 ? zones[1] : window == 9 ? zones[2] : ""
      let outcome = world.run(
        """
        put() { curl -sf -o /dev/null --data-binary @$1 $SRC/control/values; }
        put w1; d2-slices plan --pair hmis -i --overlap 2s \(Self.sets) --quiet > /dev/null || echo plan $?; put w2
        [[ -z "\(enabled)" ]] || d2-orgunits enable --pair hmis "\(enabled)" > /dev/null
        (for part in w3 w4; do sleep 0.1; put $part; done) & writes=$!
        d2-slices run --pair hmis --jobs 4 --quiet; echo $?; wait $writes; put w5
        """)
      #expect(outcome.lines == ["0"], "window \(window): \(outcome.output)\(outcome.errors)")
    }
    // Nothing is written any more. Whatever is missing now stays missing.
    let last = world.run(
      "d2-slices plan --pair hmis -i --overlap 2s \(Self.sets) --quiet; d2-slices run --pair hmis --jobs 4 --quiet; echo $?"
    )
    #expect(last.lines.last == "0", "\(last.errors)")
    let differences = world.differences(of: [0, 5])
    #expect(differences == [])
    #expect(try world.store.rows("SELECT count(*) FROM sync_windows WHERE state <> 'done'") == ["0"])
    // An increment is one: most windows read little.
    let increments = try world.store.rows("SELECT sum(pulled) FROM slices WHERE since <> ''")[0]
    let history = try world.store.rows("SELECT sum(pulled) FROM slices WHERE since = ''")[0]
    #expect(
      Int(increments) ?? .max < 900 && Int(history) ?? 0 > 100, "\(increments) in increments, \(history) of history")
    // The mark is the source's time.
    let mark = try #require(
      world.run("d2-datasets list --pair hmis | jq -r 'select(.code == \"MONTH\").syncedThrough'").lines.first)
    let ahead = try #require(UTCTime(mark)).seconds - Int(Clock.machineMilliseconds() / 1000)
    #expect(abs(ahead - skewSeconds) < 60, "\(ahead)")
  }

  @Test("the mark is moved by whole increments alone; -l and dates leave it", arguments: StoreKind.available)
  func marks(kind: StoreKind) throws {
    let world = try World(slicesIn: kind, values: 600)
    let zone = world.metadata.organisationUnits.first { $0.level == 4 }!.uid
    let marks = "d2-datasets list --pair hmis | jq -r '.syncedThrough != null' | sort | uniq -c | awk '{print $2, $1}'"
    let outcome = world.run(
      """
      i() { d2-slices plan --pair hmis -i --quiet "$@" | jq -c '[.added > 0, .again]'; d2-slices run --pair hmis --jobs 3 --quiet; }
      i -l \(zone); \(marks); i -y 2022; \(marks); i --data-set MONTH; \(marks); i; \(marks)
      d2-slices plan --pair hmis -i --quiet | jq .planned; d2-slices plan --pair hmis -i | jq .planned
      d2-slices list --pair hmis --state waiting | jq -r .since | sort -u | grep -c Z
      """)
    #expect(
      outcome.lines == [
        "[true,0]", "false 6", "[true,0]", "false 6", "[true,0]", "false 5", "true 1", "[true,0]", "true 6", "24", "0",
        "1",
      ], "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("the last increment is still open"))
  }

  @Test("a data set that is enabled later gets its history, old ones their increment", arguments: StoreKind.available)
  func later(kind: StoreKind) throws {
    let world = try World(slicesIn: kind, values: 600, level: nil)
    let outcome = world.run(
      """
      i() { d2-slices plan --pair hmis -i --quiet > /dev/null; d2-slices run --pair hmis --jobs 3 --quiet; echo $?; }
      d2-datasets disable --pair hmis WEEK DAY QUARTER YEAR > /dev/null; i
      d2-datasets enable --pair hmis WEEK > /dev/null; i
      d2-slices list --pair hmis | jq -r .since | grep -c Z
      """)
    #expect(outcome.lines == ["0", "0", "2"], "\(outcome.output)\(outcome.errors)")
    let differences = world.differences(of: [0, 3, 5])
    #expect(differences == [])
    #expect(world.content(world.destination, of: [1, 2, 4]).isEmpty)
  }

  /// Lays registrations ready, of nine units in `r1` and of seven others in `r2`, and returns the words that post and
  /// show them.
  private static func registrations(_ world: World) -> String {
    let set = world.metadata.dataSets[0].uid
    let units = world.metadata.organisationUnits.filter { $0.level == 5 && $0.closed == nil }.map(\.uid)
    func document(_ period: String, _ units: some Sequence<String>) -> String {
      let list = units.map {
        #"{"dataSet":"\#(set)","period":"\#(period)","organisationUnit":"\#($0)","completed":true}"#
      }
      return "{\"completeDataSetRegistrations\":[\(list.joined(separator: ","))]}"
    }
    world.shell.write("r1", document("202203", units.prefix(9)))
    world.shell.write("r2", document("202204", units.suffix(7)))
    return """
      post() { curl -sf -u admin:district -H 'Content-Type: application/json' --data-binary @$1 $SRC/api/completeDataSetRegistrations > /dev/null; }
      held() { curl -sf -u admin:district "$1/api/completeDataSetRegistrations?dataSet=\(set)&orgUnit=$ROOT&children=true&startDate=2022-01-01&endDate=2022-12-31" |
        jq -c '.completeDataSetRegistrations[]? | [.period, .organisationUnit]' | sort; }

      """
  }

  @Test("complete data set registrations travel, in increments too", arguments: StoreKind.available)
  func registrations(kind: StoreKind) throws {
    let world = try World(slicesIn: kind, values: 300)
    let outcome = world.run(
      Self.registrations(world) + """
        i() { d2-slices plan --pair hmis -i --overlap 2s --registrations --data-set MONTH --quiet > /dev/null; d2-slices run --pair hmis --jobs 3 --quiet; echo $?; }
        post r1; i; held $SRC > a; held $DST > b; cmp a b && wc -l < b; pass 3
        post r2; i; held $SRC > a; held $DST > b; cmp a b && wc -l < b
        """)
    #expect(outcome.lines == ["0", "9", "0", "16"], "\(outcome.output)\(outcome.errors)")
    let kinds = try world.store.rows("SELECT kind, count(*) FROM slices GROUP BY kind ORDER BY kind")
    #expect(kinds == ["registrations|8", "values|8"])
  }

  @Test(
    "registrations of data sets whose values are delivered already come whole the first time, and have a mark of their own",
    arguments: StoreKind.available)
  func registrationsLater(kind: StoreKind) throws {
    let world = try World(slicesIn: kind, values: 300, level: nil)
    let outcome = world.run(
      Self.registrations(world) + """
        i() { d2-slices plan --pair hmis -i --overlap 1s --data-set MONTH --quiet "$@" > /dev/null; d2-slices run --pair hmis --quiet || echo $?; }
        since() { d2-slices list --pair hmis | jq -r --arg k $1 'select(.kind == $k) | .since // "all"' | sort | tr '\\n' ' '; }
        mark() { d2-datasets list --pair hmis | jq -r --arg k $1 'select(.code == "MONTH")[$k]'; }
        post r1; pass 3; i; held $DST | wc -l; values=$(mark syncedThrough); mark registrationsThrough; pass 2
        i --registrations; held $SRC > a; held $DST > b; cmp a b && wc -l < b
        since registrations; echo; since values | grep -o Z | wc -l
        registrations=$(mark registrationsThrough); [ "$registrations" = "$(mark syncedThrough)" ] && echo same; pass 2
        i; [ "$registrations" = "$(mark registrationsThrough)" ] && [ "$registrations" != "$(mark syncedThrough)" ] && echo own
        d2-datasets mark --pair hmis --registrations --synced-through never MONTH 2> /dev/null; [ $(mark registrationsThrough) = null ] && [ $(mark syncedThrough) != null ] && echo forgotten
        d2-datasets mark --pair hmis --registrations --synced-through $registrations MONTH; d2-datasets mark --pair hmis --synced-through never MONTH
        mark syncedThrough; [ "$registrations" = "$(mark registrationsThrough)" ] && echo kept
        post r2; i --registrations; held $SRC > a; held $DST > b; cmp a b && wc -l < b; since registrations | grep -o Z | wc -l
        """)
    #expect(
      outcome.lines == [
        "0", "null", "9", "all ", "1", "same", "own", "forgotten", "null", "kept", "16", "1",
      ], "\(outcome.output)\(outcome.errors)")
  }

  /// A zone, a facility below it with values of the first data set, and another zone.
  private static func zones(_ world: World) throws -> (shut: String, unit: OrganisationUnit, other: String) {
    let units = world.metadata.organisationUnits
    let holding = Set(
      world.content(world.source, of: [0]).compactMap { try? JSONValue(parsing: $0)["orgUnit"]?.string })
    let unit = try #require(units.first { $0.level == 5 && holding.contains($0.uid) })
    let shut = units[try #require(unit.parent)].uid
    let other = try #require(units.first { $0.level == 4 && $0.uid != shut }).uid
    return (shut, unit, other)
  }

  @Test("a unit that is moved out of a disabled one gets its history", arguments: StoreKind.available, [false, true])
  func movedOut(kind: StoreKind, enablesLater: Bool) throws {
    let world = try World(slicesIn: kind, values: 900, level: nil)
    let (shut, unit, other) = try Self.zones(world)
    let i =
      "d2-slices plan --pair hmis -i --overlap 1s --data-set MONTH --quiet > /dev/null; d2-slices run --pair hmis --jobs 3 --quiet; echo $?"
    let first = world.run("d2-orgunits disable --pair hmis \(shut); pass 2; \(i)")
    #expect(first.lines == ["0"], "\(first.errors)")
    func held(_ server: StandIn) -> [String] { world.content(server, of: [0]) { $0["orgUnit"]?.string == unit.uid } }
    #expect(held(world.destination).isEmpty, "it is below one that is disabled")
    try world.change(
      source:
        #"{"organisationUnits":[{"id":"\#(unit.uid)","name":\#(JSONValue.string(unit.name).text),"parent":{"id":"\#(other)"}}]}"#
    )
    // Its data does not change any more, so what the next increment omits never arrives.
    let second = world.run(
      """
      pass 3; d2-orgunits sync --pair hmis | jq -c '[.change, .id]'
      \(enablesLater ? "d2-orgunits enable --pair hmis \(shut)" : "true"); \(i)
      d2-slices list --pair hmis | jq -c 'select(.periods == "" and .since == null and .orgUnits == ["\(unit.uid)"]) | .children'
      """)
    #expect(second.lines == [#"["moved","\#(unit.uid)"]"#, "0", "true"], "\(second.output)\(second.errors)")
    #expect(held(world.destination) == held(world.source))
    let differences = world.differences(of: [0]) { _ in enablesLater }
    #expect(!enablesLater || differences.isEmpty, "\(differences)")
  }

  @Test(
    "a unit that is enabled again gets its history also where one above it was delivered",
    arguments: StoreKind.available)
  func enabledBelow(kind: StoreKind) throws {
    let world = try World(slicesIn: kind, values: 900, level: nil)
    let (shut, unit, _) = try Self.zones(world)
    let outcome = world.run(
      """
      i() { d2-slices plan --pair hmis -i --overlap 1s --data-set MONTH --quiet > /dev/null; d2-slices run --pair hmis --jobs 3 --quiet; echo $?; }
      d2-orgunits disable --pair hmis \(shut); i; d2-slices list --pair hmis | jq -s 'length > 1'
      pass 3; d2-orgunits enable --pair hmis \(shut); i; pass 3; i
      d2-slices list --pair hmis | jq -c 'select(.since == null and .orgUnits == ["\(shut)"]) | .children'
      """)
    #expect(outcome.lines == ["0", "true", "0", "0", "true"], "\(outcome.output)\(outcome.errors)")
    #expect(world.content(world.destination, of: [0]) { $0["orgUnit"]?.string == unit.uid } != [])
    let differences = world.differences(of: [0])
    #expect(differences == [])
  }

  @Test(
    "units that are only new to the store, below one that was delivered, are not pulled anew",
    arguments: StoreKind.available)
  func newRows(kind: StoreKind) throws {
    let world = try World(slicesIn: kind, values: 300)
    let outcome = world.run(
      """
      i() { d2-slices plan --pair hmis -i --data-set MONTH --quiet | jq -c .planned; d2-slices run --pair hmis --jobs 3 --quiet; echo $?; }
      i; pass 3; d2-orgunits sync --pair hmis --level Facility | wc -l; i
      """)
    #expect(
      outcome.lines.prefix(2) == ["4", "0"] && outcome.lines.suffix(2) == ["4", "0"],
      "\(outcome.output)\(outcome.errors)")
    #expect(Int(outcome.lines.dropFirst(2).first ?? "") ?? 0 > 30)
  }

  @Test(
    "a mark by hand: units that were active then continue with increments, those that became active since get their history",
    arguments: StoreKind.available)
  func markedByHand(kind: StoreKind) throws {
    let world = try World(slicesIn: kind, values: 300)
    let zones = world.metadata.organisationUnits.filter { $0.level == 4 }.map(\.uid)
    let outcome = world.run(
      """
      d2-orgunits disable --pair hmis \(zones[0]) \(zones[1]); pass 4; time=$(date -u -d '-2 seconds' +%FT%TZ)
      d2-orgunits enable --pair hmis \(zones[0]); d2-datasets mark --pair hmis --synced-through $time all
      d2-orgunits enable --pair hmis \(zones[1]); d2-slices plan --pair hmis -i --overlap 0s --data-set MONTH --quiet | jq .planned
      d2-slices list --pair hmis | jq -r 'select(.since == null) | .orgUnits[]' | sort | tr '\\n' ' '; echo
      d2-slices list --pair hmis | jq -r --arg t $time 'select(.since == $t) | .orgUnits[]' | sort | tr '\\n' ' '; echo
      """)
    let enabled = zones.prefix(2).sorted().joined(separator: " ") + " "
    #expect(
      outcome.lines == ["6", enabled, zones.sorted().joined(separator: " ") + " "],
      "\(outcome.output)\(outcome.errors)")
  }

  @Test(
    "a unit that is moved to where it is pulled from where it was not gets its history", arguments: StoreKind.available)
  func movedIn(kind: StoreKind) throws {
    let world = try World(slicesIn: kind, values: 900, level: nil)
    let (_, unit, other) = try Self.zones(world)
    let i =
      "d2-slices plan --pair hmis -i --overlap 1s --data-set MONTH --quiet > /dev/null; d2-slices run --pair hmis --jobs 3 --quiet; echo $?"
    // The store has the other zone and the units below it, and nothing else.
    try world.store.connect().execute("DELETE FROM orgunits")
    let first = world.run("pass 2; d2-orgunits sync --pair hmis --root \(other) > /dev/null; \(i)")
    #expect(first.lines == ["0"], "\(first.errors)")
    func held(_ server: StandIn) -> [String] { world.content(server, of: [0]) { $0["orgUnit"]?.string == unit.uid } }
    #expect(held(world.destination).isEmpty)
    try world.change(
      source:
        #"{"organisationUnits":[{"id":"\#(unit.uid)","name":\#(JSONValue.string(unit.name).text),"parent":{"id":"\#(other)"}}]}"#
    )
    let second = world.run("pass 3; d2-orgunits sync --pair hmis | jq -c '[.change, .id]'; \(i)")
    #expect(second.lines == [#"["added","\#(unit.uid)"]"#, "0"], "\(second.output)\(second.errors)")
    #expect(held(world.destination) == held(world.source))
  }
}
