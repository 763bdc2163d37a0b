import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

@Suite("d2-push --replace", .waiting)
struct ReplaceTests {
  typealias Version = StandInServer.ServerVersion

  /// A month of the monthly data set, as a pipe or a file gets it.
  private static let pull =
    "d2-pull --url $SRC --data-set $SET --org-unit $ROOT --children --period 202203 --spool --tag-data-set --quiet"
  private static let push = "d2-push --url $DST --replace"

  private let world: World
  private let set: String
  /// Values that only the destination has: in the month, and outside of it.
  private let stale: [String]
  private let beside: [String]

  init() throws { try self.init(.v42) }

  /// The destination has the source's data of two months, and values that the source lacks.
  private init(_ version: Version) throws {
    world = try World(version == .v43 ? .v42 : version, version, values: 3000)
    set = world.metadata.dataSets[0].uid
    (stale, beside) = try Self.surplus(in: world)
    let filled = world.run(
      """
      \(Self.pull) --period 202204 | d2-push --url $DST --quiet > /dev/null
      \(Self.loseAtSource)
      """, ["SET": set])
    #expect(filled.status == 0 && held(5), "\(filled.errors)")
  }

  private static let loseAtSource = "curl -sf -o /dev/null --data-binary @gone $SRC/control/values"

  private static func isOfMonths(_ value: JSONValue) -> Bool {
    ["202203", "202204"].contains(value["period"]?.string) && value["deleted"]?.bool != true
  }

  /// Values that the source has now and will lack, each of another unit: five of the month, two of the next one. Their
  /// deletions are in the file `gone`, they themselves in the file `stale`.
  private static func surplus(in world: World) throws -> (stale: [String], beside: [String]) {
    func some(_ count: Int, of period: String) -> [String] {
      var units: Set<String> = []
      let lines = world.content(world.source, of: [0]) { $0["period"]?.string == period && isOfMonths($0) }
      return lines.filter { key($0).map { units.insert($0[2] ?? "").inserted } ?? false }.suffix(count)
    }
    let (stale, beside) = (some(5, of: "202203"), some(2, of: "202204"))
    #expect(stale.count == 5 && beside.count == 2)
    world.shell.write("stale", (stale + beside).joined(separator: "\n") + "\n")
    let gone = try (stale + beside).map { line in
      let members = try JSONValue(parsing: line).members ?? []
      return JSONValue.object(members.filter { $0.key != "deleted" } + [.init("deleted", true)]).text
    }
    world.shell.write("gone", gone.joined(separator: "\n") + "\n")
    return (stale, beside)
  }

  private func run(_ script: String) -> Shell.Outcome { world.run(script, ["SET": set]) }

  /// Whether the destination has this many of the stale values, everything outside the scope, and all data of the
  /// source for both months.
  private func held(_ count: Int) -> Bool {
    let lines = Set(world.content(world.destination, where: Self.isOfMonths).compactMap(Self.key))
    func isHeld(_ line: String) -> Bool { Self.key(line).map(lines.contains) ?? false }
    let ofSource = world.content(world.source, of: [0], where: Self.isOfMonths)
    return stale.count(where: isHeld) == count && beside.allSatisfy(isHeld) && !ofSource.isEmpty
      && ofSource.allSatisfy(isHeld)
  }

  private static func key(_ line: String) -> [String?]? {
    guard let value = try? JSONValue(parsing: line) else { return nil }
    return ["dataElement", "period", "orgUnit", "categoryOptionCombo", "attributeOptionCombo"].map {
      value[$0]?.string
    }
  }

  private static let deleted = "5 values that only the destination held: 5 deleted, 0 refused, 0 not sent\n"

