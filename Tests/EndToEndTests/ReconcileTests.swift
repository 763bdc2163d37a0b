import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

@Suite("extras and registrations", .waiting)
struct ReconcileTests {
  private static let month = "--data-set MONTH -y 2022 -q 1"

  @Test(
    "what holds more than the source is not called verified unless that is asked for", arguments: StoreKind.available)
  func extras(kind: StoreKind) throws {
    let world = try World(slicesIn: kind)
    // A value of the quarter at a place without a value at the source.
    let held = world.content(world.source, of: [0]) { $0["period"]?.string == "202202" }
    let template = try #require(held.first.flatMap { try? JSONValue(parsing: $0) })
    let used = Set(held.compactMap { (try? JSONValue(parsing: $0))?["orgUnit"]?.string })
    let unit = try #require(
      world.metadata.organisationUnits.first { $0.level == 5 && $0.closed == nil && !used.contains($0.uid) }
    ).uid
    let extra = JSONValue.object(
      (template.members ?? []).filter { !["orgUnit", "deleted"].contains($0.key) } + [.init("orgUnit", .string(unit))])
    world.shell.write("extra", extra.text + "\n")
    let outcome = world.run(
      """
      d2-slices plan --pair hmis \(Self.month) --quiet > /dev/null; d2-slices run --pair hmis --jobs 4 --quiet
      curl -sf -o /dev/null --data-binary @extra $DST/control/values
      scripts/reconcile hmis --jobs 2 --dry-run 2> dry; echo $?; grep -c '1 with more values than the source (not verified; --ignore-extras verifies them); nothing was recorded' dry
      scripts/reconcile hmis --jobs 2 2> errors; echo $?; states
      grep -c 'is equal, but the destination holds 1 that the source lacks: not verified' errors
      grep -c '11 equal, 0 different (to be moved again), 0 could not be compared, 1 with more' errors
      scripts/reconcile hmis --ignore-extras 2> errors; echo $?; states; grep -c 'ignored 1 at the destination that the source lacks' errors
      """)
    #expect(
      outcome.lines == [
        "1", "1", "1", "done=1 verified=11", "1", "1", "0", "verified=12", "1",
      ], "\(outcome.output)\(outcome.errors)\(world.shell.file("errors"))")
  }

  @Test(
    "registrations: missing, withdrawn and deleted ones are found, moved and deleted, and reconcile sees them too",
    arguments: StoreKind.available)
  func registrations(kind: StoreKind) throws {
    let version = kind == .sqlite ? StandInServer.ServerVersion.v42 : .v43
    let world = try World(slicesIn: kind, version, version, values: 300)
    let set = world.metadata.dataSets[0].uid
    let units = world.metadata.organisationUnits.filter { $0.level == 5 && $0.closed == nil }.map(\.uid)
    func lines(_ units: some Sequence<String>, completed: Bool = true) -> String {
      units.map {
        #"{"dataSet":"\#(set)","period":"202203","organisationUnit":"\#($0)","completed":\#(completed)}"#
      }.joined(separator: "\n") + "\n"
    }
    world.shell.write("all", lines(units.prefix(9)))
    world.shell.write("withdrawn", lines(units.prefix(1), completed: false))
    world.shell.write("gone", lines(units.prefix(3).suffix(1)))
    world.shell.write("new", lines(units.prefix(11).suffix(1)))
    let outcome = world.run(
      """
      put() { d2-push --url $SRC --registrations --quiet "${@:2}" < $1 > /dev/null; echo $?; }
      held() { curl -sf -u admin:district "$1/api/completeDataSetRegistrations?dataSet=\(set)&orgUnit=$ROOT&children=true&startDate=2022-01-01&endDate=2022-12-31" | jq -c '.completeDataSetRegistrations[]? | [.organisationUnit, .completed]' | sort; }
      diff() { d2-diff --pair hmis --registrations \(Self.month) --quiet "$@"; }
      put all; d2-slices plan --pair hmis \(Self.month) --registrations --quiet > /dev/null; d2-slices run --pair hmis --jobs 4 --quiet; held $DST | wc -l
      scripts/reconcile hmis 2> /dev/null; echo $?
      put withdrawn; put gone --import-strategy DELETE --yes; put new
      diff --summary s > /dev/null; echo $?; jq -c '[.missing, .deleted, .extra, .equal]' s
      scripts/reconcile hmis --all 2> errors; echo $?; grep -c 'differs: 1 missing' errors; grep -c 'holds 1 that the source lacks\\|1 deleted at the source' errors
      diff --delete-extras --max-delete 5% > /dev/null; echo $?
      diff --delete-extras --max-delete 50% | d2-push --pair hmis --registrations --quiet --summary p > /dev/null; echo ${PIPESTATUS[*]}; jq -c '[.read, .deleted, .refused]' p
      held $SRC > a; held $DST > b; cmp a b && wc -l < b; diff --extras; echo $?
      """)
    #expect(
      outcome.lines == [
        "0", "9", "0", "0", "0", "0", "1", "[1,1,2,7]", "1", "1", "1", "65", "1 0", "[3,1,0]", "9", "0",
      ], "\(version): \(outcome.output)\(outcome.errors)\(world.shell.file("errors"))")
  }
}
