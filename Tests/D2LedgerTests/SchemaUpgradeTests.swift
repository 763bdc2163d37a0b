import TestSupport
import Testing
import WaitingTests

@testable import D2Common
@testable import D2Client
@testable import D2Ledger
@testable import D2Store

@Suite("stores of versions 1 and 2", .waiting)
struct SchemaUpgradeTests {
  /// Makes a store what version 1 left: slices that cannot be refused.
  private func makeFirst(_ store: TestStore) throws {
    let database = try store.connect()
    switch store.kind {
    case .postgresql:
      try database.executeScript(
        """
        ALTER TABLE slices DROP CONSTRAINT slices_state_check;
        ALTER TABLE slices ADD CONSTRAINT slices_state_check
          CHECK (state IN ('waiting', 'leased', 'retry', 'done', 'failed'));
        """)
    case .sqlite:
      let made = try database.rows("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = 'slices'")[0].text(0)!
      let indexes = try database.rows("SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'slices'")
        .compactMap { $0.text(0) }
      let first = made.replacing("'refused', ", with: "")
      #expect(first != made && indexes.count >= 6)
      try database.executeScript("DROP TABLE slices; \(first); \(indexes.joined(separator: "; "))")
    }
    try database.execute("UPDATE d2_schema SET version = 1")
  }

  /// Drops the columns of version 3, for slices that replace the destination's data, and of version 4.
  private func dropThird(_ store: TestStore) throws {
    try dropFourth(store)
    try store.connect().executeScript("ALTER TABLE slices DROP COLUMN replaces; ALTER TABLE slices DROP COLUMN removed")
  }

  /// Drops what came with version 4: how many attempts failed.
  private func dropFourth(_ store: TestStore) throws {
    try store.connect().executeScript("ALTER TABLE slices DROP COLUMN failures")
  }

