import D2Client
import D2Common

/// The options that describe one end of a pair, and what they make of its configuration.
struct ServerSettings {
  /// `source` or `destination`.
  let end: String
  private let arguments: Arguments
  private let environment: [String: String]

  private let readsSecretVariables: Bool

  /// - Parameter readsSecretVariables: whether `D2_SOURCE_PAT` and its like count; where one thing of a pair is changed, a variable that is
  ///   left over must not change another.
  init(_ end: String, _ arguments: Arguments, readsSecretVariables: Bool) {
    self.end = end
    self.arguments = arguments
    self.readsSecretVariables = readsSecretVariables
    environment = processEnvironment()
  }

  static func group(_ end: String) -> OptionGroup {
    let variable = "D2_" + end.uppercased()
    return OptionGroup(
      "The \(end)",
      [
        Option("--\(end)-url", value: "URL", help: "The server: https://host[/context]."),
        Option(
          "--\(end)-name", value: "NAME",
          help: "What dispatcher2 calls it (default: host and context). Fixed when the pair is added."),
        Option(
          "--\(end)-pat", value: "REF",
          help:
            "Where its personal access token is: env:NAME, file:PATH, cmd:COMMAND, or prompt to type it. Else \(variable)_PAT."
        ),
        Option("--\(end)-pat-file", value: "FILE", help: "The same as --\(end)-pat file:FILE."),
        Option(
          "--\(end)-username", value: "USER", help: "User name, where no token is used. Else \(variable)_USERNAME."),
        Option(
          "--\(end)-password", value: "REF",
          help:
            "Where the password is: env:NAME, file:PATH, cmd:COMMAND, or prompt. Else \(variable)_PASSWORD, else it is asked for."
        ),
        Option("--\(end)-password-file", value: "FILE", help: "The same as --\(end)-password file:FILE."),
        Option("--\(end)-ca-file", value: "FILE", help: "Certificates of authorities to trust besides the system's."),
        Option("--\(end)-client-cert", value: "FILE", help: "A client certificate (PEM)."),
        Option("--\(end)-client-key", value: "FILE", help: "Its private key."),
      ])
  }

  /// A new server; its URL must be there.
  func made() throws(CommandFailure) -> ConfiguredServer {
    guard let text = value("url") else { throw CommandFailure(.usage, "--\(end)-url is missing") }
    let url = try address(text)
    var server = ConfiguredServer(name: value("name") ?? url.authority + url.context, settings: .object([]))
    try change(&server)
    return server
  }

  /// Writes what the options say into a configuration.
  func change(_ server: inout ConfiguredServer) throws(CommandFailure) {
    if let text = value("url") { server.set("api_url", .string(try address(text).description + "/api")) }
    try setToken(&server)
    try setPassword(&server)
    if server.settings["use_pat"] == nil { server.set("use_pat", false) }
    for (option, key) in [("ca-file", "ca_file"), ("client-cert", "client_cert"), ("client-key", "client_key")] {
      if let file = value(option) { server.set(key, .string(file.isEmpty ? "" : absolute(file))) }
    }
  }

  private func setToken(_ server: inout ConfiguredServer) throws(CommandFailure) {
    guard let token = try secret("pat", variable: "PAT", what: "personal access token of the \(end)") else { return }
    guard value("username") == nil else {
      // Left over in the environment, it does not stand against the command line.
      if value("pat") == nil, value("pat-file") == nil { return }
      throw CommandFailure(.usage, "give the \(end) either a token or a user name, not both")
    }
    server.set("use_pat", true)
    server.set("pat", .string(token))
  }

  private func setPassword(_ server: inout ConfiguredServer) throws(CommandFailure) {
    let username = value("username") ?? variable("USERNAME")
    var password = try secret("password", variable: "PASSWORD", what: "password of the \(end)")
    // Given for the other way of signing in, or left over in the environment.
    if value("pat") != nil || value("pat-file") != nil { return }
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

  /// A secret as it is stored: a reference, or the text that was typed or stood in the environment.
  private func secret(_ option: String, variable name: String, what: String) throws(CommandFailure) -> String? {
    if let file = value(option + "-file") { return "file:" + absolute(file) }
    guard let given = value(option) else { return variable(name) }
    if given == "prompt" { return try Self.prompted(what) }
    guard !Secret(given).isLiteral else {
      throw CommandFailure(
        .usage,
        "--\(end)-\(option) takes no secret, which others could see in the list of processes: give env:NAME, file:PATH, cmd:COMMAND or prompt"
      )
    }
    if case .file(let path) = Secret(given) { return "file:" + absolute(path) }
    return given
  }

  private static func prompted(_ what: String) throws(CommandFailure) -> String {
    try Credentials.checked(try Prompt.secret(what), what)
  }

  private func value(_ option: String) -> String? { arguments.string("--\(end)-\(option)") }

  private func variable(_ name: String) -> String? {
    guard readsSecretVariables else { return nil }
    return environment["D2_\(end.uppercased())_\(name)"].flatMap { $0.isEmpty ? nil : $0 }
  }

  private func address(_ text: String) throws(CommandFailure) -> ServerURL {
    do { return try ServerURL(text) } catch { throw CommandFailure(.usage, "--\(end)-url: \(error)") }
  }

  /// The pair is used from other folders too.
  private func absolute(_ path: String) -> String {
    WorkingFolder.absolute(path)
  }
}
