import Glibc
import TestSupport
import Testing
import WaitingTests

@testable import D2Common
@testable import D2Store

@Suite("stores: what fails, and how it is told", .waiting)
struct StoreErrorTests {
  // MARK: SQLite

  @Test("a file that is not a database, a folder, a missing file")
  func notADatabase() throws {
    let store = try TestStore(.sqlite)
    let file = fopen(store.location, "w")
    fputs(String(repeating: "name,password\nhmis,s3cret\n", count: 100), file)
    fclose(file)
    let error = #expect(throws: StoreError.self) { try Store(.sqlite(path: store.location)) }
    #expect(error?.kind == .unusable && error?.exitStatus == .configuration)
    #expect(error?.message.contains(store.location) == true && error?.message.contains("s3cret") == false)
    #expect(throws: StoreError.self) { try Store(.sqlite(path: store.location), StoreAccess(creates: true)) }

    let folder = #expect(throws: StoreError.self) { try Store(.sqlite(path: store.folder)) }
    #expect(folder?.kind == .unusable)
    let missing = #expect(throws: StoreError.self) { try Store(.sqlite(path: store.folder + "/none.sqlite")) }
    #expect(missing?.kind == .unusable && missing?.message.contains("d2-pairs add") == true)
    #expect(access(store.folder + "/none.sqlite", F_OK) != 0, "looking makes no file")
    let nowhere = #expect(throws: StoreError.self) {
      try Store(.sqlite(path: "/dev/null/d2.sqlite"), StoreAccess(creates: true))
    }
    #expect(nowhere?.kind == .cannotWrite && nowhere?.exitStatus == .cannotWrite)
  }

  @Test("a store that another process writes is waited for, then busy")
  func locked() throws {
    let store = try TestStore(.sqlite)
    _ = try store.open()
    let writer = try SQLiteDatabase(path: store.location, creates: false)
    let other = try SQLiteDatabase(path: store.location, creates: false, busyMilliseconds: 50)
    try writer.transaction {
      try writer.execute("INSERT INTO integration_pair (source) VALUES ('a')")
      let error = #expect(throws: StoreError.self) {
        try other.execute("INSERT INTO integration_pair (source) VALUES ('b')")
      }
      #expect(error?.kind == .busy && error?.exitStatus == .temporary)
      let begun = #expect(throws: StoreError.self) { try other.transaction {} }
      #expect(begun?.kind == .busy)
      // Readers need not wait.
      #expect(try other.rows("SELECT 1 FROM integration_pair").isEmpty)
    }
    #expect(try other.execute("INSERT INTO integration_pair (source) VALUES ('b')") == 1)
  }

  @Test("the file is its user's alone, and so is the folder that is made for it")
  func privacy() throws {
    let store = try TestStore(.sqlite)
    let mask = umask(0)
    defer { umask(mask) }
    let path = "\(store.folder)/state/d2/d2.sqlite"
    let opened = try Store(.sqlite(path: path), StoreAccess(creates: true))
    try opened.database.execute("INSERT INTO integration_pair (source) VALUES ('a')")
    func mode(_ path: String) -> mode_t {
      var status = stat()
      return stat(path, &status) == 0 ? status.st_mode & 0o777 : 0
    }
    #expect(mode(path) == 0o600)
    #expect(mode(path + "-wal") == 0o600 && mode(path + "-shm") == 0o600)
    #expect(mode("\(store.folder)/state") == 0o700 && mode("\(store.folder)/state/d2") == 0o700)
    withExtendedLifetime(opened) {}
    for name in ["", "-wal", "-shm"] { unlink(path + name) }
    rmdir("\(store.folder)/state/d2")
    rmdir("\(store.folder)/state")
  }

  // MARK: Both

  @Test("tables of a newer d2 are left alone", arguments: StoreKind.available)
  func newer(kind: StoreKind) throws {
    let store = try TestStore(kind)
    _ = try store.open()
    try store.connect().execute("INSERT INTO d2_schema (version) VALUES (7)")
    let error = #expect(throws: StoreError.self) { try store.open() }
    #expect(error?.kind == .unusable && error?.exitStatus == .configuration)
    #expect(error?.message.contains("version 7") == true && error?.message.contains("newer d2") == true)
  }

  @Test("many open an empty store at once: one schema, and all go on", arguments: StoreKind.available)
  func concurrent(kind: StoreKind) async throws {
    for _ in 1...3 {
      let store = try TestStore(kind)
      let executor = BlockingExecutor(threads: 8)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 1...8 {
          group.addTask(executorPreference: executor) {
            let opened = try store.open()
            try opened.database.execute(
              "INSERT INTO integration_pair (source, destination) VALUES ($1, 'd')", [.text("s\(number)")])
          }
        }
        try await group.waitForAll()
      }
      #expect(try store.rows("SELECT count(*), max(version) FROM d2_schema") == ["1|\(StoreSchema.version)"])
      #expect(try store.rows("SELECT count(*) FROM integration_pair") == ["8"])
    }
  }

  // MARK: Where the store is

  @Test("the option speaks before the variable, that before the user's own folder")
  func location() throws {
    func resolve(_ option: String?, _ environment: [String: String]) throws -> StoreLocation {
      try StoreLocation.resolve(option: option, environment: environment)
    }
    let all = ["D2_STORE": "/b.sqlite", "XDG_STATE_HOME": "/state", "HOME": "/home/u"]
    #expect(try resolve("/a.sqlite", all) == .sqlite(path: "/a.sqlite"))
    #expect(try resolve(nil, all) == .sqlite(path: "/b.sqlite"))
    #expect(try resolve(nil, ["D2_STORE": "", "XDG_STATE_HOME": "/state"]) == .sqlite(path: "/state/d2/d2.sqlite"))
    #expect(
      try resolve(nil, ["XDG_STATE_HOME": "relative", "HOME": "/home/u"])
        == .sqlite(path: "/home/u/.local/state/d2/d2.sqlite"))
    for url in ["postgresql://h/d", "postgres://h/d", "POSTGRESQL://h/d"] {
      #expect(try resolve(url, [:]) == .postgresql(url: url))
    }
    let secret = "postgresql://u:s3cret@h/d"
    #expect(try resolve(nil, ["D2_STORE": secret]) == .postgresql(url: secret))
    let onCommandLine = #expect(throws: CommandFailure.self) { try resolve(secret, [:]) }
    #expect(onCommandLine?.exitStatus == .usage && onCommandLine?.message.contains("s3cret") == false)
    #expect(throws: CommandFailure.self) { try resolve("postgresql://h/d?password=s3cret", [:]) }
    #expect(throws: CommandFailure.self) { try resolve(nil, [:]) }
  }

  @Test("stores have fingerprints of their own, the same one from everywhere and without a secret")
  func fingerprints() {
    let here = WorkingFolder.absolute("d2.sqlite")
    let different = ["/a/d2.sqlite", "/b/d2.sqlite", here, "postgresql://h/d", "postgresql://h/e", "postgresql://i/d"]
      .map { StoreLocation($0).fingerprint }
    #expect(Set(different).count == different.count, "\(different)")
    let isShort = different.allSatisfy { $0.count == 8 && $0.allSatisfy(\.isHexDigit) }
    #expect(isShort, "\(different)")
    #expect(StoreLocation("d2.sqlite").fingerprint == StoreLocation(here).fingerprint)
    #expect(
      StoreLocation("postgresql://u:s3cret@h/d").fingerprint == StoreLocation("postgresql://u:other@h/d").fingerprint)
  }

  @Test(
    "no address shows its password",
    arguments: [
      "postgresql://u:s3cret@h/d", "postgresql://u:s3cret@h:5432,g:5433/d?sslmode=require", "postgres://u:a@s3cret@h/d",
      "postgresql://u:s3cret%2F@/d?host=%2Ftmp", "postgresql:///d?user=u&password=s3cret&sslmode=require",
      "postgresql:///d?sslpassword=s3cret", "postgresql://h/d?%70assword=s3cret", "postgresql://h/d?PASSWORD=s3cret",
      "postgresql://u:s3cret/x@h/d", "postgresql://u:x/s3cret@h/d", "postgresql://u:x?s3cret@h/d",
      "postgresql://u:x/y@s3cret@h/d",
      "postgresql://u:s3cret#@h/d",
    ])
  func masked(url: String) {
    #expect(!StoreLocation(url).description.contains("s3cret"))
    let error = #expect(throws: StoreError.self) {
      // Nobody listens there; and some cannot be read at all.
      try PostgreSQLDatabase(url: url.replacing("@h", with: "@127.0.0.1:1").replacing("//h", with: "//127.0.0.1:1"))
    }
    #expect(error?.message.contains("s3cret") == false, "\(error?.message ?? "")")
  }

  @Test("other parts than the password stay readable")
  func shown() {
    for url in [
      "postgresql://u@h:5432/d?sslmode=require", "postgresql:///d?host=%2Ftmp", "postgresql://[::1]:5432/d",
      "postgresql://h:5432/d?application_name=a@b",
    ] { #expect(StoreLocation(url).description == url) }
  }

  @Test("no such host, nobody listening: unreachable")
  func unreachable() throws {
    for address in ["no-such-host.invalid", "127.0.0.1:1", "invalid.authentication.invalid"] {
      let error = #expect(throws: StoreError.self) { try PostgreSQLDatabase(url: "postgresql://u:s3cret@\(address)/d") }
      #expect(error?.kind == .unreachable && error?.exitStatus == .unreachable, "\(error?.message ?? "")")
      #expect(error?.message.contains("s3cret") == false)
    }
    let socket = #expect(throws: StoreError.self) { try PostgreSQLDatabase(url: "postgresql:///d?host=%2Fno%2Fsuch") }
    #expect(socket?.kind == .unreachable, "\(socket?.message ?? "")")
  }
}

