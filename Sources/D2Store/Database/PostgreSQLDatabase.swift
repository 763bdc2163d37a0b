import CPQ
import D2Common

/// A store in PostgreSQL, with libpq. It supports libpq's environment variables, service file and password file.
package final class PostgreSQLDatabase: Database {
  package let location: String
  package var dialect: SQLDialect { .postgresql }
  private let connection: OpaquePointer
  private var isInTransaction = false
  private var isPretending = false
  private var mayReconnect = true
  /// Called for each line in which `integrator.sql` reports what it merged.
  package var onReport: ((String) -> Void)?
  /// How often each statement was run, and its name if it is prepared in this session.
  private var uses: [String: (count: Int, name: String?)] = [:]
  private var prepared = 0

  /// A statement is prepared from its second run on, because for a single run this would cost another round trip.
  private static let usesBeforePreparing = 1
  private static let mostPrepared = 64

  /// The settings of a session. The messages of a server may be in any language, so d2 reads the code and not the text.
  private static let session =
    "SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET client_encoding = 'UTF8'; SET lock_timeout = '60s';"
    + " SET client_min_messages = 'warning'; SET default_transaction_isolation = 'read committed'"

  /// - Throws: `StoreError`.
  package init(url: String) throws(StoreError) {
    location = Self.withoutPassword(url)
    // libpq would repeat parts of an unreadable address.
    guard Self.isReadable(url) else {
      throw StoreError(
        .unusable,
        "store \(location): the address cannot be read: in a password % / ? # @ : are written as %25 %2F %3F %23 %40 %3A"
      )
    }
    // The address may override the settings before it.
    let settings: KeyValuePairs<String, String> = [
      "connect_timeout": "15", "fallback_application_name": "d2", "keepalives_idle": "30", "tcp_user_timeout": "60000",
      "dbname": url,
    ]
    let connection = Self.withCStrings(settings.map(\.key)) { keys in
      Self.withCStrings(settings.map(\.value)) { values in PQconnectdbParams(keys, values, 1) }
    }
    guard let connection else { throw StoreError(.unreachable, "store \(location): libpq could not be started") }
    self.connection = connection
    PQsetNoticeReceiver(
      connection,
      { database, result in
        guard let database, let result else { return }
        Unmanaged<PostgreSQLDatabase>.fromOpaque(database).takeUnretainedValue().take(notice: result)
      }, Unmanaged.passUnretained(self).toOpaque())
    guard PQstatus(connection) == CONNECTION_OK else { throw connectionError() }
    try executeScript(Self.session)
  }

  /// Makes all further changes temporary: they are in one transaction, which ends with the connection.
  package func pretend() throws(StoreError) {
    try executeScript("BEGIN")
    isPretending = true
    isInTransaction = true
  }

  /// Keeps everything in this session's temporary tables from now on. If the connection breaks, later calls fail.
  package func stayInSession() { mayReconnect = false }

  /// The code of the lines from `integrator.sql`.
  private static let reportCode = "01D02"

  private func take(notice: OpaquePointer) {
    guard let onReport, Self.field("C", of: notice) == Self.reportCode, let line = Self.field("M", of: notice) else {
      return
    }
    onReport(line)
  }

  deinit { PQfinish(connection) }

  // MARK: Statements

  @discardableResult
  package func execute(_ sql: String, _ parameters: [SQLValue], row: (SQLRow) throws -> Void) throws -> Int {
    var handedOn = false
    do {
      return try run(sql, parameters) {
        handedOn = true
        try row($0)
      }
    } catch let error as StoreError where error.kind == .unreachable && mayReconnect && !isInTransaction && !handedOn {
      try reconnect()
      return try run(sql, parameters, row: row)
    }
  }

  package func executeScript(_ sql: String) throws(StoreError) {
    try checked(PQexec(connection, sql), orRollback: !isInTransaction)
  }

  package func keepingSession<Result>(_ body: () throws -> Result) throws -> Result {
    let before = mayReconnect
    mayReconnect = false
    defer { mayReconnect = before }
    return try body()
  }

  package func transaction<Result>(_ body: () throws -> Result) throws -> Result {
    if isPretending { return try body() }
    precondition(!isInTransaction, "transactions do not nest")
    try execute("BEGIN", [])
    isInTransaction = true
    defer { isInTransaction = false }
    do {
      let result = try body()
      try executeScript("COMMIT")
      return result
    } catch {
      if PQstatus(connection) == CONNECTION_OK { PQclear(PQexec(connection, "ROLLBACK")) }
      throw error
    }
  }

  /// Reads row by row, because a result may be too large for memory.
  private func run(_ sql: String, _ parameters: [SQLValue], row: (SQLRow) throws -> Void) throws -> Int {
    let name = try preparedName(sql)
    let sent = Self.withCStrings(parameters.map(Self.text)) { values in
      if let name {
        PQsendQueryPrepared(connection, name, Int32(parameters.count), values, nil, nil, 0)
      } else {
        PQsendQueryParams(connection, sql, Int32(parameters.count), nil, values, nil, nil, 0)
      }
    }
    guard sent == 1 else { throw lostConnection() }
    PQsetSingleRowMode(connection)
    var written = 0
    var failure: (any Error)?
    while let result = PQgetResult(connection) {
      defer { PQclear(result) }
      switch PQresultStatus(result) {
      case PGRES_SINGLE_TUPLE where failure == nil:
        do { try row(Self.row(result)) } catch {
          failure = error
          cancel()
        }
      case PGRES_SINGLE_TUPLE, PGRES_COPY_IN, PGRES_COPY_OUT: break
      case PGRES_TUPLES_OK, PGRES_COMMAND_OK: written = Self.written(result)
      default: failure = failure ?? error(of: result)
      }
    }
    if let failure { throw failure }
    return written
  }

  /// The number of written rows. For a SELECT, the server reports how many rows it read.
  private static func written(_ result: OpaquePointer) -> Int {
    String(cString: PQcmdStatus(result)).hasPrefix("SELECT") ? 0 : Int(String(cString: PQcmdTuples(result))) ?? 0
  }

  private func preparedName(_ sql: String) throws(StoreError) -> String? {
    var use = uses[sql] ?? (0, nil)
    defer { uses[sql] = use }
    use.count += 1
    if use.name == nil, use.count > Self.usesBeforePreparing, prepared < Self.mostPrepared {
      prepared += 1
      let name = "d2_\(prepared)"
      try checked(PQprepare(connection, name, sql, 0, nil))
      use.name = name
    }
    return use.name
  }

  /// Asks the server to stop a statement whose remaining rows are not needed.
  private func cancel() {
    guard let handle = PQgetCancel(connection) else { return }
    defer { PQfreeCancel(handle) }
    var message = [CChar](repeating: 0, count: 256)
    PQcancel(handle, &message, Int32(message.count))
  }

  private func reconnect() throws(StoreError) {
    PQreset(connection)
    uses = [:]
    prepared = 0
    guard PQstatus(connection) == CONNECTION_OK else { throw connectionError() }
    try checked(PQexec(connection, Self.session))
  }

  private static func text(_ value: SQLValue) -> String? {
    switch value {
    case .null: nil
    case .text(let text): text
    case .int(let number): String(number)
    case .bool(let flag): flag ? "t" : "f"
    }
  }

  private static func row(_ result: OpaquePointer) -> SQLRow {
    SQLRow(
      columns: (0..<PQnfields(result)).map { column in
        PQgetisnull(result, 0, column) == 1 ? nil : String(cString: PQgetvalue(result, 0, column))
      })
  }

  // MARK: Errors

  private func checked(_ result: OpaquePointer?, orRollback: Bool = false) throws(StoreError) {
    defer { PQclear(result) }
    switch PQresultStatus(result) {
    case PGRES_COMMAND_OK, PGRES_TUPLES_OK: return
    default:
      let error = result.map { self.error(of: $0) } ?? lostConnection()
      if orRollback, PQtransactionStatus(connection) == PQTRANS_INERROR { PQclear(PQexec(connection, "ROLLBACK")) }
      throw error
    }
  }

  private func error(of result: OpaquePointer) -> StoreError {
    guard PQstatus(connection) == CONNECTION_OK else { return lostConnection() }
    let state = Self.field("C", of: result) ?? ""
    let message = Self.field("M", of: result) ?? Self.line(PQresultErrorMessage(result))
    let kind: StoreError.Kind =
      switch state {
      // Insufficient rights; wrong user.
      case "42501": .refused
      case _ where state.hasPrefix("28"): .refused
      // No space; read-only server or transaction.
      case "53100", "25006": .cannotWrite
      // Lock not available, deadlock, serialisation failure, too many connections, out of memory, cancelled.
      case "55P03", "40P01", "40001", "53300", "53200", "57014": .busy
      // The server is stopping or starting.
      case _ where state.hasPrefix("57P") || state.hasPrefix("08"): .unreachable
      // Raised by integrator.sql for tables that it does not know.
      case "P0001": .unusable
      default: .statement
      }
    return StoreError(
      kind, kind == .unusable ? "store \(location): \(message)" : "store \(location): \(message) (\(state))")
  }

  /// A field of an error or notice, by its letter: C is the SQLSTATE, M the message.
  private static func field(_ code: Character, of result: OpaquePointer) -> String? {
    PQresultErrorField(result, Int32(code.asciiValue!)).map { String(cString: $0) }
  }

  private func lostConnection() -> StoreError {
    StoreError(.unreachable, "store \(location): \(Self.line(PQerrorMessage(connection)))")
  }

  /// The error of a failed connection, which has no code but only a text.
  private func connectionError() -> StoreError {
    let message = Self.line(PQerrorMessage(connection))
    // The server's answer follows FATAL. Elsewhere, host names may contain any word.
    let answer = message.firstRange(of: "FATAL:").map { message[$0.upperBound...] } ?? ""
    let kind: StoreError.Kind =
      if PQconnectionNeedsPassword(connection) == 1 || answer.contains("authentication")
        || answer.contains("pg_hba.conf") || answer.contains("role \"") && !answer.contains("too many")
        || answer.contains("permission denied")
      {
        .refused
      } else if answer.contains("too many") || answer.contains("connection slots") {
        .busy
      } else if answer.contains("does not exist") || message.hasPrefix("invalid") || message.hasPrefix("missing") {
        .unusable
      } else {
        .unreachable
      }
    return StoreError(kind, "store \(location): \(message)")
  }

  private static func line(_ message: UnsafePointer<CChar>?) -> String {
    message.map { String(cString: $0) }?.split(separator: "\n").map(\.trimmed).joined(separator: " ")
      ?? "no reason given"
  }

  // MARK: Addresses

  /// `postgresql://user:secret@host/db?password=x` without its secrets.
  package static func withoutPassword(_ url: String) -> String {
    var shown = url
    if let authority = url.firstRange(of: "://")?.upperBound {
      var end = url[authority...].firstIndex { $0 == "/" || $0 == "?" } ?? url.endIndex
      // A password may contain a slash, although that should be written as %2F.
      if !url[authority..<end].contains("@"), let at = url.lastIndex(of: "@"), at > end,
        let colon = url[authority..<end].firstIndex(of: ":"),
        !url[url.index(after: colon)..<end].allSatisfy({ $0.isNumber || ",:".contains($0) })
      {
        end = url.endIndex
      }
      if let at = url[authority..<end].lastIndex(of: "@"), let colon = url[authority..<at].firstIndex(of: ":") {
        shown = String(url[..<colon]) + String(url[at...])
      }
    }
    guard let question = shown.firstIndex(of: "?") else { return shown }
    let parameters = shown[shown.index(after: question)...].split(separator: "&").filter { !isSecret($0) }
    return String(shown[..<question]) + (parameters.isEmpty ? "" : "?" + parameters.joined(separator: "&"))
  }

  /// Whether libpq can parse the address, with valid ports and hosts.
  private static func isReadable(_ url: String) -> Bool {
    guard let options = PQconninfoParse(url, nil) else { return false }
    defer { PQconninfoFree(options) }
    var option = options
    while let keyword = option.pointee.keyword.map({ String(cString: $0) }) {
      let value = option.pointee.val.map { String(cString: $0) } ?? ""
      if keyword == "port", !value.allSatisfy({ $0.isNumber || $0 == "," }) { return false }
      // The text after the first of two @ is the rest of a password.
      if keyword == "host", !value.hasPrefix("@"), value.contains("@") { return false }
      option += 1
    }
    return true
  }

  private static func isSecret(_ parameter: Substring) -> Bool {
    let name = parameter.prefix { $0 != "=" }.lowercased()
    return name == "password" || name == "sslpassword" || name.contains("%")
  }

  /// Calls `body` with a list of C strings that ends with a null pointer.
  private static func withCStrings<Result>(
    _ texts: [String?], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Result
  ) -> Result {
    var bytes: [CChar] = []
    var starts: [Int?] = []
    for text in texts {
      starts.append(text == nil ? nil : bytes.count)
      if let text { bytes += text.utf8CString }
    }
    return bytes.withUnsafeBufferPointer { bytes in
      let pointers = starts.map { start in start.flatMap { bytes.baseAddress?.advanced(by: $0) } } + [nil]
      return pointers.withUnsafeBufferPointer { body($0.baseAddress!) }
    }
  }
}
