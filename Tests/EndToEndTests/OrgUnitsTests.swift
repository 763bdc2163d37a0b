import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

@Suite("d2-orgunits", .waiting)
struct OrgUnitsTests {
  private static let sync = "d2-orgunits sync --pair hmis"

  /// Names that break wrong quoting, splitting or counting.
  private static let names = [
    "it's \"quoted\", and more", "line\\none", "Emoji 🏥👩🏽‍⚕️", "שלום مرحبا", "Back\\slash; DROP TABLE orgunits; --",
    String(repeating: "long ", count: 46), "Żółw é e\u{301}", "%_like_%", "$1", "NULL",
  ]

  /// A unit of the change document.
  private static func unit(_ uid: String, _ name: String, parent: String, _ more: String = "") -> String {
    #"{"id":"\#(uid)","name":\#(JSONValue.string(name).text),"parent":{"id":"\#(parent)"}\#(more)}"#
  }

  private static func units(_ list: [String]) -> String { #"{"organisationUnits":[\#(list.joined(separator: ","))]}"# }

  @Test("sync takes over, and a second one writes nothing", arguments: StoreKind.available)
  func twice(kind: StoreKind) throws {
    let world = try World(pairIn: kind)
    let metadata = world.metadata
    let first = world.run("\(Self.sync) > lines; echo $?; jq -c .change lines | sort | uniq -c; wc -l < lines")
    #expect(first.lines == ["0", "     60 \"added\"", "60"], "\(first.errors)")
    #expect(first.errors.contains("60 organisation units") && first.errors.contains("60 added; 60 rows written"))
    let stored = try world.store.rows(
      "SELECT dhis2_id, dhis2_name, dhis2_code, dhis2_path, dhis2_parent, dhis2_level FROM orgunits ORDER BY dhis2_level, dhis2_id"
    )
    let expected = metadata.organisationUnits.sorted { ($0.level, $0.uid) < ($1.level, $1.uid) }.map { unit in
      let parent = unit.parent.map { metadata.organisationUnits[$0].uid }
      return "\(unit.uid)|\(unit.name)|\(unit.code ?? "NULL")|\(unit.path)|\(parent ?? "NULL")|\(unit.level)"
    }
    #expect(stored == expected, "\(stored.prefix(3)) instead of \(expected.prefix(3))")

    let before = try world.storeContent()
    let again = world.run("\(Self.sync); echo $?")
    #expect(again.lines == ["0"] && again.errors.contains("no change; 0 rows written"), "\(again.errors)")
    #expect(try world.storeContent() == before)
    #expect(try world.store.rows("SELECT source_config FROM integration_pair")[0].contains("ous_synced"))
  }

  @Test("a change that is rolled back prints no line: lines come after the commit", arguments: StoreKind.available)
  func rolledBack(kind: StoreKind) throws {
    let world = try World(pairIn: kind)
    let unit = world.metadata.organisationUnits.last!.uid
    let refusal =
      kind == .sqlite
      ? "CREATE TRIGGER no BEFORE INSERT ON orgunits WHEN NEW.dhis2_id = '\(unit)' BEGIN SELECT RAISE(ABORT, 'no'); END"
      : "ALTER TABLE orgunits ADD CONSTRAINT no CHECK (dhis2_id <> '\(unit)')"
    try world.store.connect().execute(refusal)
    let before = try world.storeContent()
    let failed = world.run("\(Self.sync) > lines; echo $?; wc -c < lines")
    #expect(failed.lines.first != "0" && failed.lines.last == "0", "\(failed.output)\(failed.errors)")
    #expect(try world.storeContent() == before)
    try world.store.connect().execute(kind == .sqlite ? "DROP TRIGGER no" : "ALTER TABLE orgunits DROP CONSTRAINT no")
    let healed = world.run("\(Self.sync) > lines; echo $?; wc -l < lines")
    #expect(healed.lines == ["0", "60"], "\(healed.errors)")
  }

  @Test("additions, renames, moves, removals and returns are told and kept", arguments: StoreKind.available)
  func changes(kind: StoreKind) throws {
    let world = try World(pairIn: kind)
    let units = world.metadata.organisationUnits
    let facilities = units.filter { $0.level == 5 }
    let zones = units.filter { $0.level == 4 }.map(\.uid)
    world.run("\(Self.sync) > /dev/null")
    // A person's choice.
    world.run("d2-orgunits disable --pair hmis \(facilities[9].uid) \(facilities[10].uid)")

    let new = Self.names.enumerated().map { Self.unit("NewUnit000\($0.offset)", $0.element, parent: zones[0]) }
    try world.change(source: Self.units(new))
    try world.change(
      source: Self.units([
        #"{"id":"\#(facilities[0].uid)","name":"Renamed, \"it\""}"#,
        Self.unit(
          facilities[1].uid, facilities[1].name,
          parent: zones.last! == units[facilities[1].parent!].uid ? zones[0] : zones.last!),
        #"{"id":"\#(facilities[2].uid)","code":"another"}"#, #"{"id":"\#(facilities[3].uid)","removed":true}"#,
        #"{"id":"\#(facilities[10].uid)","removed":true}"#,
      ]))
    let first = world.run("\(Self.sync) > lines; echo $?; jq -r .change lines | sort | uniq -c | tr -s ' '")
    #expect(first.lines == ["0", " 10 added", " 1 changed", " 1 moved", " 1 removed", " 1 renamed"], "\(first.errors)")
    let lines = try world.shell.file("lines").split(separator: "\n").map { try JSONValue(parsing: String($0)) }
    let added = Set(lines.filter { $0["change"] == "added" }.compactMap { $0["name"]?.string })
    #expect(added == Set(Self.names.map { String($0) }))
    #expect(lines.first { $0["change"] == "renamed" }?["previousName"]?.string == facilities[0].name)
    #expect(lines.first { $0["change"] == "moved" }?["previousPath"]?.string == facilities[1].path)
    #expect(lines.first { $0["change"] == "removed" }?["id"]?.string == facilities[3].uid)

    let list = world.run("d2-orgunits list --pair hmis").documents
    func listed(_ uid: String) -> JSONValue? { list.first { $0["id"]?.string == uid } }
    #expect(list.count == 70)
    #expect(listed(facilities[3].uid)?["active"] == false && listed(facilities[3].uid)?["removed"] == true)
    #expect(listed(facilities[9].uid)?["active"] == false && listed(facilities[9].uid)?["removed"] == false)
    #expect(listed(facilities[10].uid)?["active"] == false)
    for (number, name) in Self.names.enumerated() { #expect(listed("NewUnit000\(number)")?["name"]?.string == name) }

    // A removed unit returns with another name; a unit that a user disabled stays so.
    try world.change(
      source: Self.units([
        #"{"id":"\#(facilities[3].uid)","name":"Back again"}"#, #"{"id":"\#(facilities[10].uid)","removed":false}"#,
      ]))
    let second = world.run("\(Self.sync) | jq -c '[.change, .id, .name]' | sort; \(Self.sync) | wc -l")
    #expect(
      second.lines == [
        #"["renamed","\#(facilities[3].uid)","Back again"]"#, #"["returned","\#(facilities[3].uid)","Back again"]"#,
        "0",
      ], "\(second.output)\(second.errors)")
    #expect(
      try world.store.rows(
        "SELECT CASE WHEN is_active THEN 'active' ELSE 'inactive' END FROM orgunits WHERE dhis2_id IN ('\(facilities[3].uid)', '\(facilities[9].uid)', '\(facilities[10].uid)') ORDER BY is_active DESC"
      ) == ["active", "inactive", "inactive"])
  }

