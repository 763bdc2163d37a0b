import Glibc

/// Where pairs, their metadata and the ledger are kept: a SQLite file, or a PostgreSQL database.
package enum StoreLocation: Sendable, Equatable, CustomStringConvertible {
  case sqlite(path: String)
  case postgresql(url: String)

  /// The location that `--store` or `D2_STORE` names; else a file of the user's own.
  ///
  /// - Throws: `CommandFailure`, 64 for a password on the command line.
  package static func resolve(option: String?, environment: [String: String]) throws(CommandFailure) -> StoreLocation {
    if let option {
      let location = StoreLocation(option)
      if case .postgresql(let url) = location, PostgreSQLDatabase.withoutPassword(url) != url {
        throw CommandFailure(
          .usage,
          "--store holds a password, which others can see: put it into ~/.pgpass, PGPASSWORD, a service file or D2_STORE"
        )
      }
      return location
    }
    if let named = environment["D2_STORE"], !named.isEmpty { return StoreLocation(named) }
    if let state = environment["XDG_STATE_HOME"], state.hasPrefix("/") { return .sqlite(path: state + "/d2/d2.sqlite") }
    guard let home = environment["HOME"], !home.isEmpty else {
      throw CommandFailure(.configuration, "neither D2_STORE nor HOME is set: say where the store is with --store PATH")
    }
    return .sqlite(path: home + "/.local/state/d2/d2.sqlite")
  }

  init(_ text: String) {
    let isURL = ["postgresql://", "postgres://"].contains { text.lowercased().hasPrefix($0) }
    self = isURL ? .postgresql(url: text) : .sqlite(path: text)
  }

  /// Tells stores from each other in the name of a folder: eight hexadecimal digits.
  package var fingerprint: String {
    let text = if case .sqlite(let path) = self { WorkingFolder.absolute(path) } else { description }
    var hash: UInt32 = 2_166_136_261
    for byte in text.utf8 { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }

  /// Without a password.
  package var description: String {
    switch self {
    case .sqlite(let path): path
    case .postgresql(let url): PostgreSQLDatabase.withoutPassword(url)
    }
  }
}

/// The store, its tables up to date. Used by one task at a time.
package final class Store {
  package let database: any Database

  package static let options = [
    Option(
      "--store", value: "STORE",
      help:
        "Where pairs are kept: a SQLite file or postgresql://… Else D2_STORE, else a file under ~/.local/state/d2.")
  ]

  /// Opens the store and brings its tables up to date.
  ///
  /// - Parameters:
  ///   - creates: whether a SQLite file that is not there is made.
  ///   - pretends: whether all that is written, tables too, is gone with the store.
  /// - Throws: `StoreError`.
  package init(_ location: StoreLocation, creates: Bool = false, pretends: Bool = false) throws {
    switch location {
    case .sqlite(let path):
      let isThere = access(path, F_OK) == 0
      guard isThere || creates || path == Self.inMemory else {
        throw StoreError(.unusable, "there is no store \(path) yet: d2-pairs add makes it")
      }
      database =
        if pretends && isThere {
          try SQLiteDatabase(copyOf: path)
        } else if pretends || path == Self.inMemory {
          try SQLiteDatabase(path: Self.inMemory, creates: false)
        } else {
          try SQLiteDatabase(path: path, creates: creates)
        }
    case .postgresql(let url): database = try PostgreSQLDatabase(url: url, pretends: pretends)
    }
    try StoreSchema.apply(to: database, pretends: pretends)
  }

  /// The store that the command line or the environment names.
  ///
  /// - Parameter writes: whether a verb that writes opens it: with `--dry-run` nothing of what it writes lasts.
  package convenience init(_ arguments: Arguments, creates: Bool = false, writes: Bool = false) throws {
    try self.init(
      StoreLocation.resolve(option: arguments.string("--store"), environment: processEnvironment()),
      creates: creates, pretends: writes && arguments.has(Self.dryRun.name))
  }

  private static let inMemory = ":memory:"

  package static let dryRun = Option("--dry-run", help: "Say what would be changed, and change nothing.")
}
