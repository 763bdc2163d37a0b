import D2Common

/// A connection to a relational database, used by one task at a time: the one seam between d2 and its two stores.
///
/// Statements are written once, in the SQL that PostgreSQL and SQLite (3.39 or later) share: `$1` for parameters, `ON
/// CONFLICT`, `RETURNING`, `IS DISTINCT FROM`, `TRUE`. Calls block.
package protocol Database: AnyObject {
  /// Where it is, without a secret: for messages.
  var location: String { get }
  var dialect: SQLDialect { get }

  /// Runs one statement with bound parameters and hands its rows on while they come.
  ///
  /// Outside a transaction it may be run a second time, if the connection broke: such a statement must be harmless
  /// to repeat.
  ///
  /// - Returns: how many rows it wrote.
  /// - Throws: `StoreError`, or what `row` threw.
  @discardableResult
  func execute(_ sql: String, _ parameters: [SQLValue], row: (SQLRow) throws -> Void) throws -> Int

  /// Runs several statements without parameters: a schema.
  func executeScript(_ sql: String) throws(StoreError)

  /// What `body` keeps in temporary tables would not survive another connection: if this one breaks, it fails.
  func keepingSession<Result>(_ body: () throws -> Result) throws -> Result

  /// All statements of `body`, or none. Does not nest.
  func transaction<Result>(_ body: () throws -> Result) throws -> Result
}

/// What the two stores spell differently.
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

/// A row of a result, its columns by position.
package struct SQLRow: Sendable {
  let columns: [String?]

  package var count: Int { columns.count }

  package func text(_ column: Int) -> String? { columns[column] }
  /// A text that says something: the Python tool wrote an empty one for what it did not know.
  package func known(_ column: Int) -> String? { text(column).flatMap { $0.isEmpty ? nil : $0 } }
  package func int(_ column: Int) -> Int? { columns[column].flatMap { Int($0) } }
  /// PostgreSQL writes `t`, SQLite 1.
  package func bool(_ column: Int) -> Bool? { columns[column].map { $0 == "t" || $0 == "1" || $0 == "true" } }
}

extension Database {
  @discardableResult
  package func execute(_ sql: String, _ parameters: [SQLValue] = []) throws -> Int {
    try execute(sql, parameters) { _ in }
  }

  /// All rows at once: for results that are known to be small.
  package func rows(_ sql: String, _ parameters: [SQLValue] = []) throws -> [SQLRow] {
    var rows: [SQLRow] = []
    try execute(sql, parameters) { rows.append($0) }
    return rows
  }

  /// A transaction that no other one about the same pair runs beside: plans are made of its units and data sets, whose
  /// changes must come wholly before or wholly after. Temporary tables last as long.
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

  /// Inserts many rows with few statements; those that are there already are left as they are.
  ///
  /// - Returns: how many were new.
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

  /// Below the limits of both (65,535 and 32,766). SQLite searches all names of a statement for each one, so that many
  /// cost more than more statements do.
  private var mostParameters: Int { dialect == .sqlite ? 500 : 4000 }
}

/// What a store cannot do, told in one line without a secret.
package struct StoreError: CommandError, Equatable {
  package enum Kind: Sendable {
    /// No connection, or it broke.
    case unreachable
    /// Locked by others, or short of something that may come back.
    case busy
    /// Wrong user, password or rights.
    case refused
    /// No such database, not ours, too new, damaged.
    case unusable
    /// No space, read-only.
    case cannotWrite
    /// A statement that is wrong: a bug.
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
  /// Milliseconds since 1970 by the database's clock.
  package var now: String {
    switch self {
    case .postgresql: "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
    case .sqlite: "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
    }
  }
}

extension String {
  /// PostgreSQL's text cannot hold U+0000.
  package var withoutNUL: String { utf8.contains(0) ? String(map { $0 == "\0" ? "\u{FFFD}" : $0 }) : self }
}
