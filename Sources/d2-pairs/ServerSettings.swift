import D2Client
import D2Common

/// Applies the options for one end of a pair to its configuration.
struct ServerSettings {
  struct Options: Sendable {
    static let source = Options("source")
    static let destination = Options("destination")

    /// `source` or `destination`.
    let end: String
    let url: Option<String?>
    let name: Option<String?>
    let pat: Option<String?>
    let patFile: Option<String?>
    let username: Option<String?>
    let password: Option<String?>
    let passwordFile: Option<String?>
    let caFile: Option<String?>
    let clientCertificate: Option<String?>
    let clientKey: Option<String?>

    private init(_ end: String) {
      self.end = end
      let variable = "D2_" + end.uppercased()
      func option(_ name: String, _ value: String, _ help: String) -> Option<String?> {
        Option("--\(end)-\(name)", value: value, help: help)
      }
      url = option("url", "URL", "Use this server: https://host[/context].")
      name = option(
        "name", "NAME", "Use the name that dispatcher2 has for it (default: host and context). It cannot change later.")
      pat = option(
        "pat", "REF",
        "Read its personal access token from env:NAME, file:PATH, cmd:COMMAND, or prompt to type it (default: \(variable)_PAT)."
      )
      patFile = option("pat-file", "FILE", "Do the same as --\(end)-pat file:FILE.")
      username = option("username", "USER", "Sign in as USER, without a token (default: \(variable)_USERNAME).")
      password = option(
        "password", "REF",
        "Read the password from env:NAME, file:PATH, cmd:COMMAND, or prompt (default: \(variable)_PASSWORD, or prompt)."
      )
      passwordFile = option("password-file", "FILE", "Do the same as --\(end)-password file:FILE.")
      caFile = option("ca-file", "FILE", "Trust these certificate authorities besides the system's (PEM).")
      clientCertificate = option("client-cert", "FILE", "Present this client certificate (PEM).")
      clientKey = option("client-key", "FILE", "Use this private key of the certificate.")
    }

    var group: OptionGroup {
      OptionGroup(
        "The \(end)",
        [url, name, pat, patFile, username, password, passwordFile, caFile, clientCertificate, clientKey])
    }
  }

  let options: Options
  let arguments: Arguments
  /// Whether to read `D2_SOURCE_PAT` and similar variables. If only one setting of a pair is changed, a leftover
  /// variable must not change another.
  let readsSecretVariables: Bool
  private var end: String { options.end }

  /// A new server, which needs a URL.
  ///
  /// - Parameter known: its URL if no option gives one.
  func made(at known: String? = nil) throws(CommandFailure) -> ConfiguredServer {
    guard let text = arguments[options.url] ?? known else { throw CommandFailure(.usage, "--\(end)-url is missing") }
    let url = try address(text)
    var server = ConfiguredServer(name: arguments[options.name] ?? url.authority + url.context, settings: .object([]))
    server.set("api_url", .string(url.description + "/api"))
    try change(&server)
    return server
  }

  /// The server to which an exchange sends. Its secret cannot be read there. An internal exchange needs only the
  /// source's own.
  func made(
    of exchange: DataExchange, _ source: ConfiguredServer, _ log: Log
  ) throws(CommandFailure) -> ConfiguredServer {
    let url = exchange.isInternal ? source.text("api_url") : exchange.targetURL
    if !exchange.isInternal, arguments[options.url] == nil { try check(url, of: exchange) }
    var server = try made(at: url)
    guard ["pat", "username"].allSatisfy({ server.text($0) == nil }) else { return server }
    if exchange.isInternal, arguments[options.url] == nil {
      for key in ["use_pat", "pat", "username", "password", "ca_file", "client_cert", "client_key"] {
        if let value = source.settings[key] { server.set(key, value) }
      }
    } else {
      let user = exchange.targetUsername.map { " as \($0)" } ?? ""
      log.warning(
        "the exchange signs in at \(server.name)\(user), and nobody can read its secret: "
          + "give it with d2-pairs set, --\(end)-pat or --\(end)-username"
      )
    }
    return server
  }

