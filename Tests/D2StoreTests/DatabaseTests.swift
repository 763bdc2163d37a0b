import Glibc
import TestSupport
import Testing
import WaitingTests

@testable import D2Common
@testable import D2Client
@testable import D2Store

@Suite("both stores: statements", .waiting)
struct DatabaseTests {
  private struct Stop: Error {}

  private static let texts = [
    "", " ", "it's \"quoted\"", "line\none\r\ntwo\ttab", "back\\slash \\' $1 ? %s", "Żółw 東京 Ñu",
    "🏥👩🏽‍⚕️🇺🇬", "שלום مرحبا", "e\u{301} and é", "NULL", "t", "1", String(repeating: "long ", count: 50_000),
  ]

  @Test("texts come back as they went in", arguments: StoreKind.available)
  func texts(kind: StoreKind) throws {
    let store = try TestStore(kind)
    let database = try store.connect()
    try database.execute("CREATE TABLE t (id integer, a text)")
    for (number, text) in Self.texts.enumerated() {
      #expect(try database.execute("INSERT INTO t VALUES ($1, $2)", [.int(number), .text(text)]) == 1)
    }
    for (number, text) in Self.texts.enumerated() {
      let found = try database.rows("SELECT a FROM t WHERE id = $1", [.int(number)])
      let isSame = found.count == 1 && found[0].text(0).map { Array($0.utf8) == Array(text.utf8) } == true
      #expect(isSame, "text \(number)")
      let again = try database.rows("SELECT id FROM t WHERE a = $1 AND id = $2", [.text(text), .int(number)])
      #expect(again.count == 1, "text \(number) is not found by its own bytes")
    }
  }

  @Test("numbers, truths and nothing", arguments: StoreKind.available)
  func kinds(kind: StoreKind) throws {
    let store = try TestStore(kind)
    let database = try store.connect()
    try database.execute("CREATE TABLE t (i bigint, b boolean, a text)")
    for (number, flag) in [(Int.max, true), (Int.min, false), (0, true)] {
      try database.execute("INSERT INTO t VALUES ($1, $2, $3)", [.int(number), .bool(flag), .null])
    }
    try database.execute("INSERT INTO t VALUES ($1, $2, $3)", [.null, .null, SQLValue(Optional<String>.none)])
    let rows = try database.rows("SELECT i, b, a FROM t ORDER BY i IS NULL, i")
    #expect(rows.map { $0.int(0) } == [Int.min, 0, Int.max, nil])
    #expect(rows.map { $0.bool(1) } == [false, true, true, nil])
    #expect(rows.allSatisfy { $0.text(2) == nil })
    #expect(try database.rows("SELECT i FROM t WHERE b = $1 AND b = TRUE", [.bool(true)]).count == 2)
    #expect(try database.rows("SELECT b FROM t WHERE i IS NOT DISTINCT FROM $1", [.null])[0].bool(0) == nil)
  }

  @Test("what is distinct from nothing, and no statement of SQLite says DISTINCT FROM", arguments: StoreKind.available)
  func distinct(kind: StoreKind) throws {
    let store = try TestStore(kind)
    let database = try store.connect()
    let values: [SQLValue] = [.null, .text(""), .text("a")]
    for (left, one) in values.enumerated() {
      for (right, other) in values.enumerated() {
        let sql = "SELECT CAST($1 AS text) IS DISTINCT FROM $2, CAST($1 AS text) IS NOT DISTINCT FROM $2"
        let row = try #require(try database.rows(sql, [one, other]).first)
        #expect(row.bool(0) == (left != right) && row.bool(1) == (left == right), "\(left), \(right)")
        #expect(!SQLiteDatabase.spelled(sql).contains("DISTINCT"))
      }
    }
  }

  @Test("a parameter may be used twice and out of order", arguments: StoreKind.available)
  func places(kind: StoreKind) throws {
    let store = try TestStore(kind)
    let database = try store.connect()
    let row = try database.rows(
      "SELECT CAST($2 AS text), CAST($1 AS text), CAST($2 AS text)", [.text("one"), .text("two")])[0]
    #expect([row.text(0), row.text(1), row.text(2)] == ["two", "one", "two"])
  }

  @Test("rows are handed on while they come, many of them", arguments: StoreKind.available)
  func stream(kind: StoreKind) throws {
    let store = try TestStore(kind)
    let database = try store.connect()
    var sum = 0
    var count = 0
    try database.execute(
      "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT i FROM n", []
    ) { row in
      sum += row.int(0) ?? 0
      count += 1
    }
    #expect(count == 100_000 && sum == 5_000_050_000)
  }

