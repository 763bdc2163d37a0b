import TestSupport
import Testing
import WaitingTests

@testable import D2Common
@testable import D2Client
@testable import D2Store

@Suite("both stores: what a dry run writes is gone with it", .waiting)
struct PretendedStoreTests {
  private static func location(_ store: TestStore) -> StoreLocation {
    store.kind == .sqlite ? .sqlite(path: store.location) : .postgresql(url: store.location)
  }

  private static func tables(_ store: TestStore) throws -> [String] {
    try store.rows(
      store.kind == .sqlite
        ? "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        : "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
  }

  private static func server(_ name: String) -> ConfiguredServer { ConfiguredServer(name: name, settings: .object([])) }

  @Test("a store without tables gets none, and can be written to all the same", arguments: StoreKind.available)
  func empty(kind: StoreKind) throws {
    let test = try TestStore(kind)
    _ = try test.connect()
    let store = try Store(Self.location(test), StoreAccess(creates: true, pretends: true))
    _ = try store.add(name: "one", source: Self.server("a"), destination: Self.server("b"), isActive: true)
    #expect(try store.database.rows("SELECT count(*) FROM integration_pair")[0].int(0) == 1)
    #expect(try Self.tables(test).isEmpty)
  }

  @Test(
    "a store of the Python tool stays one: who pretends, or only reads, gets a copy that is up to date",
    .enabled(if: StoreKind.hasPostgreSQL, Comment(rawValue: StoreKind.skipped)))
  func old() throws {
    let test = try TestStore(.postgresql)
    try test.connect().executeScript(
      """
      CREATE TABLE integration_pair (id serial PRIMARY KEY, source text, destination text);
      INSERT INTO integration_pair (source, destination) VALUES ('hmis', 'repository');
      """)
    for access in [StoreAccess(pretends: true), StoreAccess(reads: true)] {
      let store = try Store(Self.location(test), access)
      #expect(try store.pairs().map(\.label) == ["hmis/repository"])
      _ = try store.add(name: "two", source: Self.server("a"), destination: Self.server("b"), isActive: true)
      try OrgUnitTable(store, try store.pair(named: "two")).transaction {}
      #expect(try store.pair(named: "two").label == "two")
    }
    #expect(try Self.tables(test) == ["integration_pair"])
    #expect(try test.rows("SELECT * FROM integration_pair") == ["1|hmis|repository"])
    _ = try test.open()
    #expect(
      try Store(Self.location(test), StoreAccess(pretends: true)).database.rows("SELECT name FROM integration_pair")
        .count == 1)
  }

  @Test("what others write meanwhile stays, and nobody waits for a dry run", arguments: StoreKind.available)
  func beside(kind: StoreKind) throws {
    let test = try TestStore(kind)
    let other = try test.open()
    _ = try other.add(name: "one", source: Self.server("a"), destination: Self.server("b"), isActive: true)
    let pretended = try Store(Self.location(test), StoreAccess(pretends: true))
    #expect(try pretended.database.rows("SELECT name FROM integration_pair")[0].text(0) == "one")
    for name in ["two", "three"] {
      _ = try other.add(name: name, source: Self.server(name), destination: Self.server("b"), isActive: true)
      _ = try pretended.add(
        name: "x" + name, source: Self.server("x" + name), destination: Self.server("b"), isActive: true)
    }
    #expect(try pretended.database.rows("SELECT name FROM integration_pair WHERE name LIKE 'x%'").count == 2)
    #expect(try test.rows("SELECT name FROM integration_pair ORDER BY id") == ["one", "two", "three"])
  }
}
