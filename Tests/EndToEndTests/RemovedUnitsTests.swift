import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// Merges of units move values without changing `lastUpdated`, and do not affect the destination.
@Suite("removed and merged units", .waiting)
struct RemovedUnitsTests {
  /// Merges a facility into a sibling, like DHIS2: its values are moved, with their `lastUpdated`, and the facility is
  /// removed.
  private struct Merge {
    let gone: String
    let target: String
    /// Facilities beside them, themselves among these.
    let zone: [String]

    init(_ world: World) throws {
      let units = world.metadata.organisationUnits
      let held = Dictionary(
        grouping: world.content(world.source, of: [0]).compactMap { try? JSONValue(parsing: $0) },
        by: { $0["orgUnit"]?.string ?? "" })
      let from = try #require(units.last { $0.level == 5 && held[$0.uid]?.isEmpty == false })
      let beside = units.filter { $0.level == 5 && $0.parent == from.parent }.map(\.uid)
      let to = try #require(beside.first { $0 != from.uid })
      let lines = (held[from.uid] ?? []).map { value in
        JSONValue.object(
          (value.members ?? []).filter { !["orgUnit", "lastUpdated", "created"].contains($0.key) } + [
            .init("orgUnit", .string(to)), .init("lastUpdated", .string("2022-02-01T00:00:00.000+0000")),
          ]
        ).text
      }
      (gone, target, zone) = (from.uid, to, beside)
      world.shell.write("merged", lines.joined(separator: "\n") + "\n")
    }

    /// The visible effects of the merge.
    func run(_ world: World) throws {
      let moved = world.run("curl -sf -o /dev/null --data-binary @merged $SRC/control/values; echo $?")
      #expect(moved.lines == ["0"], "\(moved.errors)")
      try world.change(source: #"{"organisationUnits":[{"id":"\#(gone)","removed":true}]}"#)
    }
  }

  private static let sync = """
    d2-orgunits sync --pair hmis > changes 2> errors; jq -r '[.change, .id] | @tsv' changes
    grep -c 'what the destination holds of it stays there' errors; sed -n 's/.*: \\(d2-slices plan .*\\)/\\1/p' errors > paste; cat paste
    """

  @Test(
    "a backlog: the slices around a unit that is gone are planned again by the line that sync prints",
    arguments: StoreKind.available)
  func backlog(kind: StoreKind) throws {
    let world = try World(slicesIn: kind, level: "Facility")
    let merge = try Merge(world)
    let before = world.run(
      "d2-slices plan --pair hmis --data-set MONTH -y 2022 -q 1 --quiet > /dev/null; d2-slices run --pair hmis --jobs 4 --quiet; echo $?"
    )
    #expect(before.lines == ["0"], "\(before.errors)")
    try merge.run(world)
    let outcome = world.run(
      """
      \(Self.sync); bash paste | jq -c '[.added, .again == .planned, .planned == .open, .again]'
      d2-slices list --pair hmis --state waiting | jq -r '.orgUnits[]' | sort -u | tr '\\n' ' '; echo
      pass 2; d2-slices run --pair hmis --jobs 4 --quiet; echo $?; bash paste | jq -c '[.added, .again, .open]'; states | grep -c waiting
      """)
    let slices = 3 * merge.zone.filter { $0 != merge.gone }.count
    #expect(
      outcome.lines == [
        "removed\t\(merge.gone)", "1", "d2-slices plan --pair hmis --around-removed", "[0,true,true,\(slices)]",
        merge.zone.filter { $0 != merge.gone }.sorted().joined(separator: " ") + " ", "0", "[0,0,0]", "0",
      ], "\(outcome.output)\(outcome.errors)\(world.shell.file("errors"))")
    let differences = world.differences(of: [0]) {
      ["202201", "202202", "202203"].contains($0["period"]?.string ?? "") && $0["orgUnit"]?.string == merge.target
    }
    #expect(differences == [])
  }

  @Test(
    "increments: all that was delivered around a unit that is gone is moved again, once", arguments: StoreKind.available
  )
  func increments(kind: StoreKind) throws {
    let world = try World(slicesIn: kind, level: "Facility")
    let merge = try Merge(world)
    let i =
      "d2-slices plan --pair hmis -i --overlap 1s --data-set MONTH --quiet > /dev/null; d2-slices run --pair hmis --jobs 4 --quiet; echo $?"
    #expect(world.run("\(i); pass 3; \(i)").lines == ["0", "0"])
    try merge.run(world)
    let unseen = world.run("\(Self.sync) | tail -1; \(i)")
    #expect(
      unseen.lines == ["removed\t\(merge.gone)", "1", "d2-slices plan --pair hmis --around-removed", "0"],
      "\(unseen.errors)")
    let missed = world.differences(of: [0]) { $0["orgUnit"]?.string == merge.target }
    #expect(!missed.isEmpty, "an increment does not see it")
    let outcome = world.run(
      """
      bash paste | jq -c '[.planned == .added + .again, .open > 0]'; pass 2; d2-slices run --pair hmis --jobs 4 --quiet; echo $?
      bash paste | jq -c '[.added, .again, .open]'; \(i); d2-slices plan --pair hmis --around-removed -y 2022; echo $?
      """)
    #expect(outcome.lines == ["[true,true]", "0", "[0,0,0]", "0", "64"], "\(outcome.output)\(outcome.errors)")
    let differences = world.differences(of: [0]) { $0["orgUnit"]?.string == merge.target }
    #expect(differences == [])
  }
}