  @Test(
    "a level by number and name, a root by uid and name; what is not unique lists the candidates",
    arguments: StoreKind.available)
  func selection(kind: StoreKind) throws {
    let world = try World(pairIn: kind)
    let units = world.metadata.organisationUnits
    let zones = units.filter { $0.level == 4 }
    let below = units.filter { $0.path.contains("/\(zones[0].uid)") }.count
    try world.change(
      source: Self.units([
        #"{"id":"\#(zones[1].uid)","name":"Twin: [a], b"}"#, #"{"id":"\#(zones[2].uid)","name":"Same"}"#,
        #"{"id":"\#(zones[3].uid)","name":"Same"}"#,
      ]))
    let outcome = world.run(
      """
      \(Self.sync) --level 4 | wc -l; \(Self.sync) --level zone | wc -l
      d2-orgunits list --pair hmis --format tsv | cut -f4,6 | sort | uniq -c | tr -s ' '
      \(Self.sync) --root \(zones[0].uid) | wc -l; \(Self.sync) --root 'Twin: [a], b' --level Facility > /dev/null; echo $?
      \(Self.sync) --root Same; echo $?; \(Self.sync) --root 'Nowhere'; echo $?; \(Self.sync) --level Zoen; echo $?; \(Self.sync) --level 0; echo $?
      \(Self.sync) --level 9; echo $?
      """)
    #expect(
      outcome.lines == [
        "4", "0", " 4 4\ttrue", " 1 level\tactive", "\(below - 1)", "0", "64", "64", "64", "64", "1",
      ], "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("2 organisation units have this name") && outcome.errors.contains(zones[3].path))
    #expect(outcome.errors.contains("1 Country, 2 Region, 3 District, 4 Zone, 5 Facility"))
    // Units of other selections are not missing.
    #expect(try world.store.rows("SELECT 1 FROM orgunits WHERE removed IS NOT NULL").isEmpty)
    try world.change(source: #"{"organisationUnitLevels":[{"level":3,"name":"Zone"}]}"#)
    let levels = world.run("\(Self.sync) --level Zone")
    #expect(levels.status == 64 && levels.errors.contains("several levels"), "\(levels.errors)")
    // One unit of the selection was removed.
    try world.change(source: Self.units([#"{"id":"\#(zones[0].uid)","removed":true}"#]))
    let gone = world.run("\(Self.sync) --level 4")
    #expect(gone.documents.map { $0["id"]?.string } == [zones[0].uid], "\(gone.errors)")
  }

  @Test("what was selected once is selected from then on, until --all", arguments: StoreKind.available)
  func remembered(kind: StoreKind) throws {
    let world = try World(pairIn: kind)
    let units = world.metadata.organisationUnits
    let zones = units.filter { $0.level == 4 }
    let below = units.filter { $0.path.contains("/\(zones[0].uid)/") }.count
    try world.change(source: Self.units([#"{"id":"\#(zones[0].uid)","name":"Zone, the first"}"#]))
    let levels = world.run(
      """
      \(Self.sync) --level zone | wc -l; \(Self.sync) | wc -l; d2-orgunits list --pair hmis | wc -l
      \(Self.sync) --level 9; echo $?; \(Self.sync) | wc -l
      \(Self.sync) --root 'Zone, the first' | wc -l; \(Self.sync) | wc -l
      """)
    #expect(
      levels.lines == ["4", "0", "4", "1", "0", "\(below)", "0"], "\(levels.output)\(levels.errors)")
    // A new unit inside and one outside; and the selected one is called otherwise.
    try world.change(
      source: Self.units([
        Self.unit("NewUnit0001", "inside", parent: zones[0].uid),
        Self.unit("NewUnit0002", "outside", parent: zones[1].uid),
        #"{"id":"\#(zones[0].uid)","name":"Another name"}"#,
      ]))
    let root = world.run(
      "\(Self.sync) | jq -r '[.change, .id] | @tsv' | sort; \(Self.sync) --level Facility --root \(zones[1].uid) | jq -r .id | grep -c NewUnit0002"
    )
    #expect(
      root.lines == ["added\tNewUnit0001", "renamed\t\(zones[0].uid)", "1"], "\(root.output)\(root.errors)")
    // Both at once are remembered, also if the source calls its levels otherwise.
    try world.change(source: #"{"organisationUnitLevels":[{"level":5,"name":"Post"}]}"#)
    try world.change(
      source: Self.units([
        Self.unit("NewUnit0003", "inside", parent: zones[1].uid),
        Self.unit("NewUnit0004", "outside", parent: zones[2].uid),
        Self.unit("NewUnit0005", "deeper", parent: "NewUnit0002"),
      ]))
    let both = world.run(
      "\(Self.sync) | jq -r .id; echo $?; \(Self.sync) --all > /dev/null; echo $?; d2-orgunits list --pair hmis | wc -l; d2-pairs show hmis | jq -c '.source_config | [.ous_level, .ous_root]'"
    )
    #expect(both.lines == ["NewUnit0003", "0", "0", "65", "[null,null]"], "\(both.output)\(both.errors)")
    try world.change(source: Self.units([Self.unit("NewUnit0006", "anywhere", parent: world.root)]))
    let all = world.run("\(Self.sync) | jq -r .id")
    #expect(all.lines == ["NewUnit0006"], "\(all.output)\(all.errors)")
  }

  @Test("a selection is remembered by its own pair, whatever others are called", arguments: StoreKind.available)
  func rememberedByNumber(kind: StoreKind) throws {
    let world = try World(pairIn: kind)
    let added = world.run(
      "\(World.addPair.replacing("add hmis", with: "add other")) --source-name c --destination-name d > /dev/null")
    #expect(added.status == 0, "\(added.errors)")
    // An old store may have a name that is refused now.
    try world.store.connect().execute("UPDATE integration_pair SET name = '1' WHERE id = 2")
    let outcome = world.run(
      """
      \(Self.sync) --level 4 | wc -l; \(Self.sync) | wc -l; d2-datasets sync --pair hmis --data-set MONTH | wc -l; d2-datasets sync --pair hmis | wc -l
      for pair in hmis id:2; do d2-pairs show $pair | jq -c '.source_config | [.ous_level, .datasets_chosen]'; done
      """)
    #expect(
      outcome.lines == ["4", "0", "1", "0", #"["4","true"]"#, "[null,null]"], "\(outcome.output)\(outcome.errors)")
  }

  @Test(
    "where the store lacks units between one that is asked for alone and others, nothing is planned or pulled",
    arguments: StoreKind.available)
  func gap(kind: StoreKind) throws {
    let world = try World(pairIn: kind, values: 300)
    let zones = world.metadata.organisationUnits.filter { $0.level == 4 }
    let pull = "d2-pull --pair hmis -y 2022 -q 1"
    let outcome = world.run(
      """
      d2-datasets sync --pair hmis > /dev/null; \(Self.sync) --level 1 | wc -l; \(Self.sync) --level 4 | wc -l
      d2-orgunits disable --pair hmis \(zones[0].uid)
      d2-slices plan --pair hmis -y 2022; echo $?; d2-slices plan --pair hmis -i; echo $?; d2-slices list --pair hmis | wc -l; \(pull) > out; echo $?; wc -c < out
      d2-slices plan --pair hmis -y 2022 -l \(zones[1].uid) --quiet | jq '.planned > 0'; d2-slices reset --pair hmis --all --remove --yes
      \(Self.sync) --all > /dev/null; d2-slices plan --pair hmis -y 2022 --quiet | jq '.planned > 0'
      """)
    #expect(
      outcome.lines == ["1", "4", "64", "64", "0", "64", "0", "true", "true"], "\(outcome.output)\(outcome.errors)")
    let told = outcome.errors.split(separator: "\n").filter { $0.contains("the store lacks units between it and") }
    let isClear = told.allSatisfy { $0.contains(world.root) && $0.contains("d2-orgunits sync --pair hmis --all") }
    #expect(told.count == 3 && isClear, "\(outcome.errors)")
  }

  @Test("a name stays in its cell of --format tsv, and a terminal obeys none of it", arguments: StoreKind.available)
  func cells(kind: StoreKind) throws {
    let world = try World(pairIn: kind)
    let facilities = world.metadata.organisationUnits.filter { $0.level == 5 }
    let names = [
      ("a\tb", "a\\tb"), ("a\\tb", "a\\\\tb"), ("a\nb", "a\\nb"), ("a\rb", "a\\rb"), ("\\", "\\\\"),
      ("\\\u{301}x", "\\\\\u{301}x"), ("a\u{1B}[31mb", "a\\u{1b}[31mb"), ("a\u{1}b\\", "a\\u{1}b\\\\"),
      ("a\u{7F}b", "a\\u{7f}b"), ("a\u{9B}2Jb", "a\\u{9b}2Jb"), ("a\u{202E}b", "a\\u{202e}b"),
      ("Żółw 🏥👩🏽‍⚕️ e\u{301}", "Żółw 🏥👩🏽‍⚕️ e\u{301}"),
    ]
    try world.change(
      source: Self.units(
        zip(facilities, names).map { #"{"id":"\#($0.uid)","name":\#(JSONValue.string($1.0).text)}"# }))
    let outcome = world.run("\(Self.sync) > /dev/null; d2-orgunits list --pair hmis --format tsv")
    let listed = outcome.lines.dropFirst().map { String($0.prefix(11)) }
    #expect(listed.sorted() == world.metadata.organisationUnits.map(\.uid).sorted(), "\(outcome.errors)")
    for (unit, (name, shown)) in zip(facilities, names) {
      let row = outcome.lines.first { $0.hasPrefix(unit.uid) } ?? ""
      let cells = row.split(separator: "\t", omittingEmptySubsequences: false)
      #expect(cells.count == 6)
      #expect(cells.dropFirst().first.map { Array($0.utf8) } == Array(shown.utf8), "\(name.debugDescription)")
    }
  }

  @Test("most units missing: nothing is written unless a person says so", arguments: StoreKind.available)
  func guarded(kind: StoreKind) throws {
    let world = try World(pairIn: kind)
    world.run("\(Self.sync) > /dev/null")
    let region = world.metadata.organisationUnits.first { $0.level == 2 }!.uid
    try world.change(source: Self.units([#"{"id":"\#(region)","removed":true}"#]))
    let before = try world.storeContent()
    let refused = world.run(Self.sync)
    #expect(refused.status == 1 && refused.output.isEmpty, "\(refused.errors)")
    #expect(refused.errors.contains("lacks 59 of the 60 active ones") && refused.errors.contains("--force"))
    #expect(try world.storeContent() == before)
    let forced = world.run(
      "\(Self.sync) --force | jq -r .change | sort | uniq -c | tr -s ' '; d2-orgunits list --pair hmis --active | wc -l"
    )
    #expect(forced.lines == [" 59 removed", "1"], "\(forced.errors)")
    // A server that shows none at all is not believed.
    try world.change(source: Self.units([#"{"id":"\#(world.root)","removed":true}"#]))
    let none = world.run("\(Self.sync) --force")
    #expect(none.status == 1 && none.errors.contains("nothing was written"), "\(none.errors)")
  }

  @Test("enable, disable, set: by name, code, uid and level; names with commas", arguments: StoreKind.available)
  func settings(kind: StoreKind) throws {
    let world = try World(pairIn: kind)
    let units = world.metadata.organisationUnits
    let facilities = units.filter { $0.level == 5 && $0.code != nil }
    try world.change(
      source: Self.units([
        #"{"id":"\#(facilities[0].uid)","name":"A, B and C"}"#, #"{"id":"\#(facilities[1].uid)","name":"Twin"}"#,
        #"{"id":"\#(facilities[2].uid)","name":"Twin"}"#,
        #"{"id":"\#(facilities[3].uid)","name":"line\nbreak\tand 🏥"}"#,
      ]))
    let list = "d2-orgunits list --pair hmis"
    let outcome = world.run(
      """
      \(Self.sync) > /dev/null
      d2-orgunits disable --pair hmis 'A, B and C' \(facilities[4].code!); d2-orgunits disable --pair hmis 'A, B and C,\(facilities[5].uid)'
      \(list) | jq -r 'select(.active == false) | .id' | sort | tr '\\n' ' '; echo
      d2-orgunits disable --pair hmis Twin; echo $?; d2-orgunits disable --pair hmis 'A, B'; echo $?; d2-orgunits disable --pair hmis; echo $?
      \(Self.sync) | wc -l; \(list) --active | wc -l
      d2-orgunits enable --pair hmis --level 5; \(list) --active | wc -l
      d2-orgunits set --pair hmis --priority 2 --level 4; d2-orgunits set --pair hmis --priority 1 \(facilities[3].uid); d2-orgunits set --pair hmis --priority x \(facilities[3].uid); echo $?
      \(list) | head -5 | jq -r .priority | tr '\\n' ' '; echo
      \(list) --format tsv | sed -n 2p | cut -f1,2,5; \(list) --format table | wc -l; \(list) --level 4 | wc -l
      d2-orgunits set --pair hmis --priority none --level 4; \(list) | jq -r 'select(.priority != null) | .id'
      """)
    let disabled = [0, 4, 5].map { facilities[$0].uid }.sorted().joined(separator: " ")
    #expect(
      outcome.lines == [
        disabled + " ", "64", "64", "64", "0", "57", "60", "64", "1 2 2 2 2 ",
        "\(facilities[3].uid)\tline\\nbreak\\tand 🏥\t1",
        "61", "4", facilities[3].uid,
      ], "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("2 organisation units are called \"Twin\""))
    #expect(outcome.errors.contains(facilities[1].uid) && outcome.errors.contains(facilities[2].path))
    #expect(outcome.errors.contains("3 units are active now") && outcome.errors.contains("2 units are inactive now"))
  }

  @Test("check finds each difference of the destination, and no other")
  func check() throws {
    let world = try World(pairIn: .sqlite)
    let facilities = world.metadata.organisationUnits.filter { $0.level == 5 && $0.closed == nil && $0.code != nil }
    let zones = world.metadata.organisationUnits.filter { $0.level == 4 }
    let parent = world.metadata.organisationUnits[facilities[2].parent!].uid
    let check = "d2-orgunits check --pair hmis --from 2022-01-01 --to 2022-12-31"
    let none = world.run("\(check); echo $?; \(Self.sync) --level District > /dev/null; \(check); echo $?")
    #expect(none.lines == ["64", "0"], "\(none.output)\(none.errors)")
    try world.change(
      destination: Self.units([
        #"{"id":"\#(facilities[0].uid)","name":"Other \"name\""}"#, #"{"id":"\#(facilities[1].uid)","code":"other"}"#,
        #"{"id":"\#(facilities[2].uid)","parent":{"id":"\#(zones.first { $0.uid != parent }!.uid)"}}"#,
        #"{"id":"\#(facilities[3].uid)","openingDate":"2022-02-01"}"#,
        #"{"id":"\#(facilities[4].uid)","closedDate":"2022-12-30"}"#,
        #"{"id":"\#(facilities[5].uid)","removed":true}"#, #"{"id":"\#(facilities[6].uid)","closedDate":"2022-12-31"}"#,
        #"{"id":"\#(facilities[7].uid)","code":null}"#,
      ]))
    let outcome = world.run(
      "\(check) | jq -r '[.problem, .id] | @tsv' | sort; \(check) > lines; echo $?; jq -c 'select(.problem == \"otherName\") | [.source, .destination]' lines"
    )
    let expected = zip(
      ["otherName", "otherCode", "otherParent", "opensLater", "closed", "missing"], facilities
    ).map { "\($0)\t\($1.uid)" }
    #expect(
      outcome.lines.sorted()
        == (expected + ["otherCode\t\(facilities[7].uid)", "1", #"["\#(facilities[0].name)","Other \"name\""]"#])
        .sorted(),
      "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("7 problems"))
    let dates = world.run(
      #"jq -r 'select(.problem == "closed" or .problem == "opensLater") | "\(.source) \(.destination)"' lines"#)
    #expect(
      Set(dates.lines) == ["\(Day.text(facilities[3].opened)) 2022-02-01", "null 2022-12-30"],
      "\(dates.output)\(dates.errors)")
    // Disabled units, and the units below them, are neither pulled nor compared.
    let below = world.run("\(Self.sync) --all > /dev/null; d2-orgunits disable --pair hmis --level 4; \(check) | wc -l")
    #expect(below.lines == ["0"], "\(below.output)\(below.errors)")
  }

  @Test("a server that fails at the third page leaves the store as it was", arguments: StoreKind.available)
  func paging(kind: StoreKind) throws {
    let world = try World(pairIn: kind, sourceUnits: 11_000)
    let before = try world.storeContent()
    try world.fail(
      source: #"{"kind":"status","status":503,"path":"/api/organisationUnits","query":"page=3","times":0}"#)
    let failed = world.run("\(Self.sync) --retries 1")
    #expect(failed.status == 75 && failed.output.isEmpty, "\(failed.errors)")
    #expect(failed.errors.contains("page=3") || failed.errors.contains("/api/organisationUnits"))
    #expect(try world.storeContent() == before)
    world.source.clearFaults()
    // One failure passes.
    try world.fail(source: #"{"kind":"reset","path":"/api/organisationUnits","query":"page=2"}"#)
    let passed = world.run("\(Self.sync) | wc -l; \(Self.sync) | wc -l")
    #expect(passed.lines == ["11000", "0"], "\(passed.errors)")
    // Interrupted while a page does not come.
    let content = try world.storeContent()
    try world.change(source: Self.units([#"{"id":"\#(world.root)","name":"Renamed"}"#]))
    try world.fail(source: #"{"kind":"stall","seconds":60,"path":"/api/organisationUnits","query":"page=2"}"#)
    let interrupted = world.run(
      """
      \(Self.sync) & child=$!
      await 'happened $SRC'
      kill -TERM $child; wait $child; echo $?
      """)
    #expect(interrupted.lines.last == "143", "\(interrupted.output)\(interrupted.errors)")
    #expect(try world.storeContent() == content)
  }

  @Test("a hundred thousand units: one run, in little memory")
  func many() throws {
    var options = StandInOptions()
    options.generatedUnits = 100_000
    let source = try StandIn(options)
    source.start()
    defer { source.stop() }
    for kind in StoreKind.available {
      let store = try TestStore(kind)
      let shell = Shell(["D2_STORE": store.location, "SRC": source.url])
      // The kilobytes and the processor's seconds that the command took at most.
      shell.write(
        "measured.py",
        """
        import resource, subprocess, sys
        status = subprocess.run(sys.argv[1:]).returncode
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        print(used.ru_maxrss, int(used.ru_utime + used.ru_stime), file=open("measures", "a"))
        sys.exit(status)
        """)
      let outcome = shell.run(
        """
        export S=district
        d2-pairs add hmis --source-url $SRC --source-username admin --source-password env:S --destination-url https://b.example --destination-pat env:B > /dev/null
        python3 measured.py d2-orgunits sync --pair hmis > lines; echo $?; wc -l < lines
        python3 measured.py d2-orgunits sync --pair hmis | wc -l; echo ${PIPESTATUS[0]}
        """)
      #expect(outcome.lines == ["0", "100000", "0", "0"], "\(outcome.errors)")
      #expect(try store.rows("SELECT count(*) FROM orgunits") == ["100000"])
      let measures = shell.file("measures").split(separator: "\n").map {
        $0.split(separator: " ").compactMap { Int($0) }
      }
      #expect(measures.count == 2)
      for measure in measures {
        #expect(measure[0] < 150_000, "\(kind): \(measure[0]) kB")
        #expect(measure[1] < 60, "\(kind): \(measure[1]) s")
      }
    }
  }
}
