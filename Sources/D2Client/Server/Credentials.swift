import D2Common
import Glibc

/// The credentials of a request. Their description never shows a secret.
package enum Credentials: Sendable, CustomStringConvertible {
  /// User name and password, sent as HTTP Basic.
  case basic(username: String, password: String)
  /// A personal access token, sent as `ApiToken`.
  case token(String)
  /// A token of go-dispatcher2, sent as `Token:`, with the colon that it expects.
  case queueToken(String)
  /// No authentication.
  case none

  package var description: String {
    switch self {
    case .basic(let username, _): "user \(username)"
    case .token: "a personal access token"
    case .queueToken: "a token of the queue"
    case .none: "no credentials"
    }
  }

  /// The value of the `Authorization` header.
  var authorization: String? {
    switch self {
    case .basic(let username, let password): "Basic " + Base64.encoded(Array("\(username):\(password)".utf8))
    case .token(let token): "ApiToken " + token
    case .queueToken(let token): "Token: " + token
    case .none: nil
    }
  }

  /// All secrets, in the forms in which they could appear. None may be shown.
  var secrets: [String] {
    let secrets: [String] =
      switch self {
      case .basic(let username, let password):
        [password, Base64.encoded(Array("\(username):\(password)".utf8))].filter { !$0.isEmpty }
      case .token(let token), .queueToken(let token): [token]
      case .none: []
      }
    // As they appear in an address, and in JSON.
    let written = secrets.flatMap { secret in
      var json: [UInt8] = []
      JSONValue.writeString(secret, to: &json)
      let quoted = String(decoding: json.dropFirst().dropLast(), as: UTF8.self)
      return [Query.encoded(secret), quoted, quoted.replacing("/", with: "\\/")]
    }
    return Set(secrets + written).sorted { $0.utf8.count > $1.utf8.count }
  }

  /// The first line of a file.
  ///
  /// - Throws: `CommandFailure`: 74 if it cannot be read, 78 if it contains no secret.
  package static func secret(inFile path: String) throws(CommandFailure) -> String {
    let bytes: [UInt8]
    do { bytes = try FileBytes.read(path, atMost: mostBytes) } catch {
      throw CommandFailure(.cannotRead, "cannot read \(path): \(error)")
    }
    let line = firstLine(of: bytes)
    guard !line.isEmpty else {
      throw CommandFailure(.configuration, "\(path) is empty: its first line must be the secret")
    }
    return try Credentials.checked(line, path)
  }

  /// Longer than the line of any secret.
  static let mostBytes = 64 * 1024

  static func firstLine(of bytes: [UInt8]) -> String {
    String(decoding: bytes.prefix { $0 != 0x0A && $0 != 0x0D }, as: UTF8.self)
  }

  /// Checks a secret, because a line break or control byte would end the header and begin another one.
  ///
  /// - Throws: `CommandFailure`, 78, with the origin of the secret.
  package static func checked(_ secret: String, _ source: String) throws(CommandFailure) -> String {
    guard secret.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
      throw CommandFailure(.configuration, "the secret in \(source) holds a control character")
    }
    return secret
  }
}
