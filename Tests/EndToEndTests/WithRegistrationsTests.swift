import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

@Suite("registrations with the values", .waiting)
struct WithRegistrationsTests {
  typealias Version = StandInServer.ServerVersion

  /// Some units for which the source has values of March.
  private static func units(_ world: World) -> [String] {
    let lines = world.content(world.source, of: [0]) { $0["period"]?.string == "202203" && $0["deleted"]?.bool != true }
    return Set(lines.compactMap { (try? JSONValue(parsing: $0))?["orgUnit"]?.string }).sorted()
  }

  private static func registrations(_ set: String, _ units: some Sequence<String>, completed: Bool = true) -> String {
    units.map {
      #"{"dataSet":"\#(set)","period":"202203","organisationUnit":"\#($0)","completed":\#(completed)}"#
    }.joined(separator: "\n") + "\n"
  }

  private static let words = #"""
    held() { curl -sf -u admin:district "$1/api/completeDataSetRegistrations?dataSet=$SET&orgUnit=$ROOT&children=true&startDate=2022-01-01&endDate=2022-12-31" | jq -c '.completeDataSetRegistrations[]? | [.organisationUnit, .period, .completed]' | sort; }
    put() { d2-push --url $SRC --registrations --quiet "${@:2}" < $1 > /dev/null; }
    pull() { d2-pull --url $SRC --data-set $SET --org-unit $ROOT --children --period 202203 --with-registrations --quiet "$@"; }

