import D2Common
import D2Store
import Glibc

/// The two kinds of stores.
package enum StoreKind: String, Sendable, CaseIterable, CustomStringConvertible {
  case sqlite, postgresql

  package var description: String { rawValue }

  /// The address of a PostgreSQL server for tests: its maintenance database, as a superuser.
  package static var server: String? { processEnvironment()["D2_TEST_POSTGRESQL"] }
  package static var hasPostgreSQL: Bool { server != nil }
  package static let skipped = "D2_TEST_POSTGRESQL names no PostgreSQL (scripts/test starts one)"

  /// The kinds that can be tested here.
  package static var available: [StoreKind] { hasPostgreSQL ? allCases : [.sqlite] }
}

/// A store for one test. It begins empty, and is deleted with its object.
package final class TestStore: Sendable {
  package let kind: StoreKind
  /// The value for `--store` and `D2_STORE`.
  package let location: String
  /// Its own folder, for the SQLite file and other files of a test.
  package let folder: String
  private let database: String

  package init(_ kind: StoreKind) throws {
    self.kind = kind
    var template = Array("/tmp/d2-store-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { fatalError("no folder: \(SystemError())") }
    folder = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    database = "d2_test_\(UInt64.random(in: 0...UInt64.max))"
    switch kind {
    case .sqlite: location = "\(folder)/d2.sqlite"
    case .postgresql:
      try PostgreSQLDatabase(url: StoreKind.server ?? "").execute("CREATE DATABASE \(database)")
      location = Self.url(database)
    }
  }

  deinit {
    if kind == .postgresql {
      _ = try? PostgreSQLDatabase(url: StoreKind.server ?? "").execute("DROP DATABASE \(database) WITH (FORCE)")
    }
    for name in ["d2.sqlite", "d2.sqlite-wal", "d2.sqlite-shm", "d2.sqlite-journal"] { unlink("\(folder)/\(name)") }
    rmdir(folder)
  }

  /// The address of another database on the server, or for another user.
  package static func url(_ database: String, role: String = "postgres", password: String? = nil) -> String {
    let server = StoreKind.server ?? ""
    let host = server.split(separator: "?").last?.split(separator: "&").first { $0.hasPrefix("host=") } ?? ""
    let secret = password.map { ":\($0)" } ?? ""
    return "postgresql://\(role)\(secret)@/\(database)?\(host)"
  }

  /// The address of this store's database for another user.
  package func url(role: String, password: String? = nil) -> String {
    Self.url(database, role: role, password: password)
  }

  /// A connection to a database without d2's tables.
  package func connect() throws -> any Database {
    switch kind {
    case .sqlite: try SQLiteDatabase(path: location, creates: true)
    case .postgresql: try PostgreSQLDatabase(url: location)
    }
  }

  /// The store with its tables.
  package func open() throws -> Store {
    try Store(kind == .sqlite ? .sqlite(path: location) : .postgresql(url: location), StoreAccess(creates: true))
  }

  /// The rows of a query as text, with columns separated by `|`.
  package func rows(_ sql: String) throws -> [String] {
    let database = try connect()
    var rows: [String] = []
    try database.execute(sql, []) { row in
      rows.append((0..<row.count).map { row.text($0) ?? "NULL" }.joined(separator: "|"))
    }
    return rows
  }
}