  /// Checks the address of an exchange. The user did not type it, so an error in it is not an error of the command
  /// line.
  private func check(_ url: String?, of exchange: DataExchange) throws(CommandFailure) {
    let fault: String
    if let url {
      do {
        _ = try ServerURL(url)
        return
      } catch { fault = "the address of exchange \(exchange.name) (\(exchange.uid)) cannot be used: \(error)" }
    } else {
      fault = "exchange \(exchange.name) (\(exchange.uid)) has no address"
    }
    throw CommandFailure(
      .usage, "\(fault); correct the exchange, or give the address here: --\(end)-url https://host/context")
  }

  /// Writes the settings from the options to a configuration.
  func change(_ server: inout ConfiguredServer) throws(CommandFailure) {
    if let text = arguments[options.url] { server.set("api_url", .string(try address(text).description + "/api")) }
    try setToken(&server)
    try setPassword(&server)
    if server.settings["use_pat"] == nil { server.set("use_pat", false) }
    for (option, key) in [
      (options.caFile, "ca_file"), (options.clientCertificate, "client_cert"), (options.clientKey, "client_key"),
    ] {
      if let file = arguments[option] { server.set(key, .string(file.isEmpty ? "" : WorkingFolder.absolute(file))) }
    }
  }

  private func setToken(_ server: inout ConfiguredServer) throws(CommandFailure) {
    guard
      let token = try secret(options.pat, options.patFile, variable: "PAT", what: "personal access token of the \(end)")
    else { return }
    guard arguments[options.username] == nil else {
      // A token left over in the environment does not conflict with the command line.
      if !hasToken { return }
      throw CommandFailure(.usage, "give the \(end) either a token or a user name, not both")
    }
    server.set("use_pat", true)
    server.set("pat", .string(token))
  }

  private func setPassword(_ server: inout ConfiguredServer) throws(CommandFailure) {
    let username = arguments[options.username] ?? variable("USERNAME")
    var password = try secret(
      options.password, options.passwordFile, variable: "PASSWORD", what: "password of the \(end)")
    // The password is for the other way of signing in, or left over in the environment.
    if hasToken { return }
    if let username {
      server.set("use_pat", false)
      server.set("username", .string(username))
      if password == nil, server.text("password") == nil {
        password = try Self.prompted("password of \(username) at the \(end)")
      }
    }
    if let password {
      guard server.text("username") != nil else {
        throw CommandFailure(.usage, "the password of the \(end) needs --\(end)-username")
      }
      server.set("use_pat", false)
      server.set("password", .string(password))
    }
  }

  /// A secret for the store: a reference, or the text from the prompt or the environment. A path becomes absolute,
  /// because the pair is used from other folders too.
  private func secret(
    _ option: Option<String?>, _ fileOption: Option<String?>, variable name: String, what: String
  ) throws(CommandFailure) -> String? {
    if let file = arguments[fileOption] { return "file:" + WorkingFolder.absolute(file) }
    guard let given = arguments[option] else { return variable(name) }
    if given == "prompt" { return try Self.prompted(what) }
    guard !Secret(given).isLiteral else {
      throw CommandFailure(
        .usage,
        "\(option.name) takes no secret, which others could see in the list of processes: give env:NAME, file:PATH, cmd:COMMAND or prompt"
      )
    }
    if case .file(let path) = Secret(given) { return "file:" + WorkingFolder.absolute(path) }
    return given
  }

  private static func prompted(_ what: String) throws(CommandFailure) -> String {
    try Credentials.checked(try Prompt.secret(what), what)
  }

  private var hasToken: Bool { arguments[options.pat] != nil || arguments[options.patFile] != nil }

  private func variable(_ name: String) -> String? {
    guard readsSecretVariables else { return nil }
    return arguments.environment["D2_\(end.uppercased())_\(name)"].flatMap { $0.isEmpty ? nil : $0 }
  }

  private func address(_ text: String) throws(CommandFailure) -> ServerURL {
    do { return try ServerURL(text) } catch { throw CommandFailure(.usage, "--\(end)-url: \(error)") }
  }
}
