import CSQLite
import D2Common
import Glibc

/// The embedded store: one file, private to its user. Any number of processes on one host share it.
package final class SQLiteDatabase: Database {
  package let location: String
  package var dialect: SQLDialect { .sqlite }
  private let connection: OpaquePointer
  private var statements: [String: OpaquePointer] = [:]
  private var isInTransaction = false

  /// How long one process waits for the writes of another.
  package static let busyMilliseconds: Int32 = 60_000
  private static let mostStatements = 32

  /// - Parameter creates: whether to create a missing file, with its folder.
  /// - Throws: `StoreError`.
  package init(path: String, creates: Bool, busyMilliseconds: Int32 = busyMilliseconds) throws(StoreError) {
    location = path
    if creates { try Self.makePrivately(path) }
    connection = try Self.open(path, named: path, busyMilliseconds)
    for setting in ["journal_mode = WAL", "synchronous = FULL"] + Self.settings {
      try executeScript("PRAGMA \(setting)")
    }
  }

  /// A copy in a nameless temporary file that lasts as long as the connection. Writing to it changes nothing in the
  /// original, and waits for nobody.
  ///
  /// - Throws: `StoreError`.
  package init(copyOf path: String) throws(StoreError) {
    location = path
    let original = try Self.open(path, named: path, Self.busyMilliseconds)
    defer { sqlite3_close_v2(original) }
    connection = try Self.open("", named: path, Self.busyMilliseconds)
    let backup = sqlite3_backup_init(connection, "main", original, "main")
    let code = backup == nil ? sqlite3_errcode(connection) : sqlite3_backup_step(backup, -1)
    // The step has already returned the same result.
    sqlite3_backup_finish(backup)
    guard code == SQLITE_DONE else { throw Self.error(code, String(cString: sqlite3_errstr(code)), at: path) }
    for setting in Self.settings { try executeScript("PRAGMA \(setting)") }
  }

  /// An empty database in a nameless temporary file, which lasts as long as the connection. It is for data that does
  /// not fit into memory.
  ///
  /// - Throws: `StoreError`.
  package init(temporaryFor purpose: String) throws(StoreError) {
    location = "a temporary file for \(purpose)"
    connection = try Self.open("", named: location, Self.busyMilliseconds)
    for setting in Self.settings { try executeScript("PRAGMA \(setting)") }
  }

  private static let settings = ["foreign_keys = ON", "temp_store = MEMORY"]

  private static func open(
    _ path: String, named name: String, _ busyMilliseconds: Int32
  ) throws(StoreError) -> OpaquePointer {
    var connection: OpaquePointer?
    let code = sqlite3_open_v2(path, &connection, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, nil)
    guard code == SQLITE_OK, let connection else {
      let reason = access(name, F_OK) == 0 ? String(cString: sqlite3_errstr(code)) : "it does not exist"
      sqlite3_close_v2(connection)
      throw StoreError(.unusable, "cannot open the store \(name): \(reason)")
    }
    sqlite3_extended_result_codes(connection, 1)
    sqlite3_busy_timeout(connection, busyMilliseconds)
    return connection
  }

  deinit {
    for statement in statements.values { sqlite3_finalize(statement) }
    sqlite3_close_v2(connection)
  }

  /// Creates the file so that nobody else can read it, because the store may contain secrets.
  private static func makePrivately(_ path: String) throws(StoreError) {
    if let slash = path.lastIndex(of: "/") { PrivateFolder.make(String(path[...slash])) }
    let file = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw StoreError(.cannotWrite, "cannot make the store \(path): \(SystemError())") }
    close(file)
  }

  // MARK: Statements

  @discardableResult
  package func execute(_ sql: String, _ parameters: [SQLValue], row: (SQLRow) throws -> Void) throws -> Int {
    let statement = try prepared(sql)
    defer {
      sqlite3_reset(statement)
      sqlite3_clear_bindings(statement)
    }
    let before = sqlite3_total_changes(connection)
    for (position, value) in parameters.enumerated() { try bind(value, position + 1, statement) }
    while true {
      switch sqlite3_step(statement) {
      case SQLITE_ROW:
        let columns = (0..<sqlite3_column_count(statement)).map { column in
          sqlite3_column_text(statement, column).map { text in
            String(
              decoding: UnsafeBufferPointer(start: text, count: Int(sqlite3_column_bytes(statement, column))),
              as: UTF8.self)
          }
        }
        try row(SQLRow(columns: columns))
      case SQLITE_DONE: return Int(sqlite3_total_changes(connection) - before)
      default: throw error()
      }
    }
  }

  package func executeScript(_ sql: String) throws(StoreError) {
    guard sqlite3_exec(connection, sql, nil, nil, nil) == SQLITE_OK else {
      let error = error()
      if isInTransaction == false { sqlite3_exec(connection, "ROLLBACK", nil, nil, nil) }
      throw error
    }
  }

  package func keepingSession<Result>(_ body: () throws -> Result) throws -> Result { try body() }

  package func transaction<Result>(_ body: () throws -> Result) throws -> Result {
    precondition(!isInTransaction, "transactions do not nest")
    // Immediate, because a transaction that reads first and then writes could not wait for another writer.
    try executeScript("BEGIN IMMEDIATE")
    isInTransaction = true
    defer { isInTransaction = false }
    do {
      let result = try body()
      try executeScript("COMMIT")
      return result
    } catch {
      sqlite3_exec(connection, "ROLLBACK", nil, nil, nil)
      throw error
    }
  }

  /// Keeps statements, because most are run again.
  private func prepared(_ sql: String) throws -> OpaquePointer {
    if let statement = statements[sql] { return statement }
    if statements.count >= Self.mostStatements {
      for statement in statements.values { sqlite3_finalize(statement) }
      statements = [:]
    }
    var statement: OpaquePointer?
    let spelled = Self.spelled(sql)
    guard sqlite3_prepare_v3(connection, spelled, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil) == SQLITE_OK,
      let statement
    else { throw error() }
    statements[sql] = statement
    return statement
  }

  /// A statement in the words of SQLite 3.35. `IS DISTINCT FROM` came with 3.39, and Ubuntu 22.04 has 3.37.
  static func spelled(_ sql: String) -> String {
    sql.replacing("IS NOT DISTINCT FROM", with: "IS").replacing("IS DISTINCT FROM", with: "IS NOT")
  }

  /// Binds a parameter by name. For SQLite `$1` is a name, and it numbers names in the order of appearance.
  private func bind(_ value: SQLValue, _ number: Int, _ statement: OpaquePointer) throws {
    let index = sqlite3_bind_parameter_index(statement, "$\(number)")
    guard index > 0 else { throw StoreError(.statement, "\(location): a statement has no parameter $\(number)") }
    let code =
      switch value {
      case .null: sqlite3_bind_null(statement, index)
      case .int(let number): sqlite3_bind_int64(statement, index, Int64(number))
      case .bool(let flag): sqlite3_bind_int(statement, index, flag ? 1 : 0)
      case .text(let text): sqlite3_bind_text(statement, index, text, Int32(text.utf8.count), Self.copied)
      }
    guard code == SQLITE_OK else { throw error() }
  }

  private static let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

  private func error() -> StoreError {
    Self.error(sqlite3_errcode(connection), String(cString: sqlite3_errmsg(connection)), at: location)
  }

  private static func error(_ code: Int32, _ message: String, at location: String) -> StoreError {
    let kind: StoreError.Kind =
      switch code & 0xFF {
      case SQLITE_BUSY, SQLITE_LOCKED, SQLITE_NOMEM: .busy
      case SQLITE_FULL, SQLITE_READONLY, SQLITE_IOERR, SQLITE_CANTOPEN: .cannotWrite
      case SQLITE_PERM, SQLITE_AUTH: .refused
      case SQLITE_NOTADB, SQLITE_CORRUPT: .unusable
      default: .statement
      }
    return StoreError(kind, "store \(location): \(message)")
  }
}
