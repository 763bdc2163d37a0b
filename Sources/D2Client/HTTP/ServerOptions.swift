import D2Common

/// The options with which every command connects to its server.
package struct ServerOptions: Sendable {
  package let url: ServerURL
  package var configuration: HTTPClient.Configuration
  package var retry: RetryPolicy
  /// Bytes a second, in each direction.
  package let rate: Int?
  /// The most concurrent requests.
  package private(set) var concurrency: Int
  /// Whether the best number is found by measuring, up to that limit.
  package private(set) var findsConcurrency: Bool

  // MARK: Which server, and how to sign in

  package static let address = Option(
    "--url", value: "URL", help: "Use this server: https://host[/context], with or without /api.")

  private static let username = Option(
    "--username", value: "USER",
    help: "Sign in as USER. The password is in --password-file, D2_SIDE_PASSWORD or D2_PASSWORD.")
  private static let passwordFile = Option(
    "--password-file", value: "FILE", help: "Read the password from the first line of FILE.")
  private static let patFile = Option(
    "--pat-file", value: "FILE",
    help:
      "Read a personal access token from the first line of FILE (default: D2_SIDE_PAT, or D2_SIDE_USERNAME with D2_SIDE_PASSWORD; then D2_PAT, or D2_USERNAME with D2_PASSWORD)."
  )
  package static let credentials = [username, passwordFile, patFile]

  /// - Parameter side: the role of the server in a move. Variables of the environment can contain credentials for one
  ///   role.
  package static func group(_ side: PairSide) -> OptionGroup {
    let variables = "D2_\(side.rawValue.uppercased())_"
    return OptionGroup(
      "Server", ([address] + credentials).map { $0.described($0.help.replacing("D2_SIDE_", with: variables)) })
  }

  // MARK: How it is talked to

  static let caFile = Option(
    "--ca-file", value: "FILE", help: "Trust these certificate authorities besides the system's (PEM).")
  private static let clientCertificate = Option(
    "--client-cert", value: "FILE", help: "Present this client certificate (PEM).")
  private static let clientKey = Option(
    "--client-key", value: "FILE", help: "Use this private key, if the certificate's file does not hold it.")
  private static let insecure = Flag(
    "--insecure", help: "Do not verify the server's certificate (for tests; warns each time).")
  private static let requestBounds = 1...64
  /// The variable with which a script sets the concurrent imports of each d2-push.
  package static let concurrencyVariable = "D2_CONCURRENCY"
  private static let requests = Option(
    "--concurrency", as: .number(in: requestBounds, or: "auto"),
    help:
      "Make N requests at a time (default 1); auto finds the best number, up to 8 (d2-push: 16)."
  )
  private static let maxRate = Option(
    "--max-rate", as: .size, help: "Move at most BYTES a second in each direction (64K, 2M).")
  package static let retries = Option(
    "--retries", as: .number(in: 0...1000),
    help: "Retry a request at most N times after connection errors, 408, 429, 502, 503, 504 (default 5).")
  private static let retryFor = Option(
    "--retry-for", as: .duration, help: "Begin no retry later than TIME after the first attempt (default 10m).")
  private static let connectTimeout = Option(
    "--connect-timeout", as: .duration, help: "Wait at most TIME for a connection (default 30s).")
  private static let firstByteTimeout = Option(
    "--first-byte-timeout", as: .duration, help: "Wait at most TIME for an answer to begin (default 10m).")
  private static let idleTimeout = Option(
    "--idle-timeout", as: .duration,
    help: "Wait at most TIME between two bytes (default 2m); there is no limit on the whole transfer.")
  private static let record = Option(
    "--record", value: "DIR",
    help:
      "Write each exchange with the server to a file in DIR, without secrets (all commands: D2_RECORD)."
  )

  package static let transport = OptionGroup(
    "Connection",
    [
      caFile, clientCertificate, clientKey, insecure, requests, maxRate, retries, retryFor, connectTimeout,
      firstByteTimeout, idleTimeout, record,
    ])

  // MARK: Reading

  /// d2 never uses more requests unless the user says so.
  private static let mostFound = 8
  /// For servers that import on one core for each request, and have many cores.
  private static let mostFoundOfImports = 16
  private static let variables = Set(ProxyChoice.variables + ["TMPDIR"])

  /// The options for a server of a pair. Credentials on the command line take precedence over its own. Those of the
  /// environment are used if it has none.
  ///
  /// - Parameter takesCredentials: whether the credentials on the command line belong to this server. It is false for
  ///   the other end of a pair, to which they must not be sent.
  /// - Throws: `CommandFailure`: 64 for an error on the command line, 78 for one in the pair's configuration.
  package init(
    _ arguments: Arguments, _ log: Log, _ server: ConfiguredServer, takesCredentials: Bool = true
  ) throws(CommandFailure) {
    try CommandFailure.require(arguments[ifDeclared: Self.address] == nil, "give either --pair or --url, not both")
    let environment = arguments.environment
    let isNamed = takesCredentials && Self.credentials.contains { arguments[ifDeclared: $0] != nil }
    let own = isNamed ? Credentials.none : try server.credentials(environment: environment)
    var signIn = SignIn(own, server.end.map { .pair($0) } ?? .given(["the credentials of \(server.name)"]))
    if case .none = own {
      let named = takesCredentials ? arguments : nil
      signIn = try Self.signIn(named, server.end?.side ?? .source, of: server.end, environment)
    }
    try self.init(arguments, log, peer: (try server.url(), signIn), configured: server)
  }

  /// The options for the server of `--url`.
  ///
  /// - Parameter side: its role in a move.
  /// - Throws: `CommandFailure`, 64 for an error on the command line.
  package init(_ arguments: Arguments, _ log: Log, side: PairSide) throws(CommandFailure) {
    let url = try Self.url(arguments)
    if url.isOfPage { log.info("--url is the address of a page: the server's own is \(url)") }
    let signIn = try Self.signIn(arguments, side, of: nil, arguments.environment)
    try self.init(arguments, log, peer: (url, signIn))
  }

  private static func signIn(
    _ arguments: Arguments?, _ side: PairSide, of end: PairEnd?, _ environment: [String: String]
  ) throws(CommandFailure) -> SignIn {
    try SignIn.find(
      patFile: arguments?[ifDeclared: patFile], username: arguments?[ifDeclared: username],
      passwordFile: arguments?[ifDeclared: passwordFile], for: side, of: end, environment: environment)
  }

  /// - Parameters:
  ///   - peer: the server's address, and its credentials.
  ///   - configured: the server whose certificates are used if the command line names none. A command need not declare
  ///     the options that are read here: `d2-slices run` has none of them.
  /// - Throws: `CommandFailure`, 64 for an error on the command line.
  package init(
    _ arguments: Arguments, _ log: Log, peer: (url: ServerURL, signIn: SignIn), configured: ConfiguredServer? = nil
  ) throws(CommandFailure) {
    url = peer.url.reached(
      .init(
        end: configured?.end, signIn: peer.signIn.origin,
        offersCAFile: arguments.declares(Self.caFile) && !arguments.has(Self.caFile)))
    let environment = arguments.environment
    var configuration = HTTPClient.Configuration()
    // Only the necessary variables, because others may contain secrets.
    configuration.environment = environment.filter { Self.variables.contains($0.key.uppercased()) }
    configuration.credentials = peer.signIn.credentials
    configuration.session = WorkerSession(url, peer.signIn.credentials, environment: environment)
    for (option, key, path) in [
      (Self.caFile, "ca_file", \HTTPClient.Configuration.caFile),
      (Self.clientCertificate, "client_cert", \.clientCertificate), (Self.clientKey, "client_key", \.clientKey),
    ] {
      let named = arguments[ifDeclared: option]
      guard let file = named ?? configured?.text(key) else { continue }
      do { _ = try FileBytes.read(file, atMost: 1) } catch {
        throw CommandFailure(
          .cannotRead, "\(named == nil ? "\(key) of \(configured?.name ?? "")" : option.name) \(file): \(error)")
      }
      configuration[keyPath: path] = file
    }
    configuration.insecure = arguments[ifDeclared: Self.insecure]
    if configuration.insecure { log.warning("--insecure: the certificate of \(url) is not verified") }
    if case .basic = configuration.credentials, url.scheme == "http", !Self.isLoopback(url.authority) {
      log.warning("the password crosses the network in clear text: \(url) is not https")
    }
    if let seconds = arguments[ifDeclared: Self.connectTimeout] { configuration.connectSeconds = seconds }
    if let seconds = arguments[ifDeclared: Self.firstByteTimeout] { configuration.firstByteSeconds = seconds }
    if let seconds = arguments[ifDeclared: Self.idleTimeout] { configuration.idleSeconds = seconds }
    if let folder = arguments[ifDeclared: Self.record] ?? environment["D2_RECORD"], !folder.isEmpty {
      configuration.recorder = try .shared(folder, log)
    }
    self.configuration = configuration
    retry = RetryPolicy()
    if let retries = arguments[ifDeclared: Self.retries] { retry.retries = retries }
    if let seconds = arguments[ifDeclared: Self.retryFor] { retry.totalSeconds = seconds }
    let requests = arguments[ifDeclared: Self.requests] ?? 1
    findsConcurrency = requests == nil
    concurrency = requests ?? Self.mostFound
    rate = arguments[ifDeclared: Self.maxRate]
  }

  /// The settings for imports: `D2_CONCURRENCY` applies if the command line has no number, and the number found may be
  /// higher.
  ///
  /// - Throws: `CommandFailure`, 64.
  package mutating func takeConcurrency(_ arguments: Arguments) throws(CommandFailure) {
    if !arguments.has(Self.requests), let word = arguments.environment[Self.concurrencyVariable], !word.isEmpty {
      findsConcurrency = word == "auto"
      guard let number = findsConcurrency ? 1 : Int(word), Self.requestBounds.contains(number) else {
        throw CommandFailure(
          .usage, "\(Self.concurrencyVariable): \(word.quoted) is neither a number from 1 to 64 nor auto")
      }
      concurrency = number
    }
    if findsConcurrency { concurrency = Self.mostFoundOfImports }
  }

  private static func url(_ arguments: Arguments) throws(CommandFailure) -> ServerURL {
    guard let text = arguments[address] else {
      throw CommandFailure(.usage, "--url is missing: give the server's address, or --pair for a pair from the store")
    }
    do { return try ServerURL(text) } catch { throw CommandFailure(.usage, "--url: \(error)") }
  }

  private static func isLoopback(_ authority: String) -> Bool {
    authority.hasPrefix("127.") || authority.hasPrefix("localhost") || authority.hasPrefix("[::1]")
  }
}
