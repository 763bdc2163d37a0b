import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// `d2-slices plan --analytics`: sums in the ledger.
@Suite("slices of analytics", .waiting)
struct AnalyticsSliceTests {
  private static func world(_ kind: StoreKind) throws -> World {
    try World(slicesIn: kind, level: nil, change: { $0.analyticsSecondsAgo = 60 })
  }

  private static func ids(_ world: World) -> [String: String] {
    let metadata = world.metadata
    func element(_ name: String) -> String { metadata.dataElements.first { $0.name == name }!.uid }
    return [
      "VISITS": element("Visits 1"), "CASES": element("Cases 1"), "INDICATOR": metadata.indicators[0].uid,
      "LITRES": element("Litres used 1"), "DISTRICT": metadata.organisationUnits.first { $0.level == 3 }!.uid,
      "MONTH": metadata.dataSets[0].uid,
    ]
  }

  @Test("a slice for each period; they arrive whole, and a second plan adds nothing", arguments: StoreKind.available)
  func backlog(kind: StoreKind) throws {
    let world = try Self.world(kind)
    let outcome = world.run(
      """
      plan() { d2-slices plan --pair hmis --analytics --data-element $VISITS,$CASES --level 3 --disaggregate --period 202201,202202,2022 "$@" | jq -c '[.planned, .added, .again]'; }
      plan; d2-slices list --pair hmis --format json | jq -r .periods | sort | tr '\\n' ' '; echo
      d2-slices run --pair hmis --jobs 2 --quiet; echo $?; states; plan
      curl -sf $DST/control/values | jq -c '[.dataElement, .period, .orgUnit, .categoryOptionCombo, .value]' | sort > moved
      d2-pull --url $SRC --analytics --data-element $VISITS,$CASES --level 3 --disaggregate --period 202201,202202,2022 --quiet \\
        | jq -c '[.dataElement, .period, .orgUnit, .categoryOptionCombo, .value]' | sort > sums
      cmp moved sums && test -s sums && echo same
      d2-slices report --pair hmis --html page.html > /dev/null; grep -q 202202 page.html && echo reported; d2-slices status --pair hmis --format json | jq -s length
      """, Self.ids(world))
    #expect(
      outcome.lines == ["[3,3,0]", "2022 202201 202202 ", "0", "done=3", "[3,0,0]", "same", "reported", "1"],
      "\(outcome.output)\(outcome.errors)")
  }

  @Test("d2-pull --pair --analytics knows the data sets of the pair by code and name, and others by uid")
  func names() throws {
    let world = try Self.world(.sqlite)
    let outcome = world.run(
      """
      sums() { d2-pull --pair hmis --analytics --org-unit $DISTRICT --period 2022 --quiet --data-set "$@" 2>> errors; }
      sums $MONTH | sort > all; sums MONTH | sort | cmp - all; [ -s all ] && echo same
      sums MONTHLY > /dev/null; echo $?
      sums abcdefghijk > /dev/null; echo $?; cat errors
      """, Self.ids(world))
    #expect(outcome.lines.prefix(3) == ["same", "64", "64"], "\(outcome.output)\(outcome.errors)")
    #expect(outcome.output.contains("MONTHLY") && outcome.output.contains("abcdefghijk"), "\(outcome.output)")
  }

  @Test("-i: the last periods again, and those that came since", arguments: StoreKind.available)
  func increment(kind: StoreKind) throws {
    let world = try Self.world(kind)
    let plan =
      "d2-slices plan --pair hmis -i --analytics --data-set MONTH --org-unit $DISTRICT --period"
    let outcome = world.run(
      """
      plan() { \(plan) "$@" | jq -c '[.planned, .added, .again]'; }
      plan 202201,202202; d2-slices run --pair hmis --quiet; echo $?
      curl -sf $SRC/control/values | jq -c 'select(.dataElement == env.VISITS and .deleted != true) | .period = "202202" | .value = "1000"' | curl -sf -o /dev/null --data-binary @- $SRC/control/values
      plan 202202,202203; plan 202202,202203
      curl -sf -o /dev/null -X POST $SRC/control/analytics
      d2-slices run --pair hmis --quiet; echo $?; states
      d2-pull --url $SRC --analytics --data-element $VISITS --org-unit $DISTRICT --period 202202 --quiet | jq -r .value
      curl -sf $DST/control/values | jq -r 'select(.dataElement == env.VISITS and .period == "202202") | .value'
      """, Self.ids(world))
    let value = outcome.lines.last ?? ""
    #expect(
      outcome.lines == ["[2,2,0]", "0", "[2,1,1]", "[2,0,0]", "0", "done=3", value, value] && Int(value) ?? 0 >= 1000,
      "\(outcome.output)\(outcome.errors)")
  }

  @Test("a command of one's own changes sums on the way")
  func command() throws {
    let world = try Self.world(.sqlite)
    let outcome = world.run(
      #"""
      d2-slices plan --pair hmis --analytics --indicator $INDICATOR --level 2 --period 2022 > /dev/null
      d2-slices run --pair hmis --quiet -- 'd2-pull --slice "$D2_SLICE" | jq -c ".dataElement = \"$LITRES\"" | d2-push --slice "$D2_SLICE" --rejects "$D2_REJECTS" > /dev/null'; echo $?
      curl -sf $DST/control/values | jq -c '[.dataElement == env.LITRES, .period]'
      """#, Self.ids(world))
    #expect(outcome.lines == ["0", #"[true,"2022"]"#], "\(outcome.output)\(outcome.errors)")
  }

  @Test("what does not go with sums is refused, and nothing is planned")
  func usage() throws {
    let world = try Self.world(.sqlite)
    let base = "d2-slices plan --pair hmis --analytics"
    let outcome = world.run(
      """
      \(base) --data-element $VISITS --level 3; echo $?
      \(base) --level 3 --period 2022; echo $?
      \(base) --data-element $VISITS --period 2022; echo $?
      \(base) --data-element $VISITS --level 3 --period 2022 -y 2022; echo $?
      \(base) --data-element $VISITS --level 3 --period 20x; echo $?
      \(base) --data-element $VISITS --level 3 --period 2022 -l $DISTRICT; echo $?
      \(base) --data-element $(printf '%s,' $(seq 10000000000 10000000300)) --level 3 --period 2022; echo $?
      d2-slices plan --pair hmis --indicator $INDICATOR -y 2022; echo $?
      d2-slices list --pair hmis --format json | wc -l
      """, Self.ids(world))
    #expect(outcome.lines == Array(repeating: "64", count: 8) + ["0"], "\(outcome.output)\(outcome.errors)")
  }
}
