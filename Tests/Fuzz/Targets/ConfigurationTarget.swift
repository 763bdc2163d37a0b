import D2Client
import D2Common

extension FuzzTarget {
  /// A server's configuration is the same after it was written and read. Its display and messages about its address
  /// contain none of its literal secrets.
  static let configuration = FuzzTarget(name: "configuration") { input in
    guard let settings = try? JSONValue(parsing: input) else { return }
    let server = ConfiguredServer(name: "end", settings: settings)
    mustHold(server.settings.members != nil, "settings are an object")
    let again = ConfiguredServer(name: "end", settings: try JSONValue(parsing: server.settings.text))
    mustHold(again == server, "settings survive being written")

    let plain = server.shown.text
    for key in server.literalSecrets {
      var marked = server
      marked.set(key, .string("literal-secret"))
      mustHold(!marked.shown.text.contains("literal-secret"), "\(key) is masked")
      mustHold(marked.text(key) == "literal-secret", "what was set is there")
      marked.remove(key)
      mustHold(marked.text(key) == nil, "what was removed is gone")
    }
    mustHold(ConfiguredServer(name: "end", settings: server.shown).shown.text == plain, "what is masked stays as it is")

    if let url = try? server.url() { mustHold(url == (try? ServerURL(url.description)), "the address has one form") }
    // Other secrets would open files or run commands.
    let isHarmless = ["password", "pat"].allSatisfy { key in
      switch server.text(key).map({ Secret($0) }) {
      case .file?, .command?: false
      default: true
      }
    }
    guard isHarmless, let credentials = try? server.credentials(environment: ["SECRET": "from-environment"]) else {
      return
    }
    let header: String =
      switch credentials {
      case .token(let token), .queueToken(let token): token
      case .basic(_, let password): password
      case .none: ""
      }
    mustHold(header.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }, "no secret ends a header")
  }

  /// The display of a secret is its text, or a mask for a literal.
  static let secret = FuzzTarget(name: "secret") { input in
    let text = String(decoding: input, as: UTF8.self)
    let secret = Secret(text)
    if secret.isLiteral {
      mustHold(try secret.resolve(environment: [:]).utf8.elementsEqual(text.utf8), "a literal is itself")
      mustHold(secret.shown == "********", "a literal is masked")
    } else {
      mustHold(secret.shown.utf8.elementsEqual(text.utf8), "a reference is shown as it is")
      mustHold(Secret(secret.shown) == secret, "a reference that is shown is the same")
    }
  }
}