@Suite(
  "PostgreSQL: rights and connections", .waiting, .serialized,
  .enabled(if: StoreKind.hasPostgreSQL, Comment(rawValue: StoreKind.skipped)))
struct PostgreSQLTests {
  @Test("a wrong password, an unknown role, an unknown database")
  func signIn() throws {
    let store = try TestStore(.postgresql)
    let role = "d2_role_\(UInt32.random(in: 0 ... .max))"
    let admin = try store.connect()
    try admin.execute("CREATE ROLE \(role) LOGIN PASSWORD 'r1ght' IN ROLE d2_with_password")
    defer { _ = try? admin.execute("DROP ROLE \(role)") }
    _ = try PostgreSQLDatabase(url: store.url(role: role, password: "r1ght")).execute("SELECT 1")
    let wrong = #expect(throws: StoreError.self) {
      try PostgreSQLDatabase(url: store.url(role: role, password: "wr0ng"))
    }
    #expect(wrong?.kind == .refused && wrong?.exitStatus == .refused, "\(wrong?.message ?? "")")
    #expect(wrong?.message.contains("wr0ng") == false)
    let none = #expect(throws: StoreError.self) { try PostgreSQLDatabase(url: store.url(role: role)) }
    #expect(none?.kind == .refused, "\(none?.message ?? "")")
    let unknown = #expect(throws: StoreError.self) { try PostgreSQLDatabase(url: store.url(role: "d2_nobody")) }
    #expect(unknown?.kind == .refused, "\(unknown?.message ?? "")")
    let database = #expect(throws: StoreError.self) { try PostgreSQLDatabase(url: TestStore.url("d2_no_such")) }
    #expect(database?.kind == .unusable && database?.exitStatus == .configuration, "\(database?.message ?? "")")
    try admin.execute("ALTER ROLE \(role) CONNECTION LIMIT 0")
    let limited = #expect(throws: StoreError.self) {
      try PostgreSQLDatabase(url: store.url(role: role, password: "r1ght"))
    }
    #expect(limited?.kind == .busy && limited?.exitStatus == .temporary, "\(limited?.message ?? "")")
  }

  @Test("rights that are lacking: to make the tables, and to change them")
  func rights() throws {
    let store = try TestStore(.postgresql)
    let role = "d2_role_\(UInt32.random(in: 0 ... .max))"
    let admin = try store.connect()
    try admin.execute("CREATE ROLE \(role) LOGIN")
    defer {
      _ = try? admin.execute("DROP OWNED BY \(role)")
      _ = try? admin.execute("DROP ROLE \(role)")
    }
    // PostgreSQL 15 and later do this by themselves.
    try admin.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    let making = #expect(throws: StoreError.self) {
      try Store(.postgresql(url: store.url(role: role)), StoreAccess(creates: true))
    }
    #expect(making?.kind == .refused, "\(making?.message ?? "")")
    _ = try store.open()
    try admin.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO \(role)")
    let reader = try Store(.postgresql(url: store.url(role: role)))
    #expect(try reader.pairs().isEmpty)
    let writing = #expect(throws: StoreError.self) {
      try reader.add(
        name: "p", source: .init(name: "s", settings: .object([])),
        destination: .init(name: "d", settings: .object([])),
        isActive: true)
    }
    #expect(writing?.kind == .refused && writing?.exitStatus == .refused)
    try admin.execute("ALTER ROLE \(role) SET default_transaction_read_only = on")
    try admin.execute("GRANT INSERT ON integration_pair TO \(role)")
    let readOnly = try PostgreSQLDatabase(url: store.url(role: role))
    let refused = #expect(throws: StoreError.self) {
      try readOnly.execute("INSERT INTO integration_pair (source) VALUES ('x')")
    }
    #expect(refused?.kind == .cannotWrite && refused?.exitStatus == .cannotWrite)
  }

  @Test("what is locked for longer than the time-out is busy")
  func locked() throws {
    let store = try TestStore(.postgresql)
    let (writer, other) = (try store.connect(), try store.connect())
    try writer.execute("CREATE TABLE t (i integer)")
    try other.execute("SET lock_timeout = '50ms'")
    try writer.transaction {
      try writer.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
      let error = #expect(throws: StoreError.self) { try other.execute("SELECT i FROM t") }
      #expect(error?.kind == .busy && error?.exitStatus == .temporary)
    }
    #expect(try other.execute("INSERT INTO t VALUES (1)") == 1)
  }

  /// Ends a connection like an administrator, and waits until it has ended.
  private func end(_ database: any Database, _ admin: any Database) throws {
    let process = try database.rows("SELECT pg_backend_pid()")[0].int(0)!
    // In PostgreSQL 14 and later it waits itself.
    #expect(try admin.rows("SELECT pg_terminate_backend($1, 10000)", [.int(process)])[0].bool(0) == true)
  }

  @Test("a broken connection is made anew, with its session's settings and prepared statements")
  func reconnects() throws {
    let store = try TestStore(.postgresql)
    let (database, admin) = (try store.connect(), try store.connect())
    let query = "SELECT CAST($1 AS integer) + 1, current_setting('TimeZone'), current_setting('lock_timeout')"
    for _ in 1...3 { #expect(try database.rows(query, [.int(1)])[0].int(0) == 2) }
    for _ in 1...2 {
      try end(database, admin)
      let row = try database.rows(query, [.int(2)])[0]
      #expect(row.int(0) == 3 && row.text(1) == "UTC" && row.text(2) == "1min")
    }
    try end(database, admin)
    try database.execute("CREATE TABLE t (i integer)")
    try end(database, admin)
    let written = try database.transaction { try database.execute("INSERT INTO t VALUES (1)") }
    #expect(written == 1)
  }

  @Test("within a transaction, or where temporary tables are kept, a broken connection fails")
  func breaks() throws {
    let store = try TestStore(.postgresql)
    let (database, admin) = (try store.connect(), try store.connect())
    try database.execute("CREATE TABLE t (i integer)")
    let error = #expect(throws: StoreError.self) {
      try database.transaction {
        try database.execute("INSERT INTO t VALUES (1)")
        try end(database, admin)
        try database.execute("INSERT INTO t VALUES (2)")
      }
    }
    #expect(error?.kind == .unreachable && error?.exitStatus == .unreachable, "\(error?.message ?? "")")
    #expect(try database.rows("SELECT i FROM t").isEmpty, "it is usable afterwards")
    let kept = #expect(throws: StoreError.self) {
      try database.keepingSession {
        try database.execute("CREATE TEMPORARY TABLE kept (i integer)")
        try end(database, admin)
        try database.execute("INSERT INTO t SELECT i FROM kept")
      }
    }
    #expect(kept?.kind == .unreachable, "\(kept?.message ?? "")")
    #expect(try database.rows("SELECT i FROM t").isEmpty)
  }

  @Test("rows that are out already are not handed on twice")
  func brokenHalfWay() throws {
    let store = try TestStore(.postgresql)
    let (database, admin) = (try store.connect(), try store.connect())
    let process = try database.rows("SELECT pg_backend_pid()")[0].int(0)!
    var seen: [Int] = []
    let error = #expect(throws: StoreError.self) {
      try database.execute("SELECT i, repeat('x', 10000) FROM generate_series(1, 20000) i", []) { row in
        seen.append(row.int(0)!)
        if seen.count == 1 { try admin.execute("SELECT pg_terminate_backend(\(process), 10000)") }
      }
    }
    #expect(error?.kind == .unreachable)
    let isOnce = seen == Array(1...seen.count)
    #expect(isOnce && seen.count < 20000)
  }
}
