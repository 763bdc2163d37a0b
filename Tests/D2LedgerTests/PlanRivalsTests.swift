import Glibc
import Synchronization
import TestSupport
import Testing
import WaitingTests

@testable import D2Client
@testable import D2Common
@testable import D2Ledger
@testable import D2Store

/// A plan, and what changes the units and data sets that it is made of, run one at a time.
@Suite("plans and their rivals", .waiting)
struct PlanRivalsTests {
  /// A pair with two organisation units, and what would change it.
  private static func pair(_ store: Store) throws -> Pair {
    func server(_ name: String) -> ConfiguredServer { ConfiguredServer(name: name, settings: .object([])) }
    let pair = try store.add(name: "hmis", source: server("a"), destination: server("b"), isActive: true)
    for uid in ["Unit0000001", "Unit0000002"] {
      try store.database.execute(
        "INSERT INTO orgunits (integration_pair_id, dhis2_id, dhis2_path) VALUES ($1, $2, $3)",
        [.int(pair.id), .text(uid), .text("/" + uid)])
    }
    return pair
  }

  /// The events, in their order.
  private final class Events: Sendable {
    private let list = Mutex<[String]>([])

    var all: [String] { list.withLock { $0 } }
    func add(_ event: String) { list.withLock { $0.append(event) } }
  }

  /// Operations that must not run at the same time as a plan of the pair.
  enum Rival: CaseIterable {
    case enable, priority, units, sets, plan

    func run(_ store: Store, _ pair: Pair) throws {
      let units = OrgUnitTable(store, pair)
      switch self {
      case .enable: _ = try units.setActive(false, ["Unit0000001"])
      case .priority: _ = try units.setPriority(1, ["Unit0000001"])
      case .units:
        try units.stage()
        _ = try units.transaction { try units.takeOver(OrgUnitTable.Scope(level: nil, root: nil)) }
      case .sets:
        _ = try DataSetTable(store, pair).transaction {
          try DataSetTable(store, pair).write(DataSet(uid: "DataSet0001", name: "set", periodType: "Monthly"))
        }
      case .plan:
        var plan = LedgerPlan()
        let places = plan.add(places: [.init(units: ["Unit0000001"], children: true, priority: nil)])
        plan.add(LedgerPlan.Subject(dataSet: "DataSet0001", periods: "202401", newest: 1, places: places))
        _ = try plan.write(pair, to: Ledger(store))
      }
    }
  }

  @Test(
    "a plan and a change of what it is made of exclude each other: who comes second is kept waiting",
    arguments: StoreKind.available, Rival.allCases)
  func excludes(kind: StoreKind, rival: Rival) throws {
    let test = try TestStore(kind)
    let (first, second) = (try test.open(), try test.open())
    let pair = try Self.pair(first)
    // So that it does not wait until the first one ends.
    try second.database.executeScript(
      kind == .sqlite ? "PRAGMA busy_timeout = 50" : "SET lock_timeout = '50ms'")
    try first.database.exclusively(pair: pair.id) {
      let error = #expect(throws: StoreError.self) { try rival.run(second, pair) }
      #expect(error?.kind == .busy, "\(error?.message ?? "")")
    }
    try rival.run(second, pair)
  }

  @Test("who is kept waiting goes on when the first one ends, and sees what it did", arguments: StoreKind.available)
  func waits(kind: StoreKind) async throws {
    let test = try TestStore(kind)
    let first = try test.open()
    let pair = try Self.pair(first)
    let events = Events()
    let seen = try await withThrowingTaskGroup(of: Bool?.self) { group in
      try first.database.exclusively(pair: pair.id) {
        group.addTask(executorPreference: BlockingExecutor(threads: 1)) {
          let second = try test.open()
          events.add("second asks")
          return try second.database.exclusively(pair: pair.id) {
            events.add("second begins")
            return try OrgUnitTable(second, pair).all().first { $0.uid == "Unit0000001" }?.isActive
          }
        }
        while events.all.isEmpty { usleep(1000) }
        // Enough time for the operation that must not happen.
        usleep(300_000)
        try first.database.execute("UPDATE orgunits SET is_active = FALSE WHERE dhis2_id = 'Unit0000001'")
        events.add("first ends")
      }
      return try await group.next() ?? nil
    }
    #expect(seen == false)
    #expect(events.all == ["second asks", "first ends", "second begins"])
  }

  @Test(
    "pairs do not wait for each other, nor do workers for a plan",
    .enabled(if: StoreKind.hasPostgreSQL, Comment(rawValue: StoreKind.skipped)))
  func beside() throws {
    let test = try TestStore(.postgresql)
    let (first, second) = (try test.open(), try test.open())
    let pair = try Self.pair(first)
    func server(_ name: String) -> ConfiguredServer { ConfiguredServer(name: name, settings: .object([])) }
    let other = try first.add(name: "other", source: server("c"), destination: server("d"), isActive: true)
    try Rival.plan.run(first, pair)
    try second.database.executeScript("SET lock_timeout = '2s'")
    try first.database.exclusively(pair: pair.id) {
      for rival in Rival.allCases { try rival.run(second, other) }
      let ledger = Ledger(second)
      let slice = try #require(
        try ledger.claim(pair, worker: "w", token: "t", leaseSeconds: 60, order: .newest))
      #expect(try ledger.finish(slice.id, token: "t", status: 0, Slice.Counts(), rejects: nil))
    }
  }
}
