import D2Common

/// One end of a pair: its name (dispatcher2 identifies servers by name) and its configuration.
///
/// The keys are those of the Python tool: `api_url` (ends with `/api`), `use_pat`, `username`, `password`, `pat`, and
/// for the source `ous_synced` and `datasets_synced`. Booleans may be the strings "true" and "false". d2 adds
/// `ca_file`, `client_cert` and `client_key`.
package struct ConfiguredServer: Sendable, Equatable {
  package let name: String
  /// A JSON object.
  package var settings: JSONValue
  /// The pair and the end, for messages; `nil` if it has no pair yet.
  package var end: PairEnd?

  package init(name: String, settings: JSONValue) {
    self.name = name
    self.settings = settings.members == nil ? .object([]) : settings
  }

  /// - Throws: `CommandFailure`, 78.
  package func url() throws(CommandFailure) -> ServerURL {
    guard let text = text("api_url") else {
      throw CommandFailure(.configuration, "server \(name) has no api_url: give it with d2-pairs set")
    }
    do { return try ServerURL(text) } catch {
      throw CommandFailure(.configuration, "server \(name): api_url: \(error)")
    }
  }

  /// - Throws: `CommandFailure`, 78 if a reference cannot be resolved.
  package func credentials(environment: [String: String]) throws(CommandFailure) -> Credentials {
    let pat = text("pat")
    let username = text("username")
    if let pat, settings["use_pat"]?.bool ?? (username == nil) {
      return .token(try Credentials.checked(try Secret(pat).resolve(environment: environment), "pat of \(name)"))
    }
    guard let username else { return .none }
    guard let password = text("password") else {
      throw CommandFailure(.configuration, "server \(name) has a username but no password: give it with d2-pairs set")
    }
    return .basic(
      username: username,
      password: try Credentials.checked(try Secret(password).resolve(environment: environment), "password of \(name)"))
  }

  /// The text of a setting; `nil` if it is missing or empty.
  package func text(_ key: String) -> String? { settings[key]?.scalarText.flatMap { $0.isEmpty ? nil : $0 } }

  /// Sets a key. If a key occurs twice, the last one counts.
  package mutating func set(_ key: String, _ value: JSONValue) {
    var members = settings.members ?? []
    if let place = members.lastIndex(where: { $0.key == key }) {
      members[place].value = value
    } else {
      members.append(.init(key, value))
    }
    settings = .object(members)
  }

  package mutating func remove(_ key: String) {
    settings = .object((settings.members ?? []).filter { $0.key != key })
  }

  private static let secrets: Set<String> = ["password", "pat"]
  /// Whether another key of a hand-written configuration looks like a secret.
  private static func looksSecret(_ key: String) -> Bool {
    let key = key.lowercased()
    return secrets.contains(key) || ["password", "secret", "token", "key_pass"].contains { key.contains($0) }
  }

  /// The keys of secrets that the configuration contains literally.
  package var literalSecrets: [String] {
    Self.secrets.sorted().filter { key in text(key).map { Secret($0).isLiteral } ?? false }
  }

  /// The configuration for display: literals are masked, references are shown.
  package var shown: JSONValue { Self.shown(settings) }

  private static func shown(_ value: JSONValue) -> JSONValue {
    switch value {
    case .object(let members):
      .object(
        members.map { member in
          guard looksSecret(member.key) else { return .init(member.key, shown(member.value)) }
          let text = member.value.scalarText ?? (member.value == .null ? "" : "?")
          return .init(member.key, .string(text.isEmpty ? "" : Secret(text).shown))
        })
    case .array(let elements): .array(elements.map { shown($0) })
    // An address may contain a password: https://user:password@host.
    case .string(let text): .string(withoutUser(text))
    default: value
    }
  }

  private static func withoutUser(_ text: String) -> String {
    // Use bytes, because a combining mark after the @ would form another character with it.
    guard let at = text.utf8.lastIndex(of: UInt8(ascii: "@")), let scheme = text.firstRange(of: "://") else {
      return text
    }
    return (scheme.upperBound <= at ? text[..<scheme.upperBound] : "") + "********" + text[at...]
  }
}
