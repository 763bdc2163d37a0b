import D2Common

/// The tables of the store. It creates them, upgrades those of the Python tool or an older d2, and refuses those of a
/// newer d2.
enum StoreSchema {
  /// The schema version of this program, which is also at the end of `integrator.sql` and `sqlite.sql`.
  static let version = 4

  /// The origin of a database's tables.
  private enum Tables: Equatable {
    case nobodys
    case pythonTool
    /// Tables of a d2 with this schema version.
    case ours(Int)
  }

  // MARK: SQLite

  /// Brings the tables up to date, safely with any number of processes.
  ///
  /// - Throws: `StoreError`.
  static func prepare(_ database: SQLiteDatabase, _ access: StoreAccess) throws {
    let tables = try tables(in: database)
    guard tables != .ours(version) else { return }
    try refuse(tables, database, creates: access.creates)
    try database.transaction { try upgrade(database) }
  }

  /// Runs in a transaction. A process that waited for it finds that another one has finished the upgrade.
  private static func upgrade(_ database: SQLiteDatabase) throws {
    let found = try tables(in: database)
    if found == .ours(version) { return }
    if found == .ours(1) { try database.executeScript(beforeSecond) }
    try database.executeScript(text(PackageResources.sqlite_sql))
    if found == .ours(1) { try database.executeScript(behindSecond) }
    if found == .ours(2) { try database.executeScript(behindThird) }
    if found == .ours(2) || found == .ours(3) { try database.executeScript(afterFourth) }
    if found != .nobodys { try database.executeScript(failuresOfBefore) }
  }

  /// SQLite cannot change a column's constraints, so the table is created again and its rows are copied.
  private static let beforeSecond = """
    DROP INDEX IF EXISTS slices_once;
    DROP INDEX IF EXISTS slices_newest;
    DROP INDEX IF EXISTS slices_oldest;
    DROP INDEX IF EXISTS slices_leased;
    DROP INDEX IF EXISTS slices_retry;
    DROP INDEX IF EXISTS slices_window;
    ALTER TABLE slices RENAME TO slices_of_first;
    """

  /// The numbers of slices continue, because rejects are named after them.
  private static let behindSecond = """
    INSERT INTO slices (\(columnsOfFirst)) SELECT \(columnsOfFirst) FROM slices_of_first;
    DELETE FROM sqlite_sequence WHERE name = 'slices';
    INSERT INTO sqlite_sequence (name, seq) SELECT 'slices', seq FROM sqlite_sequence WHERE name = 'slices_of_first';
    DROP TABLE slices_of_first;
    """

  /// Adds slices that replace the destination's data.
  private static let behindThird = """
    ALTER TABLE slices ADD COLUMN replaces text;
    ALTER TABLE slices ADD COLUMN removed integer;
    """

  /// Attempts that failed, apart from those whose worker died.
  private static let afterFourth = "ALTER TABLE slices ADD COLUMN failures integer NOT NULL DEFAULT 0"

  /// An older d2 counted both as one.
  private static let failuresOfBefore = "UPDATE slices SET failures = attempts WHERE state IN ('retry', 'failed')"

  /// The columns of slices in version 1.
  private static let columnsOfFirst = """
    id, integration_pair_id, window_id, kind, dataset_id, periods, since, orgunits, children, plan, include_deleted,
    rank, newest, state, verified, worker, token, lease_until, attempts, next_attempt, started, finished, last_status,
    last_error, pulled, pushed, imported, updated, ignored, deleted, refused, not_sent, queued, wire_bytes, reasons,
    rejects
    """

  // MARK: PostgreSQL