  @Test("of version 3: attempts of slices that failed count as failures", arguments: StoreKind.available)
  func third(kind: StoreKind) throws {
    let world = try LedgerWorld(kind)
    try world.plan([LedgerWorld.subject("a", "202401", newest: 1)], units: 3)
    let (failed, leased) = (try #require(try world.claim("x")), try #require(try world.claim("y")))
    #expect(try world.fail(failed, pause: 600))
    try dropFourth(world.test)
    try world.test.connect().execute("UPDATE d2_schema SET version = 3")
    _ = try world.another()
    #expect(try world.test.rows("SELECT max(version) FROM d2_schema") == ["4"])
    let failures = try world.test.rows("SELECT id, attempts, failures FROM slices ORDER BY id")
    let expected = [1, 2, 3].map { id in
      id == failed.id ? "\(id)|1|1" : id == leased.id ? "\(id)|1|0" : "\(id)|0|0"
    }
    #expect(failures == expected, "\(failures)")
    // Opened once more, it stays as it is.
    try world.test.connect().execute("UPDATE slices SET failures = 0")
    #expect(try world.another().open(world.pair).retry == 1)
    #expect(try world.test.rows("SELECT sum(failures) FROM slices") == ["0"])
  }

  @Test("of version 2 get the columns of slices that replace", arguments: StoreKind.available)
  func second(kind: StoreKind) throws {
    let world = try LedgerWorld(kind)
    try dropThird(world.test)
    let database = try world.test.connect()
    try database.execute("UPDATE d2_schema SET version = 2")
    #expect(throws: (any Error).self) { try database.rows("SELECT replaces FROM slices") }
    try database.execute(
      """
      INSERT INTO slices (integration_pair_id, dataset_id, periods, orgunits, children, rank, newest)
      VALUES (\(world.pair.id), 'a', '202401', 'unit0', TRUE, 1, 1)
      """)
    let ledger = try world.another()
    #expect(try world.test.rows("SELECT max(version) FROM d2_schema") == ["4"])
    var slices: [Slice] = []
    try ledger.forEach(world.pair, SliceSelection()) { slices.append($0) }
    #expect(slices.map(\.replaces) == [nil] && slices.map(\.counts.removed) == [nil])
    var plan = LedgerPlan()
    var subject = LedgerWorld.subject("a", "202401", newest: 1)
    subject.places = plan.add(places: [.init(units: ["unit0"], children: true, priority: nil)])
    subject.replaces = .percent(5)
    plan.add(subject)
    #expect(try plan.write(world.pair, to: ledger) == .init(added: 0, planned: 1))
    slices = []
    try ledger.forEach(world.pair, SliceSelection()) { slices.append($0) }
    #expect(slices.map(\.replaces) == [.percent(5)])
  }

  /// The columns that version 1 had.
  private static let everything = """
    SELECT id, integration_pair_id, window_id, kind, dataset_id, periods, since, orgunits, children, plan,
      include_deleted, rank, newest, state, verified, worker, token, lease_until, attempts, next_attempt, started,
      finished, last_status, last_error, pulled, pushed, imported, updated, ignored, deleted, refused, not_sent, queued,
      wire_bytes, reasons, rejects
    FROM slices ORDER BY id
    """

  @Test("are brought up to date with all their slices, whose numbers go on", arguments: StoreKind.available)
  func slices(kind: StoreKind) throws {
    let world = try LedgerWorld(kind)
    try makeFirst(world.test)
    try world.plan([LedgerWorld.subject("a", "202401", newest: 1)], units: 5, name: "mine")
    let window = try world.openWindow("a", until: "2024-03-01T10:00:00Z")
    try world.plan([LedgerWorld.subject("a", "", newest: 2, window: window, since: "2024-02-01T00:00:00Z")], units: 2)
    #expect(try world.finish(#require(try world.claim("x"))))
    #expect(try world.fail(#require(try world.claim("y")), most: 1, error: "it's 'odd'; 🏥"))
    _ = try #require(try world.claim("z"))
    // The highest number is free, and must not be given to another.
    try world.ledger.database.execute("DELETE FROM slices WHERE id = 7")
    #expect(throws: (any Error).self) { try world.ledger.database.execute("UPDATE slices SET state = 'refused'") }
    let before = try world.test.rows(Self.everything)
    #expect(before.count == 6)
    try dropThird(world.test)

    let ledger = try world.another()
    #expect(try world.test.rows(Self.everything) == before)
    #expect(try world.test.rows("SELECT max(version) FROM d2_schema") == ["4"])
    var plan = LedgerPlan()
    var subject = LedgerWorld.subject("b", "202402", newest: 1)
    subject.places = plan.add(places: [.init(units: ["unit0"], children: true, priority: nil)])
    plan.add(subject)
    #expect(try plan.write(world.pair, to: ledger).added == 1)
    #expect(
      try world.test.rows("SELECT max(id) > 7 FROM slices").first.map { ["1", "t", "true"].contains($0) } == true)
    try ledger.database.execute("UPDATE slices SET state = 'refused' WHERE id = 1")
    #expect(throws: (any Error).self) { try ledger.database.execute("UPDATE slices SET state = 'other'") }
    if kind == .sqlite {
      let indexes =
        "SELECT count(*) FROM sqlite_master WHERE type = 'index' AND tbl_name = 'slices' AND sql IS NOT NULL"
      #expect(try world.test.rows(indexes) == ["6"])
      #expect(try world.test.rows("SELECT name FROM sqlite_master WHERE name LIKE 'slices_of%'").isEmpty)
    }
  }

  @Test("several processes at once bring it up to date once", arguments: StoreKind.available)
  func concurrent(kind: StoreKind) async throws {
    let world = try LedgerWorld(kind)
    try makeFirst(world.test)
    try world.plan([LedgerWorld.subject("a", "202401", newest: 1)], units: 100)
    let before = try world.test.rows(Self.everything)
    try dropThird(world.test)
    let store = world.test
    let executor = BlockingExecutor(threads: 6)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 1...6 { group.addTask(executorPreference: executor) { _ = try store.open() } }
      try await group.waitForAll()
    }
    #expect(try world.test.rows(Self.everything) == before)
    #expect(try world.test.rows("SELECT version FROM d2_schema ORDER BY version") == ["1", "4"])
  }
}
