/// The tables of the store: made, upgraded from the Python tool's, or refused where a newer d2 made them.
enum StoreSchema {
  /// What this program knows; `integrator.sql` and `sqlite.sql` end with it.
  static let version = 2

  /// Brings the tables up to date. Safe under any number of processes.
  ///
  /// - Parameter pretends: whether the database is within a transaction that nobody ends.
  /// - Throws: `StoreError`.
  static func apply(to database: some Database, pretends: Bool = false) throws {
    switch try found(in: database) {
    case version: return
    case let found? where found > version:
      throw StoreError(
        .unusable,
        "store \(database.location): its schema has version \(found), made by a newer d2 than this one, which knows version \(version): install the newer d2"
      )
    default: break
    }
    switch database.dialect {
    case .postgresql:
      // To change tables that others use, and let nobody near them until the end, would be no dry run.
      guard try !pretends || database.rows("SELECT to_regclass('integration_pair')").first?.text(0) == nil else {
        throw StoreError(
          .unusable,
          "store \(database.location): its tables are not those of this d2, and --dry-run changes nothing: d2-pairs list brings them up to date, and loses nothing"
        )
      }
      // Brings its own transaction and lock, so that psql can run it too.
      let script = text(PackageResources.integrator_sql)
      try database.executeScript(pretends ? withoutTransaction(script) : script)
    case .sqlite: try database.transaction { try upgradeSQLite(database) }
    }
  }

  /// In a transaction: whoever waited for it finds that another process was here first.
  private static func upgradeSQLite(_ database: some Database) throws {
    let found = try found(in: database)
    if found == version { return }
    if found == 1 { try database.executeScript(beforeSecond) }
    try database.executeScript(text(PackageResources.sqlite_sql))
    if found == 1 { try database.executeScript(behindSecond) }
  }

  /// SQLite cannot change what a column allows: the table is made anew, and its rows are copied.
  private static let beforeSecond = """
    DROP INDEX IF EXISTS slices_once;
    DROP INDEX IF EXISTS slices_newest;
    DROP INDEX IF EXISTS slices_oldest;
    DROP INDEX IF EXISTS slices_leased;
    DROP INDEX IF EXISTS slices_retry;
    DROP INDEX IF EXISTS slices_window;
    ALTER TABLE slices RENAME TO slices_of_first;
    """

  /// The numbers of slices go on where they were: rejects are named by them.
  private static let behindSecond = """
    INSERT INTO slices (\(columnsOfFirst)) SELECT \(columnsOfFirst) FROM slices_of_first;
    DELETE FROM sqlite_sequence WHERE name = 'slices';
    INSERT INTO sqlite_sequence (name, seq) SELECT 'slices', seq FROM sqlite_sequence WHERE name = 'slices_of_first';
    DROP TABLE slices_of_first;
    """

  /// Of the slices of version 1.
  private static let columnsOfFirst = """
    id, integration_pair_id, window_id, kind, dataset_id, periods, since, orgunits, children, plan, include_deleted, rank,
    newest, state, verified, worker, token, lease_until, attempts, next_attempt, started, finished, last_status, last_error,
    pulled, pushed, imported, updated, ignored, deleted, refused, not_sent, queued, wire_bytes, reasons, rejects
    """

  /// The version that is there; `nil` where our tables are not.
  private static func found(in database: some Database) throws -> Int? {
    let question =
      switch database.dialect {
      case .postgresql: "SELECT to_regclass('d2_schema')"
      case .sqlite: "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'd2_schema'"
      }
    guard try database.rows(question).first?.text(0) != nil else { return nil }
    return try database.rows("SELECT max(version) FROM d2_schema").first?.int(0)
  }

  /// It would end the one that it runs in.
  private static func withoutTransaction(_ script: String) -> String {
    let marks: Set<Substring> = ["BEGIN;", "COMMIT;"]
    return script.split(separator: "\n", omittingEmptySubsequences: false).filter { !marks.contains($0) }
      .joined(separator: "\n")
  }

  private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
