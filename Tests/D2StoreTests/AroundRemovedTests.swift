import Glibc
import TestSupport
import Testing
import WaitingTests

@testable import D2Client
@testable import D2Common
@testable import D2Store

@Suite("what lies around units that are gone", .waiting)
struct AroundRemovedTests {
  private static func unit(_ path: String, removed: Bool = false, active: Bool = true) -> OrgUnit {
    let parts = path.split(separator: "/").map(String.init)
    return OrgUnit(
      uid: parts.last!, name: parts.last!, code: nil, path: "/" + path, parent: parts.dropLast().last,
      level: parts.count,
      priority: nil, isActive: active && !removed, isRemoved: removed)
  }

  /// The units around, with the time of the removal.
  private static func around(_ units: [OrgUnit], _ removals: [String: Int]) -> [String] {
    AroundRemoved(units, removals: removals).units.map { "\($0.unit.uid) \($0.at)" }
  }

  @Test("the unit above and those beside it; a person's choice is left alone")
  func neighbours() {
    let units = [
      Self.unit("r"), Self.unit("r/a"), Self.unit("r/b"), Self.unit("r/a/1"), Self.unit("r/a/2", removed: true),
      Self.unit("r/a/3", active: false), Self.unit("r/b/4"), Self.unit("r/a/1/x"),
    ]
    #expect(Self.around(units, ["2": 7]) == ["a 7", "1 7"])
    #expect(Self.around(units, [:]).isEmpty, "nobody knows when")
  }

  @Test("where all above is gone too, the next one above; where the store has some levels only, what is nearest")
  func levels() {
    let deep = [
      Self.unit("r"), Self.unit("r/a", removed: true), Self.unit("r/b"), Self.unit("r/a/1", removed: true),
      Self.unit("r/b/2"),
    ]
    #expect(Self.around(deep, ["a": 5, "1": 5]) == ["r 5", "b 5"])
    let districts = [Self.unit("r/a/1", removed: true), Self.unit("r/a/2"), Self.unit("r/b/3")]
    #expect(Self.around(districts, ["1": 5]) == ["2 5"])
    let lonely = [Self.unit("r/a/1", removed: true), Self.unit("r/b/3"), Self.unit("r/c/4")]
    #expect(Self.around(lonely, ["1": 5]) == ["3 5", "4 5"])
  }

  @Test("of several removals the last one counts; places are grouped by it")
  func times() {
    let units = [
      Self.unit("r/a"), Self.unit("r/b"), Self.unit("r/a/1", removed: true), Self.unit("r/a/2", removed: true),
      Self.unit("r/a/3"), Self.unit("r/b/4", removed: true), Self.unit("r/b/5"),
    ]
    let around = AroundRemoved(units, removals: ["1": 10, "2": 20, "4": 15])
    #expect(around.places.map { $0.at } == [15, 20])
    #expect(around.places.map { $0.places.flatMap(\.units) } == [["b"], ["a"]])
    #expect(around.time(["3"], children: false) == 20 && around.time(["5", "3"], children: true) == 20)
    #expect(around.time(["r"], children: true) == 20 && around.time(["r"], children: false) == nil)
    #expect(around.time(["other"], children: true) == nil)
  }

  /// Since 1970, by the clock that the databases of this machine have.
  private static func milliseconds() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
  }

  @Test("when a unit was found to be gone is never told too early", arguments: StoreKind.available)
  func removals(kind: StoreKind) throws {
    let test = try TestStore(kind)
    let store = try test.open()
    func server(_ name: String) -> ConfiguredServer { ConfiguredServer(name: name, settings: .object([])) }
    let pair = try store.add(name: "hmis", source: server("a"), destination: server("b"), isActive: true)
    let before = Self.milliseconds()
    try store.database.execute(
      """
      INSERT INTO orgunits (integration_pair_id, dhis2_id, dhis2_name, dhis2_path, is_active, removed)
      VALUES ($1, 'gone1234567', 'Gone', '/r/gone1234567', FALSE, CURRENT_TIMESTAMP)
      """, [.int(pair.id)])
    let time = try #require(try OrgUnitTable(store, pair).removals()["gone1234567"])
    let after = Self.milliseconds() + 1001
    #expect((before...after).contains(time), "\(time)")
  }
}
