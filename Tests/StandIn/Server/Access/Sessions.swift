/// The sessions of a server, and how they end.
///
/// With a personal access token, each sign-in creates a session. A user has at most ten of them, and a newer one ends
/// the oldest. Sessions of passwords stay (recorded with 2.42.5.2 and 2.43.1: `session-pat-…`, `session-basic-…`).
struct Sessions: Sendable {
  /// The answer to the cookie of an ended session.
  enum Ending: Sendable {
    /// The first request is redirected to the logout page. Later ones sign in again, like those with an unknown cookie.
    case logout
    /// Each request is refused with 401.
    case unauthorized
  }

  private static let mostOfTokens = 10

  private var users: [String: String] = [:]
  /// Sessions of tokens, by user, the oldest first.
  private var ofTokens: [String: [String]] = [:]
  private var ended: [String: Ending] = [:]

  /// The session in a request's cookie.
  static func id(in request: Request) -> String? {
    for pair in (request.header("cookie") ?? "").split(separator: ";") {
      let sides = pair.split(separator: "=", maxSplits: 1)
      if sides.count == 2, sides[0].drop(while: { $0 == " " }) == "JSESSIONID" { return String(sides[1]) }
    }
    return nil
  }

  func username(of id: String) -> String? { users[id] }

  mutating func open(_ id: String, of username: String, withToken: Bool) {
    users[id] = username
    guard withToken else { return }
    ofTokens[username, default: []].append(id)
    while ofTokens[username]!.count > Self.mostOfTokens {
      let oldest = ofTokens[username]!.removeFirst()
      users[oldest] = nil
      ended[oldest] = .logout
    }
  }

  mutating func endAll(_ ending: Ending) {
    for id in users.keys { ended[id] = ending }
    users = [:]
    ofTokens = [:]
  }

  /// How a request with this cookie is refused; `nil` if its session did not end, or is forgotten.
  mutating func refuse(_ id: String) -> Ending? {
    let ending = ended[id]
    if case .logout? = ending { ended[id] = nil }
    return ending
  }
}