  @Test("the connection is usable after a taker of rows had enough", arguments: StoreKind.available)
  func thrown(kind: StoreKind) throws {
    let store = try TestStore(kind)
    let database = try store.connect()
    let query = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) SELECT i FROM n"
    for _ in 1...3 {
      var taken = 0
      #expect(throws: Stop.self) {
        try database.execute(query, []) { _ in
          taken += 1
          if taken == 10 { throw Stop() }
        }
      }
      #expect(taken == 10)
      #expect(try database.rows("SELECT 1")[0].int(0) == 1)
    }
    // In a transaction too: its changes are undone.
    try database.execute("CREATE TABLE t (i integer)")
    #expect(throws: Stop.self) {
      try database.transaction {
        try database.execute("INSERT INTO t VALUES (1)")
        try database.execute("SELECT i FROM t", []) { _ in throw Stop() }
      }
    }
    #expect(try database.rows("SELECT count(*) FROM t")[0].int(0) == 0)
  }

  @Test("a transaction is all or nothing, and others see it at its end", arguments: StoreKind.available)
  func transactions(kind: StoreKind) throws {
    let store = try TestStore(kind)
    let database = try store.connect()
    let other = try store.connect()
    func count(_ database: any Database) throws -> Int? { try database.rows("SELECT count(*) FROM t")[0].int(0) }
    try database.execute("CREATE TABLE t (i integer PRIMARY KEY)")
    let result = try database.transaction {
      try database.execute("INSERT INTO t VALUES (1), (2)")
      #expect(try count(other) == 0)
      return "done"
    }
    #expect(try result == "done" && count(other) == 2)
    #expect(throws: Stop.self) {
      try database.transaction {
        try database.execute("DELETE FROM t")
        throw Stop()
      }
    }
    #expect(try count(database) == 2)
    // A statement that fails undoes those before it.
    #expect(throws: StoreError.self) {
      try database.transaction {
        try database.execute("INSERT INTO t VALUES (3)")
        try database.execute("INSERT INTO t VALUES (1)")
      }
    }
    #expect(try count(database) == 2)
    try database.transaction { _ = try database.execute("INSERT INTO t VALUES (3)") }
    #expect(try count(other) == 3)
  }

  @Test("how many rows were written is told, and reading writes none", arguments: StoreKind.available)
  func counts(kind: StoreKind) throws {
    let store = try TestStore(kind)
    let database = try store.connect()
    try database.execute("CREATE TABLE t (i integer PRIMARY KEY, a text)")
    #expect(try database.execute("INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')") == 3)
    #expect(try database.execute("SELECT i FROM t") == 0)
    #expect(try database.execute("UPDATE t SET a = 'x' WHERE i > $1", [.int(1)]) == 2)
    #expect(try database.execute("UPDATE t SET a = 'x' WHERE i > $1", [.int(9)]) == 0)
    #expect(try database.execute("INSERT INTO t VALUES (1, 'a') ON CONFLICT DO NOTHING") == 0)
    #expect(try database.execute("INSERT INTO t VALUES (4, 'd') RETURNING i") == 1)
    #expect(try database.execute("DELETE FROM t") == 4)
    #expect(try database.execute("CREATE TABLE u (i integer)") == 0)
  }

  @Test("many rows go in with few statements; what is there stays and is not counted", arguments: StoreKind.available)
  func bulk(kind: StoreKind) throws {
    let store = try TestStore(kind)
    let database = try store.connect()
    try database.execute("CREATE TABLE t (i integer PRIMARY KEY, a text, b text)")
    func rows(_ numbers: some Sequence<Int>) -> [[SQLValue]] {
      numbers.map { [.int($0), .text("a'\($0)"), $0 % 2 == 0 ? .null : .text("🏥")] }
    }
    // Three times as many parameters as one statement takes.
    #expect(try database.insert(into: "t", columns: ["i", "a", "b"], rows: rows(0..<40_000)) == 40_000)
    #expect(try database.insert(into: "t", columns: ["i", "a", "b"], rows: rows(39_990..<40_010)) == 10)
    #expect(try database.insert(into: "t", columns: ["i", "a", "b"], rows: rows([7, 50_000, 50_000, 7])) == 1)
    #expect(try database.insert(into: "t", columns: ["i"], rows: []) == 0)
    let row = try database.rows("SELECT count(*), count(b), min(a) FROM t")[0]
    #expect(row.int(0) == 40_011 && row.int(1) == 20_005 && row.text(2) == "a'0")
  }

  @Test("statements that are run again, in turns, keep their own meaning", arguments: StoreKind.available)
  func prepared(kind: StoreKind) throws {
    let store = try TestStore(kind)
    let database = try store.connect()
    // More texts than are kept prepared.
    let texts = (0..<100).map { "SELECT CAST($1 AS integer) + \($0)" }
    for round in 0..<4 {
      for (number, text) in texts.enumerated() {
        let found = try database.rows(text, [.int(round)])[0].int(0)
        #expect(found == round + number)
      }
    }
    // After one that fails.
    let unknown: [SQLValue] = [.text("x")]
    for _ in 0..<3 {
      #expect(throws: StoreError.self) { try database.rows("SELECT nothing FROM nowhere WHERE a = $1", unknown) }
      #expect(try database.rows(texts[5], [.int(1)])[0].int(0) == 6)
    }
  }

  @Test("a wrong statement is a bug, and says where", arguments: StoreKind.available)
  func wrong(kind: StoreKind) throws {
    let store = try TestStore(kind)
    let database = try store.connect()
    let error = #expect(throws: StoreError.self) { try database.execute("SELEC 1") }
    #expect(error?.kind == .statement && error?.exitStatus == .bug)
    #expect(error?.message.contains(database.location) == true)
    let duplicate = #expect(throws: StoreError.self) {
      try database.executeScript(
        "CREATE TABLE t (i integer PRIMARY KEY); INSERT INTO t VALUES (1); INSERT INTO t VALUES (1)")
    }
    #expect(duplicate?.kind == .statement)
    #expect(try database.rows("SELECT 1").count == 1)
  }
}
