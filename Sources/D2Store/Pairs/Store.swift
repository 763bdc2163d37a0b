import D2Common
import Glibc

/// The location of pairs, their metadata and the ledger: a SQLite file, or a PostgreSQL database.
package enum StoreLocation: Sendable, Equatable, CustomStringConvertible {
  case sqlite(path: String)
  case postgresql(url: String)

  /// The location from `--store` or `D2_STORE`, or else a file of the user.
  ///
  /// - Throws: `CommandFailure`, 64 for a password on the command line, 78 if the environment names no folder for the
  ///   user.
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
    let folder = try StateFolder.path(environment, orElse: "say where the store is with --store or D2_STORE")
    return .sqlite(path: folder + "/d2.sqlite")
  }

  init(_ text: String) {
    let isURL = ["postgresql://", "postgres://"].contains { text.lowercased().hasPrefix($0) }
    self = isURL ? .postgresql(url: text) : .sqlite(path: text)
  }

  /// Distinguishes stores in folder names: eight hexadecimal digits.
  package var fingerprint: String {
    let text = if case .sqlite(let path) = self { WorkingFolder.absolute(path) } else { description }
    var hash: UInt32 = 2_166_136_261
    for byte in text.utf8 { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }

  /// The location without a password.
  package var description: String {
    switch self {
    case .sqlite(let path): path
    case .postgresql(let url): PostgreSQLDatabase.withoutPassword(url)
    }
  }
}

/// How a store is used.
package struct StoreAccess: Sendable {
  /// Whether to create a missing file or missing tables.
  package var creates = false
  /// Whether it is only read. Then the tables of the Python tool stay as they are.
  package var reads = false
  /// Whether all changes, including tables, are lost when the store is closed.
  package var pretends = false
  /// Whether to report a simulated upgrade line by line.
  package var upgrades = false

  package init(creates: Bool = false, reads: Bool = false, pretends: Bool = false, upgrades: Bool = false) {
    self.creates = creates
    self.reads = reads
    self.pretends = pretends
    self.upgrades = upgrades
  }
}

/// The store, with tables that are up to date. Used by one task at a time.
package final class Store {
  package let database: any Database
  /// Whether no change is permanent.
  package let isDryRun: Bool

  package static let option = Option(
    "--store", value: "STORE",
    help:
      "Use this store of pairs: a SQLite file or postgresql://… (default: D2_STORE, or a file under ~/.local/state/d2)."
  )

  /// Opens the store, and brings its tables up to date.
  ///
  /// - Parameters:
  ///   - access: how it is used.
  ///   - log: the log for reports of an upgrade.
  /// - Throws: `StoreError`.
  package init(_ location: StoreLocation, _ access: StoreAccess = StoreAccess(), _ log: Log? = nil) throws {
    isDryRun = access.pretends
    switch location {
    case .sqlite(let path):
      let isThere = Glibc.access(path, F_OK) == 0
      var access = access
      if path == Self.inMemory { access.creates = true }
      guard isThere || access.creates else {
        throw StoreError(.unusable, "there is no store \(path) yet: d2-pairs add makes it")
      }
      let file =
        if access.pretends && isThere {
          try SQLiteDatabase(copyOf: path)
        } else if access.pretends || path == Self.inMemory {
          try SQLiteDatabase(path: Self.inMemory, creates: false)
        } else {
          try SQLiteDatabase(path: path, creates: access.creates)
        }
      try StoreSchema.prepare(file, access)
      database = file
    case .postgresql(let url):
      let server = try PostgreSQLDatabase(url: url)
      try StoreSchema.prepare(server, access, log)
      database = server
    }
  }

  /// Opens the store that the command line or the environment names.
  ///
  /// - Parameters:
  ///   - writes: whether the verb writes; with `--dry-run` no change is permanent.
  ///   - upgrades: whether the verb only upgrades, so that a dry run reports this in full.
  package convenience init(
    _ arguments: Arguments, creates: Bool = false, writes: Bool = false, upgrades: Bool = false
  ) throws {
    try self.init(
      StoreLocation.resolve(option: arguments[Self.option], environment: arguments.environment),
      StoreAccess(
        creates: creates, reads: !writes, pretends: writes && arguments[ifDeclared: Command.dryRun],
        upgrades: upgrades),
      Log(arguments))
  }

  private static let inMemory = ":memory:"
}