    """#

  private func run(_ world: World, _ script: String) -> Shell.Outcome {
    world.run(Self.words + script, ["SET": world.metadata.dataSets[0].uid])
  }

  @Test(
    "both come in one stream; the values arrive first, then the registrations", arguments: [Version.v40, .v42, .v43])
  func both(version: Version) throws {
    let world = try World(.v42, version, values: 2000)
    let units = Self.units(world)
    world.shell.write("all", Self.registrations(world.metadata.dataSets[0].uid, units.prefix(4)))
    let outcome = run(
      world,
      """
      put all; pull > both; jq -r 'if .dataElement then "value" else "registration" end' both | sort | uniq -c | awk '{print $2, $1 > $2}'
      shuf both | d2-push --url $DST --summary summary 2> errors | jq -r 'if .registrations then "registrations" else "values" end' | uniq
      held $SRC > a; held $DST > b; cmp a b && wc -l < b
      jq -c '[.read == (.imported + .updated + .ignored), .registrations]' summary; jq .read summary; wc -l < both
      """)
    #expect(
      outcome.lines.prefix(4) == ["values", "registrations", "4", "[true,4]"], "\(outcome.output)\(outcome.errors)")
    #expect(outcome.lines.suffix(2).first == outcome.lines.last, "\(outcome.output)")
    #expect(world.shell.file("errors").contains("4 of them are registrations that came with the values\n"))
    let different = world.differences(of: [0]) { $0["period"]?.string == "202203" && $0["deleted"]?.bool != true }
    #expect(different.isEmpty, "\(different)")
  }

  @Test("a report of which a value is refused is not complete, until it is there", arguments: [Version.v42, .v43])
  func keptBack(version: Version) throws {
    let world = try World(.v42, version, values: 2000)
    let units = Self.units(world)
    world.shell.write("all", Self.registrations(world.metadata.dataSets[0].uid, units.prefix(4)))
    let outcome = run(
      world,
      """
      put all; pull > both; bad=$(jq -r 'select(.completed) | .organisationUnit' both | sed -n 2p)
      jq -c --arg bad $bad 'if .orgUnit == $bad then .value = "no number" else . end' both > broken
      d2-push --url $DST --rejects rejects < broken > /dev/null 2> errors; echo $?
      held $DST | wc -l; held $DST | grep -c $bad
      jq -r 'select(.value.completed) | [.message, .line] | @tsv' rejects; grep -n "completed" broken | grep $bad | cut -d: -f1
      jq -c .value rejects | jq -c 'if .value then .value = "1" else . end' | d2-push --url $DST --quiet > /dev/null; echo $?
      held $SRC > a; held $DST > b; cmp a b && wc -l < b
      """)
    let lines = outcome.lines
    #expect(lines.prefix(3) == ["1", "3", "0"], "\(outcome.output)\(outcome.errors)\(world.shell.file("errors"))")
    #expect(
      lines.dropFirst(3).first?.hasPrefix("a value of this report was refused: its registration was not sent\t")
        ?? false
        && lines.dropFirst(3).first?.split(separator: "\t").last.map(String.init) == lines.dropFirst(4).first,
      "\(outcome.output)")
    #expect(lines.suffix(2) == ["0", "4"], "\(outcome.output)\(outcome.errors)")
  }

  @Test("what --replace deletes has no registration left", arguments: [Version.v42, .v43])
  func replaced(version: Version) throws {
    let world = try World(.v42, version, values: 2000)
    let units = Self.units(world)
    let set = world.metadata.dataSets[0].uid
    world.shell.write("all", Self.registrations(set, units.prefix(4)))
    world.shell.write("gone", Self.registrations(set, units.prefix(1)).replacing("true", with: "true,\"deleted\":true"))
    let outcome = run(
      world,
      """
      put all; pull | d2-push --url $DST --quiet > /dev/null; held $DST | wc -l
      pull | jq -c --arg unit \(units[0]) 'select(.orgUnit == $unit) | .deleted = true' | curl -sf -o /dev/null --data-binary @- $SRC/control/values
      put gone
      pull --end-line | d2-push --url $DST --replace --max-delete 90% --dry-run 2> dry > /dev/null; echo $?; held $DST | grep -c true
      pull --end-line | d2-push --url $DST --replace --max-delete 90% --summary summary > /dev/null; echo $?
      held $DST | grep -c true; held $DST | grep true | grep -c \(units[0])
      d2-pull --url $DST --data-set $SET --org-unit \(units[0]) --period 202203 --quiet | wc -l; jq -c '[.removed == .stale]' summary; cat dry >&2
      d2-pull --url $SRC --data-set $SET --org-unit $ROOT --children --period 202203 --with-registrations --without-registrations; echo $?
      """)
    #expect(
      outcome.lines == ["4", "0", "4", "0", "3", "0", "0", "[true]", "64"], "\(outcome.output)\(outcome.errors)")
    #expect(outcome.errors.contains("1 registration that only the destination held: 1 deleted"), "\(outcome.errors)")
  }

  @Test("registrations are not sent where the values are not in: they are among the rejects")
  func failing() throws {
    let world = try World(values: 2000)
    let units = Self.units(world)
    world.shell.write("all", Self.registrations(world.metadata.dataSets[0].uid, units.prefix(4)))
    try world.fail(destination: #"{"kind":"status","path":"/api/dataValueSets","method":"POST","times":0}"#)
    let outcome = run(
      world,
      """
      put all; pull > both
      d2-push --url $DST --rejects rejects --retries 0 --summary summary < both > /dev/null; echo $?
      jq -c 'select(.value.completed)' rejects | wc -l; jq -c '[.read == .notSent, .read]' summary; wc -l < rejects; wc -l < both
      { echo '{"no":"value"}'; cat both; } > odd; curl -sf -o /dev/null -X DELETE $DST/control/faults
      d2-push --url $DST --rejects odd.rejects --quiet < odd > /dev/null; echo $?; held $DST | wc -l
      jq -r 'select(.value.completed) | .message' odd.rejects | sort -u
      """)
    let count = try #require(outcome.lines.dropFirst(4).first)
    #expect(
      outcome.lines == [
        "75", "4", "[true,\(count)]", count, count, "1", "0",
        "a line of the input is not a value, and may be part of this report: its registration was not sent",
      ], "\(outcome.output)\(outcome.errors)")
  }

  @Test(
    "a pair that moves them does so in pipelines, plans and sync; what was withdrawn travels in reconcile",
    arguments: StoreKind.available)
  func pair(kind: StoreKind) throws {
    let version = kind == .sqlite ? Version.v42 : .v43
    let world = try World(slicesIn: kind, .v42, version)
    let units = Self.units(world)
    let set = world.metadata.dataSets[0].uid
    world.shell.write("all", Self.registrations(set, units.prefix(3)))
    world.shell.write("withdrawn", Self.registrations(set, units.prefix(1), completed: false))
    world.shell.write("new", Self.registrations(set, units.prefix(4).suffix(1)))
    let outcome = run(
      world,
      """
      put all; d2-pull --pair hmis --data-set MONTH -p 202203 --quiet | grep -c completed
      d2-pairs set hmis --with-registrations on | jq -c .source_config.with_registrations
      d2-pull --pair hmis --data-set MONTH -p 202203 --quiet | grep -c completed
      d2-slices plan --pair hmis --data-set MONTH -y 2022 -q 1 --registrations --quiet > /dev/null
      d2-slices list --pair hmis | jq -r .kind | sort -u
      d2-slices run --pair hmis --jobs 2 --quiet; echo $?; held $SRC > a; held $DST > b; cmp a b && wc -l < b
      scripts/reconcile hmis 2> /dev/null; echo $?; states
      put withdrawn; scripts/reconcile hmis --all 2> errors; echo $?; grep -c 'differs: ' errors
      d2-slices run --pair hmis --quiet; echo $?; held $SRC > a; held $DST > b; cmp a b && grep -c false b
      scripts/reconcile hmis 2> /dev/null; echo $?
      scripts/sync hmis --data-set MONTH > /dev/null 2>&1; pass 90000; put new; scripts/sync hmis --data-set MONTH > /dev/null 2>&1; echo $?
      held $SRC > a; held $DST > b; cmp a b && wc -l < b
      d2-pairs set hmis --with-registrations off | jq -c .source_config.with_registrations
      """)
    #expect(
      outcome.lines == [
        "0", "true", "3", "values", "0", "3", "0", "verified=12", "1", "1", "0", "1", "0", "0", "4", "false",
      ], "\(outcome.output)\(outcome.errors)\(world.shell.file("errors"))")
  }

  @Test(
    "a report without its compulsory values is registered, unless the data set forbids it",
    arguments: [Version.v40, .v42, .v43])
  func compulsory(version: Version) throws {
    let world = try World(.v42, version, values: 0)
    let set = world.metadata.dataSets[0]
    let element = world.metadata.dataElements[set.elements[0]]
    let units = set.units.prefix(4).map { world.metadata.organisationUnits[$0].uid }
    func change(_ completeOnly: Bool) -> String {
      #"{"dataSets":[{"id":"\#(set.uid)","compulsoryFieldsCompleteOnly":\#(completeOnly),"compulsoryDataElementOperands":[{"dataElement":{"id":"\#(element.uid)"}}]}]}"#
    }
    world.shell.write("all", Self.registrations(set.uid, units))
    world.shell.write("next", Self.registrations(set.uid, units).replacing("202203", with: "202204"))
    world.shell.write("gone", Self.registrations(set.uid, units).replacing("true", with: "true,\"deleted\":true"))
    world.shell.write("withdrawn", Self.registrations(set.uid, units, completed: false))
    world.shell.write("lenient", change(false))
    world.shell.write("strict", change(true))
    let outcome = run(
      world,
      """
      push() { d2-push --url $DST --registrations --rejects $1.rejects --summary $1.summary < $1 2> $1.errors | jq -s 'map(.attempts) | add'; echo ${PIPESTATUS[0]}; }
      change() { curl -sf -o /dev/null $DST/control/metadata --data-binary @$1; }
      change lenient; push all; held $DST | wc -l; jq -c '[.imported, .refused]' all.summary
      change strict; for name in next gone withdrawn; do push $name | tail -n 1; jq -c '[.read, .refused]' $name.summary; done
      held $DST | grep -c true; jq -r .hint next.rejects | cut -d. -f1 | sort -u
      change lenient; cp gone again; push again | tail -n 1; held $DST | wc -l
      """)
    #expect(
      outcome.lines == [
        "1", "0", "4", "[4,0]", "1", "[4,4]", "1", "[4,4]", "1", "[4,4]", "4",
        "Send the values of the report before its registration", "0", "0",
      ], "\(outcome.output)\(outcome.errors)\(world.shell.file("all.errors"))")
    let message = "\(element.name) needs to be filled. It is compulsory."
    #expect(
      world.shell.file("all.errors").contains(
        "the server accepts some registrations with 1 warning: \(message.quoted)\n"),
      "\(world.shell.file("all.errors"))")
    #expect(
      world.shell.file("next.errors").contains("refused 4: \(message)\n")
        && world.shell.file("next.errors").contains("turn off compulsoryFieldsCompleteOnly of the data set"),
      "\(world.shell.file("next.errors"))")
  }

  @Test("the server tells people about new registrations only with --notify", arguments: [Version.v40, .v42, .v43])
  func notifications(version: Version) throws {
    let world = try World(.v42, version, values: 2000)
    let units = Self.units(world)
    let all = Self.registrations(world.metadata.dataSets[0].uid, units.prefix(6)).split(separator: "\n")
    world.shell.write("all", all.joined(separator: "\n") + "\n")
    world.shell.write("some", all.prefix(2).joined(separator: "\n") + "\n")
    let outcome = run(
      world,
      """
      told() { curl -sf $DST/control/stats | jq .notifications; }
      d2-push --url $DST --registrations --quiet < some > /dev/null; echo $?; told
      put all; pull | d2-push --url $DST --quiet > /dev/null; echo $?; held $DST | wc -l; told
      sed 's/202203/202204/' some | d2-push --url $DST --registrations --notify --dry-run --quiet > /dev/null; echo $?; told
      sed 's/202203/202204/' some | d2-push --url $DST --registrations --notify --quiet > /dev/null; echo $?; told
      sed 's/true/true,"deleted":true/' all | d2-push --url $DST --registrations --quiet > /dev/null; echo $?
      pull | d2-push --url $DST --notify --quiet > /dev/null; echo $?; told
      d2-push --via dispatcher2 --notify < /dev/null; echo $?
      """)
    #expect(
      outcome.lines == ["0", "0", "0", "6", "0", "0", "0", "0", "2", "0", "0", "8", "64"],
      "\(outcome.output)\(outcome.errors)")
  }

  @Test(
    "what cannot be is said at once",
    arguments: [
      ("--with-registrations --registrations --data-set abcdefghijk", "leave out --registrations and --limit"),
      ("--with-registrations --limit 5 --data-set abcdefghijk", "leave out --registrations and --limit"),
      ("--with-registrations --data-element abcdefghijk", "--with-registrations needs --data-set, and it alone"),
    ])
  func usage(words: String, reason: String) throws {
    let outcome = try World(values: 0).run("d2-pull --url $SRC --org-unit $ROOT --period 202203 \(words)")
    #expect(outcome.status == 64 && outcome.errors.contains(reason), "\(outcome.status) \(outcome.errors)")
  }
}