  @Test("what only the destination has goes, and nothing beside the scope", arguments: [Version.v40, .v42, .v43])
  func replaces(version: Version) throws {
    let test = try ReplaceTests(version)
    let dry = test.run("\(Self.pull) --end-line | \(Self.push) --max-delete 5 --dry-run")
    #expect(dry.status == 0, "\(dry.errors)")
    #expect(dry.errors.contains("dry run, nothing was deleted: " + Self.deleted) && test.held(5), "\(dry.errors)")
    let outcome = test.run("\(Self.pull) --end-line | \(Self.push) --max-delete 5 --summary summary")
    #expect(outcome.status == 0 && outcome.errors.contains(Self.deleted), "\(outcome.errors)")
    #expect(test.held(0))
    let summary = try JSONValue(parsing: test.world.shell.file("summary"))
    #expect(["stale", "removed", "staleRefused"].map { summary[$0]?.int } == [5, 5, 0])
    #expect(outcome.documents.last?["stale"] == true && outcome.documents.last?["deleted"] == 5)
    // Up to 2.40 a deletion would keep an old time of the payload, and no increment would see it.
    let recent = test.run(
      """
      curl -sf -u admin:district "$DST/api/dataValueSets?dataSet=$SET&orgUnit=$ROOT&children=true&period=202203&includeDeleted=true" |
        jq '[.dataValues[] | select(.deleted and .lastUpdated > "2023")] | length'
      """)
    #expect(recent.lines == ["5"], "\(recent.output)\(recent.errors)")
    // The values of the input are counted as ever.
    #expect(summary["deleted"] == 0 && summary["read"]?.int == World.totals(outcome.errors)["read"])
    let again = test.run("\(Self.pull) --end-line | \(Self.push)")
    #expect(
      again.status == 0
        && again.errors.contains("the destination holds nothing in the scope that the input lacks\n"), "\(again.errors)"
    )
  }

  @Test("a scope of options, for a file and behind a filter that lets the end line pass")
  func options() {
    let scope = "--data-set $SET --org-unit $ROOT --children --period 202203 --max-delete 50%"
    let outcome = run(
      """
      \(Self.pull) > values; \(Self.push) \(scope) --dry-run < values 2> file > /dev/null; echo $?
      \(Self.pull) --end-line > whole; \(Self.push) --max-delete 50% --dry-run < whole 2> whole-file > /dev/null; echo $?
      cat whole | jq -c 'select(.end or .value != null)' | \(Self.push) \(scope) > /dev/null 2> piped; echo $?
      cat file whole-file piped
      """)
    #expect(outcome.lines.prefix(3) == ["0", "0", "0"], "\(outcome.output)\(outcome.errors)")
    #expect(outcome.output.components(of: Self.deleted) == 3 && held(0), "\(outcome.output)")
  }

  @Test(
    "nothing is deleted where the input may have ended early, is empty, or would delete too much",
    arguments: [
      ("\(pull) | PUSH", "the input comes through a pipe and has no end line"),
      ("\(pull) --end-line | head -n 20 | PUSH", "the input comes through a pipe and has no end line"),
      ("\(pull) --end-line | jq -c 'select(.value)' | PUSH", "the input comes through a pipe and has no end line"),
      ("\(pull) --end-line | grep '\"end\":' | PUSH --max-delete 100% --filtered", "but the input is empty"),
      ("\(pull) --end-line | grep '\"end\":' | PUSH --max-delete 100%", "the input has 0 lines, and d2-pull wrote 50"),
      ("\(pull) --end-line | sed 4d | PUSH --max-delete 100%", "the input has 49 lines, and d2-pull wrote 50"),
      (
        "{ \(pull) --end-line; \(pull); } | PUSH --max-delete 100%",
        "the input has 100 lines, and d2-pull wrote 50: give --filtered"
      ),
      (
        "\(pull) --end-line | PUSH --max-delete 100% --data-set $SET --org-unit $ROOT --children --period 202203,202204",
        "the input is not of all that the options name: its end line does not tell of $SET, 202204"
      ),
      (
        "\(pull) --end-line | jq -c 'if .end then . else .dataElement = \"abcdefghijk\" end' | PUSH --max-delete 100",
        "they are all that the destination holds of it (--max-delete 100% allows that)"
      ),
      ("{ echo '{}'; \(pull) --end-line; } | PUSH --rejects rejects", "1 line of the input is not a value"),
      (
        "\(pull) --end-line | PUSH",
        "5 values of data set $SET would be deleted, but they are more than --max-delete 1% of 55"
      ),
      (
        "\(pull) --end-line | PUSH --max-delete 4",
        "5 values would be deleted, but they are more than --max-delete 4: "
      ),
    ])
  func guarded(script: String, reason: String) {
    let outcome = run(script.replacing("PUSH", with: Self.push) + " > /dev/null")
    let reason = reason.replacing("$SET", with: set)
    #expect(outcome.status == 65 && outcome.errors.contains(reason), "\(outcome.status) \(outcome.errors)")
    #expect(outcome.errors.contains(": nothing is deleted\n") && held(5), "\(outcome.errors)")
  }

  @Test("sums replace what the destination holds of a scope that the options name", arguments: [Version.v42, .v43])
  func sums(version: Version) throws {
    let world = try World(.v42, version, values: 3000, changeSource: { $0.analyticsSecondsAgo = 600 })
    let set = world.metadata.dataSets[0]
    // Two values of one unit, each of which is a sum too: of numbers, in the default combo.
    let numbers = Set(world.metadata.dataElements.filter(\.isAggregated).map(\.uid))
    let values = world.content(world.source, of: [0]) {
      $0["deleted"] != true && $0["categoryOptionCombo"] == "HllvX50cXC0"
    }.compactMap(Self.key).filter { $0[0].map(numbers.contains) ?? false }
    let byUnit = Dictionary(grouping: values) { $0[2] ?? "" }
    let (unit, ofUnit) = try #require(byUnit.first { Set($0.value.map { $0.prefix(2) }).count > 1 })
    let one = ofUnit[0]
    let other = try #require(ofUnit.first { $0.prefix(2) != one.prefix(2) })
    let (elements, periods) = ([one[0]!, other[0]!], [one[1]!, other[1]!])
    try world.change(
      source: """
        {"aggregateDataExchanges":[{"id":"Exchange001","name":"Both","source":{"requests":[
        {"name":"One","dx":["\(elements[0])"],"pe":["\(periods[0])"],"ou":["\(unit)"]},
        {"name":"Two","dx":["\(elements[1])"],"pe":["\(periods[1])"],"ou":["\(unit)"]}]}}]}
        """)
    let outcome = world.run(
      """
      pull="d2-pull --url $SRC --quiet --exchange Both"; scope="--data-set $SET --org-unit $UNIT --period $PERIODS"
      $pull > sums; $pull --end-line > whole; tail -n 1 whole; head -n -1 whole | cmp - sums && echo same
      $pull --end-line | d2-push --url $DST --data-set $SET --replace --quiet > /dev/null; echo $?
      $pull --end-line | d2-push --url $DST $scope --replace --quiet > /dev/null; echo $?
      d2-pull --url $SRC --quiet --analytics --data-element $FIRST --org-unit $UNIT --period $PERIOD --end-line |
        d2-push --url $DST $scope --replace --max-delete 1 > /dev/null; echo $?
      """,
      [
        "SET": set.uid, "FIRST": elements[0], "UNIT": unit, "PERIOD": periods[0],
        "PERIODS": Set(periods).joined(separator: ","),
      ])
    #expect(
      outcome.lines == [#"{"end":{"values":2,"scope":[]}}"#, "same", "64", "0", "0"],
      "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("the end line of sums does not tell"), "\(outcome.errors)")
    #expect(
      outcome.errors.contains("1 value that only the destination held: 1 deleted, 0 refused, 0 not sent"),
      "\(outcome.errors)")
  }

  @Test(
    "what the source has elsewhere, or never had, is not stale",
    arguments: [("", Version.v42), ("pair", .v42), ("slices", .v43)])
  func elsewhere(way: String, version: Version) throws {
    let world = try World(slicesIn: .sqlite, .v42, version)
    let (stale, _) = try Self.surplus(in: world)
    let metadata = world.metadata
    func unit(_ line: String) -> OrganisationUnit {
      metadata.organisationUnits.first { $0.uid == Self.key(line)?[2] }!
    }
    let moved = unit(stale[0])
    let home = metadata.organisationUnits[moved.parent!]
    let other = metadata.organisationUnits.first { $0.level == home.level && $0.uid != home.uid }!
    try world.change(source: #"{"organisationUnits":[{"id":"\#(moved.uid)","parent":{"id":"\#(other.uid)"}}]}"#)
    let outcome = world.run(
      """
      d2-pairs set hmis --with-registrations off > /dev/null
      pull="d2-pull --url $SRC --data-set $SET --org-unit $HOME_UNIT --children --period 202203 --spool --tag-data-set --quiet"
      $pull --org-unit $MOVED | d2-push --url $DST --quiet > /dev/null
      case $WAY in
        slices)
          d2-slices plan --pair hmis --data-set MONTH -p 202203 -l $HOME_UNIT --replace --max-delete 100% --quiet > /dev/null
          d2-slices run --pair hmis --verbose ;;
        pair) d2-pull --pair hmis --data-set MONTH -p 202203 -l $HOME_UNIT --end-line | d2-push --pair hmis --replace --max-delete 100% ;;
        *) $pull --end-line | d2-push --url $DST --replace --max-delete 100% ;;
      esac > /dev/null; echo $?
      d2-pull --url $DST --data-set $SET --org-unit $MOVED --period 202203 --quiet | wc -l
      $pull --end-line | tail -n 1 | jq -c --arg set $SET '[(.end.units | length > 1), (.end.dataElements[$set] | length > 1)]'
      """,
      ["SET": metadata.dataSets[0].uid, "HOME_UNIT": home.uid, "MOVED": moved.uid, "WAY": way])
    #expect(
      outcome.lines.first == "0" && outcome.lines.last == "[true,true]" && outcome.lines.dropFirst().first != "0",
      "\(outcome.output)\(outcome.errors)")
    #expect(
      outcome.errors.contains("the source has their organisation units elsewhere, or not at all: \(moved.uid)"),
      "\(outcome.errors)")
  }

  @Test("a data element that only the destination's data set has is not replaced", arguments: [true, false])
  func otherElements(byPair: Bool) throws {
    let world = try World(slicesIn: .sqlite, .v42, .v42)
    let metadata = world.metadata
    let months = metadata.dataSets.indices.filter {
      metadata.dataSets[$0].periodType == metadata.dataSets[0].periodType
    }
    let other = try #require(months.first { $0 != 0 })
    let element = metadata.dataElements[metadata.dataSets[other].elements[0]].uid
    let elements = (metadata.dataSets[0].elements.map { metadata.dataElements[$0].uid } + [element])
      .map { #"{"dataElement":{"id":"\#($0)"}}"# }.joined(separator: ",")
    let set = metadata.dataSets[0].uid
    try world.change(destination: #"{"dataSets":[{"id":"\#(set)","dataSetElements":[\#(elements)]}]}"#)
    let outcome = world.run(
      """
      pull="d2-pull --url $SRC --data-set $SET,$OTHER --org-unit $ROOT --children --spool --quiet --start-date 2022-01-01 --end-date 2023-12-31"
      $pull | d2-push --url $DST --quiet > /dev/null; count() { d2-pull --url $DST --data-element $ELEMENT --org-unit $ROOT --children --start-date 2022-01-01 --end-date 2023-12-31 --quiet | wc -l; }
      before=$(count); [ $before -gt 0 ] && echo held
      for month in 202201 202202 202203; do
        d2-pull $BY --data-set $SET --org-unit $ROOT --children --period $month --end-line | d2-push $TO --replace --max-delete 100% > /dev/null; echo $?
      done
      [ $(count) = $before ] && echo kept
      """,
      [
        "SET": set, "OTHER": metadata.dataSets[other].uid, "ELEMENT": element,
        "BY": byPair ? "--pair hmis" : "--url \(world.source.url)",
        "TO": byPair ? "--pair hmis" : "--url \(world.destination.url)",
      ])
    #expect(outcome.lines == ["held", "0", "0", "0", "kept"], "\(outcome.output)\(outcome.errors)")
    #expect(
      outcome.errors.contains("their data elements are not in the source's data set: \(element)"), "\(outcome.errors)")
  }

  @Test(
    "values of attribute option combos that the source hides from its user stay",
    arguments: [
      ("pipe", Version.v42), ("pipe", .v40), ("pair", .v42), ("slices", .v42), ("slices", .v43), ("old", .v42),
    ])
  func hiddenCombos(way: String, version: Version) throws {
    let world = try World(slicesIn: .sqlite, version == .v43 ? .v42 : version, version, values: 0)
    let metadata = world.metadata
    let set = try #require(metadata.dataSets.first { $0.code == "PARTNER" })
    let element = metadata.dataElements[set.elements[0]].uid
    let combos = metadata.categoryCombos[set.combo].optionCombos.map { metadata.categoryOptionCombos[$0] }
    let lines = set.units.prefix(2).flatMap { unit in
      combos.map { combo in
        #"{"dataElement":"\#(element)","period":"202203","orgUnit":"\#(metadata.organisationUnits[unit].uid)","attributeOptionCombo":"\#(combo.uid)","value":"5"}"#
      }
    }
    try world.source.load(values: lines.joined(separator: "\n"))
    // The first combo is hidden. One value of the second combo was deleted at the source; only that one is stale.
    let hidden = combos[0]
    world.shell.write("gone", lines[1].replacing("\"5\"", with: "\"5\",\"deleted\":true") + "\n")
    let filled = world.run(
      """
      d2-datasets set --pair hmis --include-deleted off all > /dev/null
      d2-pull --url $SRC --data-set $SET --org-unit $ROOT --children --period 202203 --tag-data-set --quiet | d2-push --url $DST --quiet > /dev/null
      \(Self.loseAtSource)
      """, ["SET": set.uid])
    #expect(filled.status == 0, "\(filled.errors)")
    func held() -> Set<[String?]> {
      Set(world.content(world.destination) { $0["deleted"]?.bool != true }.compactMap(Self.key))
    }
    let before = held()
    #expect(before.count == lines.count)
    let option = metadata.categoryOptions[hidden.options[0]].uid
    try world.change(source: #"{"categoryOptions":[{"id":"\#(option)","sharing":{"public":"rw------"}}]}"#)
    world.source.restrict(user: "admin", authorities: ["F_DATAVALUE_ADD"])
    let outcome = world.run(
      """
      pull="d2-pull --url $SRC --data-set $SET --org-unit $ROOT --children --period 202203 --spool --tag-data-set --quiet --end-line"
      case $WAY in
        slices)
          d2-slices plan --pair hmis --data-set PARTNER -p 202203 --replace --max-delete 100% --quiet > /dev/null
          d2-slices run --pair hmis --verbose ;;
        pair) $pull | jq -c 'if .end then del(.end.attributeOptionCombos) else . end' | d2-push --pair hmis --replace --max-delete 100% ;;
        old) $pull | jq -c 'if .end then del(.end.attributeOptionCombos) else . end' | d2-push --url $DST --replace --max-delete 100% ;;
        *) $pull | d2-push --url $DST --replace --max-delete 100% ;;
      esac > /dev/null; echo $?
      $pull | tail -n 1 | jq '.end.attributeOptionCombos | length'
      """,
      ["SET": set.uid, "WAY": way])
    #expect(outcome.lines == ["0", String(combos.count - 1)], "\(outcome.output)\(outcome.errors)")
    let lost = before.subtracting(held())
    let unit = metadata.organisationUnits[set.units[0]].uid
    let stale = before.filter { $0[2] == unit && $0[4] == combos[1].uid }
    #expect(lost == (way == "old" ? [] : stale), "lost at the destination: \(lost)")
    #expect(
      outcome.errors.contains("the source's user may not read their attribute option combos, or the source lacks")
        && outcome.errors.contains(hidden.uid), "\(outcome.errors)")
  }

  @Test("without its checks, or if ids cannot be looked up, a pull writes no end line")
  func unsure() throws {
    let outcome = run("\(Self.pull) --no-check --end-line; echo $?")
    #expect(outcome.lines == ["64"] && outcome.errors.contains("--end-line needs the checks"), "\(outcome.errors)")
    try world.fail(source: #"{"kind":"status","status":403,"path":"/api/organisationUnits","method":"GET","times":1}"#)
    let blind = run("\(Self.pull) --end-line > whole; echo $?; grep -c '\"end\"' whole")
    #expect(
      blind.lines == ["1", "0"] && blind.errors.contains("there is no end line"), "\(blind.output)\(blind.errors)")
  }

  @Test("nothing is deleted where the pull before it fails, whatever the pipe says")
  func failingPull() throws {
    try world.fail(source: #"{"kind":"cut-body","after":3000,"path":"/api/dataValueSets","method":"GET","times":0}"#)
    let outcome = run(
      """
      \(Self.pull.replacing(" --spool", with: "")) --end-line --retries 0 | \(Self.push) --max-delete 100% > /dev/null
      echo ${PIPESTATUS[*]}
      """)
    #expect(outcome.lines == ["75 65"] && held(5), "\(outcome.output)\(outcome.errors)")
    let unknown = run(
      """
      curl -sf -o /dev/null -X DELETE $SRC/control/faults
      \(Self.pull) --end-line --org-unit abcdefghijk | \(Self.push) --max-delete 100% > /dev/null; echo ${PIPESTATUS[*]}
      """)
    #expect(unknown.lines == ["1 65"] && held(5), "\(unknown.output)\(unknown.errors)")
  }

  @Test("nothing is deleted where the destination cannot be read to its end", arguments: [Version.v42, .v43])
  func unreadable(version: Version) throws {
    let test = try ReplaceTests(version)
    try test.world.fail(
      destination: #"{"kind":"status","status":503,"path":"/api/dataValueSets","method":"GET","times":0}"#)
    let outcome = test.run("\(Self.pull) --end-line | \(Self.push) --max-delete 100% --retries 0 > /dev/null")
    #expect(
      outcome.status == 75
        && outcome.errors.contains(
          "the destination could not be read to its end (d2-pull ended with status 75): nothing is deleted\n")
        && test.held(5), "\(outcome.errors)")
  }

  @Test(
    "what the destination refuses of the input is in the input: what it has of it stays",
    arguments: [Version.v42, .v43])
  func refused(version: Version) throws {
    let test = try ReplaceTests(version)
    let outcome = test.run(
      """
      \(Self.pull) --end-line | jq -c 'if .value then .value = "no number" else . end' |
        \(Self.push) --max-delete 100% --rejects rejects > /dev/null
      """)
    #expect(outcome.status == 1 && outcome.errors.contains(Self.deleted) && test.held(0), "\(outcome.errors)")
    #expect(World.totals(outcome.errors)["refused"] ?? 0 > 0)
  }

  @Test("what may not be deleted is refused with the reason, and the rest goes", arguments: [Version.v42, .v43])
  func refusedDeletions(version: Version) throws {
    let test = try ReplaceTests(version)
    let unit = try #require(Self.key(test.stale[0])?[2])
    // The unit is shut in that month.
    try test.world.change(
      destination: #"{"organisationUnits":[{"id":"\#(unit)","openingDate":"2022-05-01"}]}"#)
    let outcome = test.run(
      "\(Self.pull) --end-line | \(Self.push) --max-delete 100% --rejects rejects --summary summary > /dev/null")
    let isStrict = version == .v43
    let counts = isStrict ? "4 deleted, 1 refused" : "5 deleted, 0 refused"
    #expect(
      outcome.status == (isStrict ? 1 : 0)
        && outcome.errors.contains("5 values that only the destination held: \(counts), 0 not sent\n")
        && outcome.errors.contains(": E8031") == isStrict, "\(outcome.errors)")
    #expect(test.held(isStrict ? 1 : 0))
    let rejects = try test.world.shell.file("rejects").split(separator: "\n").map { try JSONValue(parsing: String($0)) }
    #expect(rejects.count == (isStrict ? 1 : 0) && rejects.allSatisfy { $0["stale"] == true }, "\(rejects)")
    #expect(rejects.allSatisfy { $0["value"]?["deleted"] == true && $0["errorCode"] == "E8031" }, "\(rejects)")
  }

  @Test(
    "a value that no longer fits the type of its data element is deleted too", arguments: [Version.v40, .v42, .v43])
  func oddValue(version: Version) throws {
    let test = try ReplaceTests(version)
    let numeric = test.world.metadata.dataElements.filter { ValueTypeRules.isNumeric($0.valueType) }.map(\.uid)
    let line = try #require(test.stale.first { numeric.contains(Self.key($0)?[0] ?? "") })
    let members = try JSONValue(parsing: line).members ?? []
    let odd = JSONValue.object(members.filter { $0.key != "value" } + [.init("value", "no number")])
    try test.world.destination.load(values: odd.text)
    let outcome = test.run(
      "\(Self.pull) --end-line | \(Self.push) --max-delete 100% --rejects rejects > /dev/null; echo $?; cat rejects")
    #expect(
      outcome.lines == ["0"] && outcome.errors.contains(Self.deleted) && test.held(0),
      "\(outcome.output)\(outcome.errors)")
  }

  @Test(
    "killed or broken off in the middle it has lost nothing, and the next run brings it to its end",
    arguments: [Version.v42, .v43])
  func interrupted(version: Version) throws {
    let test = try ReplaceTests(version)
    let replace = "\(Self.pull) --end-line | \(Self.push) --max-delete 100%"
    // Each deletion is a request of its own here.
    try test.world.fail(
      destination: #"{"kind":"latency","seconds":0.3,"path":"/api/dataValueSets","method":"POST","times":0}"#)
    let killed = test.run(
      """
      \(Self.pull) --end-line > whole
      \(Self.push) --max-delete 100% --batch-size 1..20 --concurrency 4 < whole > lines 2> /dev/null & push=$!
      await '[ -s lines ]'; kill -KILL $push; wait $push; echo $?
      """)
    #expect(killed.lines == ["137"], "\(killed.errors)")
    #expect((0...5).contains { test.held($0) })
    let broken = test.run(
      """
      curl -sf -o /dev/null -X DELETE $DST/control/faults
      curl -sf -o /dev/null --data-binary @stale $DST/control/values
      # The first request is that of the values, the second that of the deletions.
      curl -sf -o /dev/null $DST/control/faults -d '[{"kind":"status","status":503,"path":"/api/dataValueSets","method":"POST","skip":1,"times":0}]'
      \(replace) --batch-size 100000 --retries 0 --summary summary > /dev/null; echo $?
      jq -c '[.stale, .removed, .notSent]' summary; curl -sf -o /dev/null -X DELETE $DST/control/faults
      """)
    #expect(broken.lines == ["75", "[5,0,0]"] && test.held(5), "\(broken.output)\(broken.errors)")
    #expect(broken.errors.contains("5 values that only the destination held: 0 deleted, 0 refused, 5 not sent\n"))
    let again = test.run("\(replace) > /dev/null")
    #expect(again.status == 0 && test.held(0), "\(again.errors)")
  }

  @Test(
    "a slice replaces what the ledger says, and a plan that does not deletes nothing", arguments: StoreKind.available)
  func slices(kind: StoreKind) throws {
    let version = kind == .sqlite ? Version.v42 : .v43
    let world = try World(slicesIn: kind, .v42, version)
    _ = try Self.surplus(in: world)
    let plan = "d2-slices plan --pair hmis --data-set MONTH -p 202203 --quiet"
    let outcome = world.run(
      """
      extras() { d2-diff --pair hmis --data-set MONTH -p $1 --extras --quiet --format json | jq -c 'select(.difference == "extra")' | wc -l; }
      for month in 202203 202204; do d2-slices plan --pair hmis --data-set MONTH -p $month --quiet > /dev/null; done
      d2-slices run --pair hmis --quiet; \(Self.loseAtSource)
      d2-datasets set --pair hmis --include-deleted off all > /dev/null
      \(plan) --again > /dev/null; d2-slices run --pair hmis --quiet; echo $?; extras 202203
      \(plan) --again --replace --max-delete 0 > /dev/null; d2-slices run --pair hmis --retry-after 1s --quiet; echo $?
      d2-slices list --pair hmis --state failed | jq -r '.lastError' | grep -c 'would be deleted, but they are more than --max-delete'; extras 202203
      \(plan) --again --replace --max-delete 100% > /dev/null; d2-slices run --pair hmis; echo $?
      d2-slices list --pair hmis | jq -s 'map(.removed // 0) | add'; d2-slices report --pair hmis | jq '.values.removed'
      extras 202203; extras 202204; scripts/reconcile hmis 2> /dev/null; d2-slices list --pair hmis --period 202203 | jq -r .state | sort -u
      d2-slices plan --pair hmis -i --replace 2> /dev/null; echo $?
      """)
    let parked = try #require(outcome.lines.dropFirst(3).first)
    #expect(parked != "0")
    #expect(
      outcome.lines == ["0", "5", "1", parked, "5", "0", "5", "5", "0", "2", "verified", "64"],
      "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains(" deleted that the source lacks, "), "\(outcome.errors)")
  }

  @Test(
    "what cannot be is said at once",
    arguments: [
      ("--max-delete 5", "--max-delete goes with --replace"),
      ("--children", "--children goes with --replace"),
      ("--replace --org-unit abcdefghijk", "the scope needs --data-set, --org-unit and --period"),
      ("--replace --id-scheme CODE", "what the destination holds is compared by uids: leave out the id schemes"),
      ("--replace --import-strategy CREATE", "it does not go with --import-strategy"),
      ("--replace --skip-existing-check", "leave out --skip-existing-check"),
      ("--replace --period x --data-set abcdefghijk --org-unit abcdefghijk", "not the id of a period"),
      (
        "--replace --via dispatcher2 --dispatcher-url http://127.0.0.1:1/queue --source a --destination b",
        "a queue does not tell"
      ),
    ])
  func usage(words: String, reason: String) {
    let address = words.contains("--via") ? "" : "--url $DST"
    let outcome = run("d2-push \(address) \(words) < /dev/null")
    #expect(outcome.status == 64 && outcome.errors.contains(reason), "\(outcome.status) \(outcome.errors)")
  }

  @Test("the end line tells what was asked for, and other commands take no notice of it")
  func endLine() throws {
    let outcome = run(
      """
      \(Self.pull) --end-line > whole; \(Self.pull) > values; tail -n 1 whole
      head -n -1 whole | cmp - values && echo same
      d2-push --url $DST --dry-run < whole 2>&1 > /dev/null | grep -o 'read [0-9]*'; wc -l < values
      d2-diff whole values --quiet; echo $?
      d2-pull --url $SRC --data-set $SET --org-unit $ROOT --period 202203 --limit 5 --end-line; echo $?
      d2-pull --url $SRC --data-set $SET --org-unit $ROOT --last-updated 2022-01-01 --end-line; echo $?
      """)
    let end = try JSONValue(parsing: try #require(outcome.lines.first))["end"]
    let count = try #require(outcome.lines.dropFirst(3).first)
    #expect(end?["values"]?.int == Int(count))
    #expect(
      end?["scope"] == [
        [
          "kind": "values", "dataSet": .string(set), "periods": "202203", "orgUnits": [.string(world.root)],
          "children": true,
        ]
      ], "\(outcome.output)")
    #expect(outcome.lines.dropFirst() == ["same", "read \(count)", count, "0", "64", "64"], "\(outcome.output)")
  }
}

extension String {
  /// How often a text is in it.
  fileprivate func components(of text: String) -> Int { ranges(of: text).count }
}