  /// Brings the tables up to date, safely with any number of processes. If the caller only reads the Python tool's
  /// tables, or only simulates changes, it gets an up-to-date copy. The tables then stay as they are.
  ///
  /// - Throws: `StoreError`.
  static func prepare(_ database: PostgreSQLDatabase, _ access: StoreAccess, _ log: Log?) throws {
    let tables = try tables(in: database)
    guard tables != .ours(version) else {
      if access.pretends { try database.pretend() }
      return
    }
    try refuse(tables, database, creates: access.creates)
    let isCopy = access.pretends || access.reads && tables == .pythonTool
    let isTold = !isCopy || access.upgrades
    var changes = 0
    database.onReport = { line in
      changes += 1
      if isTold { log?.warning(line) }
    }
    defer { database.onReport = nil }
    // It has its own transaction and lock, so that psql can run it too.
    let script = text(PackageResources.integrator_sql)
    if isCopy { try copyTables(database) }
    try run(isCopy ? withoutTransaction(script) : script, database)
    guard tables == .pythonTool else { return }
    if isCopy {
      log?.warning(
        "store \(database.location) still has the tables of the Python tool, unchanged: d2-pairs upgrade turns them into d2's\(changes == 0 ? "" : isTold ? ", with the changes above" : " (--dry-run says what changes: \(changes) \(changes == 1 ? "row" : "rows"))")"
      )
    } else {
      log?.info("store \(database.location) was the Python tool's and is d2's now: nothing was lost")
    }
  }

  /// The tables of the Python tool and of an earlier d2. Each table comes after those that it refers to.
  private static let tables = [
    "integration_pair", "sync_datasets", "orgunits", "d2_schema", "d2_folded", "sync_windows", "slices",
  ]

  /// Creates copies of the tables in the session's own schema, which takes precedence. New tables are created there
  /// too.
  private static func copyTables(_ database: PostgreSQLDatabase) throws {
    // With their schemas, because after the first copy the bare name means the copy.
    let found = try tables.compactMap { name in
      try database.rows(
        """
        SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass($1)
        """, [.text(name)]
      ).first?.text(0).map { (name, $0) }
    }
    var script = "BEGIN;"
    if !found.isEmpty {
      // All at one moment, so that nobody upgrades them meanwhile.
      script += "LOCK TABLE \(found.map(\.1).joined(separator: ", ")) IN ACCESS SHARE MODE;"
    }
    for (name, original) in found {
      script += """
        CREATE TEMPORARY TABLE \(name) (LIKE \(original) INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES);
        INSERT INTO pg_temp.\(name) SELECT * FROM \(original);
        """
    }
    script += "SELECT set_config('search_path', 'pg_temp, ' || current_setting('search_path'), false); COMMIT"
    try database.executeScript(script)
    database.stayInSession()
  }

  private static func run(_ script: String, _ database: PostgreSQLDatabase) throws(StoreError) {
    do { try database.executeScript(script) } catch {
      guard error.kind == .statement else { throw error }
      // Objects that somebody added to the tables prevent the upgrade.
      throw StoreError(.unusable, "\(error.message): its tables cannot be brought up to date; nothing was changed")
    }
  }

  /// The script without its transaction, which would end the surrounding one.
  private static func withoutTransaction(_ script: String) -> String {
    let marks: Set<Substring> = ["BEGIN;", "COMMIT;"]
    return script.split(separator: "\n", omittingEmptySubsequences: false).filter { !marks.contains($0) }
      .joined(separator: "\n")
  }

  // MARK: What is there

  private static func tables(in database: some Database) throws -> Tables {
    func isThere(_ table: String) throws -> Bool {
      let question =
        switch database.dialect {
        case .postgresql: "SELECT to_regclass($1)"
        case .sqlite: "SELECT name FROM sqlite_master WHERE type = 'table' AND name = $1"
        }
      return try database.rows(question, [.text(table)]).first?.text(0) != nil
    }
    if try isThere("d2_schema"), let version = try database.rows("SELECT max(version) FROM d2_schema").first?.int(0) {
      return .ours(version)
    }
    return try isThere("integration_pair") ? .pythonTool : .nobodys
  }

  private static func refuse(_ tables: Tables, _ database: some Database, creates: Bool) throws(StoreError) {
    switch tables {
    case .nobodys where !creates:
      throw StoreError(.unusable, "store \(database.location) has no tables of d2 yet: d2-pairs add makes them")
    case .ours(let found) where found > version:
      throw StoreError(
        .unusable,
        "store \(database.location): its schema has version \(found), made by a newer d2 than this one, which knows version \(version): install the newer d2"
      )
    default: break
    }
  }

  private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
