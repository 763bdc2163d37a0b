import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

@Suite("d2-slices plan", .waiting)
struct SlicePlanTests {
  @Test("--span: periods that follow each other go together, and no other with them", arguments: StoreKind.available)
  func spans(kind: StoreKind) throws {
    let world = try World(slicesIn: kind, level: nil)
    let outcome = world.run(
      """
      plan() { d2-slices plan --pair hmis --data-set "$@" --quiet > /dev/null || echo $?; }
      periods() { d2-slices list --pair hmis --format json | jq -r .periods | sort | tr '\n' ' '; echo; d2-slices reset --pair hmis --all --remove --yes --quiet; }
      plan MONTH --from 2021-11-15 --to 2022-12-31 --span year; periods
      plan MONTH -y 2022 --span quarter; periods
      plan MONTH -p 202201,202202,202205 --span year; periods
      plan DAY -p 20220105,20220107,20220108; periods
      plan WEEK -p 2022W02,2022W03,2022W06 --span quarter; periods
      plan YEAR -y 2022 --span month; periods
      plan MONTH -y 2022 --span decade
      plan MONTH -p 202201,202202,202205 --span year
      d2-slices run --pair hmis --quiet; echo $?
      """)
    #expect(
      outcome.lines == [
        "202111..202112 202201..202212 ", "202201..202203 202204..202206 202207..202209 202210..202212 ",
        "202201..202202 202205 ", "20220105 20220107..20220108 ", "2022W2..2022W3 2022W6 ", "2022 ", "64", "0",
      ], "\(outcome.output)\(outcome.errors)")
    let months = Set(
      world.destination.values.split(separator: "\n").compactMap {
        (try? JSONValue(parsing: String($0)))?["period"]?.string
      })
    #expect(months == ["202201", "202202", "202205"])
  }

  @Test("a plan is refreshed by planning again: deletions and priorities", arguments: StoreKind.available)
  func refreshed(kind: StoreKind) throws {
    let world = try World(slicesIn: kind)
    let zones = world.metadata.organisationUnits.filter { $0.level == 4 }.map(\.uid)
    let outcome = world.run(
      """
      plan() { d2-slices plan --pair hmis \(World.quarterOfMonths) --quiet | jq -c '[.planned, .added]'; }
      deleted() { d2-slices list --pair hmis --state waiting | jq -s -c 'map(.includeDeleted) | unique'; }
      first() { slice=$(d2-slices claim --pair hmis); jq -r '[.orgUnits[0], .periods] | @tsv' <<< $slice; d2-slices fail --pair hmis --slice "$slice" --attempts 1; }
      d2-datasets set --pair hmis --include-deleted off MONTH; plan; deleted
      slice=$(d2-slices claim --pair hmis --order oldest); d2-slices done --pair hmis --slice "$slice"
      d2-datasets set --pair hmis --include-deleted on MONTH; deleted; plan; deleted; states
      d2-orgunits set --pair hmis --priority 1 \(zones[3]); plan; first
      d2-orgunits set --pair hmis --priority 0 \(zones[2]); plan; first
      d2-orgunits set --pair hmis --priority none \(zones[2]) \(zones[3]); plan; d2-orgunits set --pair hmis --priority 1 \(zones[1]); plan; first
      states
      """)
    #expect(
      outcome.lines == [
        "[12,12]", "[false]", "[false]", "[12,0]", "[true]", "done=1 waiting=11", "[12,0]", "\(zones[3])\t202203",
        "[12,0]", "\(zones[2])\t202203", "[12,0]", "[12,0]", "\(zones[1])\t202203", "done=1 failed=3 waiting=8",
      ], "\(outcome.output)\(outcome.errors)")
  }
}
