import D2Common

/// A connection to a relational database, used by one task at a time. It is the only interface between d2 and its two
/// kinds of stores.
///
/// Each statement is written once, in the SQL that PostgreSQL and SQLite (3.35 or later) share: `$1` for parameters,
/// `ON CONFLICT`, `RETURNING`, `IS DISTINCT FROM`, `TRUE`. Calls block.
package protocol Database: AnyObject {
  /// The location for messages, without a secret.
  var location: String { get }
  var dialect: SQLDialect { get }

  /// Runs one statement with bound parameters, and passes its rows to `row` as they come.
  ///
  /// Outside a transaction it may run the statement again if the connection breaks. So such a statement must be safe to
  /// repeat.
  ///
  /// - Returns: how many rows it wrote.
  /// - Throws: `StoreError`, or errors of `row`.
  @discardableResult
  func execute(_ sql: String, _ parameters: [SQLValue], row: (SQLRow) throws -> Void) throws -> Int

  /// Runs several statements without parameters: a schema.
  func executeScript(_ sql: String) throws(StoreError)

  /// Fails if the connection breaks, because another one would lack the temporary tables of `body`.
  func keepingSession<Result>(_ body: () throws -> Result) throws -> Result

  /// Runs all statements of `body`, or none. It cannot be nested.
  func transaction<Result>(_ body: () throws -> Result) throws -> Result
}

/// The two SQL dialects.
package enum SQLDialect: Sendable { case postgresql, sqlite }

/// A parameter of a statement.
package enum SQLValue: Sendable, Equatable {
  case null
  case text(String)
  case int(Int)
  case bool(Bool)

  package init(_ text: String?) { self = text.map { .text($0) } ?? .null }
  package init(_ number: Int?) { self = number.map { .int($0) } ?? .null }
}

/// A row of a result, with columns by position.
package struct SQLRow: Sendable {
  let columns: [String?]

  package var count: Int { columns.count }

  package func text(_ column: Int) -> String? { columns[column] }
  /// A text that is not empty; the Python tool wrote empty texts for unknown ones.
  package func known(_ column: Int) -> String? { text(column).flatMap { $0.isEmpty ? nil : $0 } }
  package func int(_ column: Int) -> Int? { columns[column].flatMap { Int($0) } }
  /// PostgreSQL writes `t`, and SQLite 1.
  package func bool(_ column: Int) -> Bool? { columns[column].map { $0 == "t" || $0 == "1" || $0 == "true" } }
}

extension Database {
  @discardableResult
  package func execute(_ sql: String, _ parameters: [SQLValue] = []) throws -> Int {
    try execute(sql, parameters) { _ in }
  }

  /// All rows in memory, for small results.
  package func rows(_ sql: String, _ parameters: [SQLValue] = []) throws -> [SQLRow] {
    var rows: [SQLRow] = []
    try execute(sql, parameters) { rows.append($0) }
    return rows
  }

  /// Runs a transaction alone among those for the same pair. A plan depends on the pair's units and data sets, whose
  /// changes must be completely before or completely after it. Temporary tables last until the end.
  package func exclusively<Result>(pair: Int, _ body: () throws -> Result) throws -> Result {
    try keepingSession {
      try transaction {
        if dialect == .postgresql {
          try execute("SELECT id FROM integration_pair WHERE id = $1 FOR UPDATE", [.int(pair)])
        }
        return try body()
      }
    }
  }

  /// Inserts many rows with few statements, and leaves existing rows unchanged.
  ///
  /// - Returns: how many rows were new.
  @discardableResult
  package func insert(into table: String, columns: [String], rows: [[SQLValue]]) throws -> Int {
    var new = 0
    let most = mostParameters / columns.count
    var rest = rows[...]
    while !rest.isEmpty {
      let some = rest.prefix(most)
      rest = rest.dropFirst(most)
      let places = some.indices.map { row in
        let first = (row - some.startIndex) * columns.count
        return "(" + columns.indices.map { "$\(first + $0 + 1)" }.joined(separator: ",") + ")"
      }
      new += try execute(
        "INSERT INTO \(table) (\(columns.joined(separator: ","))) VALUES \(places.joined(separator: ",")) ON CONFLICT DO NOTHING",
        some.flatMap { $0 })
    }
    return new
  }

  /// Below the limits of both (65,535 and 32,766). SQLite searches all names of a statement for each parameter, so many
  /// parameters cost more than further statements.
  private var mostParameters: Int { dialect == .sqlite ? 500 : 4000 }
}

/// An error of a store, as one line without a secret.
package struct StoreError: CommandError, Equatable {
  package enum Kind: Sendable {
    /// There is no connection, or it broke.
    case unreachable
    /// Locked by others, or a temporary lack of resources.
    case busy
    /// Wrong user, password or rights.
    case refused
    /// The database is missing, not d2's, too new, or damaged.
    case unusable
    /// No space, read-only.
    case cannotWrite
    /// A wrong statement, which is a bug.
    case statement
  }

  package let kind: Kind
  package let message: String

  package init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }

  package var description: String { message }

  package var exitStatus: ExitStatus {
    switch kind {
    case .unreachable: .unreachable
    case .busy: .temporary
    case .refused: .refused
    case .unusable: .configuration
    case .cannotWrite: .cannotWrite
    case .statement: .bug
    }
  }
}

extension SQLDialect {
  /// The time in milliseconds since 1970 by the database's clock.
  package var now: String {
    switch self {
    case .postgresql: "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
    case .sqlite: "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
    }
  }
}

extension String {
  /// The text without U+0000, which PostgreSQL cannot store.
  package var withoutNUL: String { utf8.contains(0) ? String(map { $0 == "\0" ? "\u{FFFD}" : $0 }) : self }
}
