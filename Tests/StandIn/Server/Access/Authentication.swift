import D2Common
import Synchronization

/// The users, their credentials, and the open sessions.
final class Authentication: Sendable {
  private struct State {
    var users: [String: User]
    var sessions = Sessions()
    var tokens: [String: String] = [:]
    var random: Random
  }

  /// The result of checking a request's credentials.
  enum Outcome {
    /// Signed in; the cookie of a new session.
    case user(User, newSession: String?)
    case refused(Response)
  }

  private let state: Mutex<State>
  private let version: ServerVersion
  private let statistics: Statistics

  init(users: [User], tokens: [String: String], version: ServerVersion, statistics: Statistics, seed: UInt64) {
    var byName: [String: User] = [:]
    for user in users { byName[user.username] = user }
    state = Mutex(State(users: byName, tokens: tokens, random: Random(seed: seed)))
    self.version = version
    self.statistics = statistics
  }

  var users: [User] { state.withLock { $0.users.values.sorted { $0.uid > $1.uid } } }

  /// Changes a user.
  func change(user name: String, _ change: (inout User) -> Void) {
    state.withLock { state in
      guard var user = state.users[name] else { return }
      change(&user)
      state.users[name] = user
    }
  }

  /// A new uid in DHIS2's form: eleven letters and digits, beginning with a letter.
  func newUid() -> String { state.withLock { $0.random.uid() } }

  /// Creates a token for a user, in the version's form with its checksum.
  func newToken(for user: User) -> String {
    state.withLock {
      let token = TokenForm.make(version, random: &$0.random)
      $0.tokens[token] = user.username
      return token
    }
  }

  /// Whether the sign-in of a request needs a password hash, without doing it.
  func hashesPassword(_ request: Request) -> Bool {
    session(request) == nil && request.header("authorization")?.lowercased().hasPrefix("basic ") == true
  }

  /// Ends all open sessions, including those of passwords. See `Sessions.Ending`.
  func endSessions(_ ending: Sessions.Ending) { state.withLock { $0.sessions.endAll(ending) } }

  func signIn(_ request: Request, base: String) -> Outcome {
    if let refusal = refusalOfEndedSession(request) { return .refused(refusal) }
    guard let authorization = request.header("authorization") else {
      if let user = session(request) { return .user(user, newSession: nil) }
      return .refused(unauthenticated(request, base: base))
    }
    let parts = authorization.split(separator: " ", maxSplits: 1).map(String.init)
    switch parts.first?.lowercased() {
    case "basic": return basic(parts.count == 2 ? parts[1] : "", request)
    case "apitoken": return token(parts.count == 2 ? parts[1] : "", request)
    default: return .refused(unauthenticated(request, base: base))
    }
  }

  private func session(_ request: Request) -> User? {
    guard let id = Sessions.id(in: request) else { return nil }
    return state.withLock { state in state.sessions.username(of: id).flatMap { state.users[$0] } }
  }

  /// The answer to the cookie of an ended session, whatever the other headers (`session-pat-after-twelve-more`).
  private func refusalOfEndedSession(_ request: Request) -> Response? {
    guard let id = Sessions.id(in: request), let ending = state.withLock({ $0.sessions.refuse(id) }) else { return nil }
    switch ending {
    case .unauthorized: return unauthorized()
    case .logout:
      var response = Response(status: 302)
      for name in ["JSESSIONID"] + (version.minor >= 43 ? ["SESSION_EXPIRE"] : []) {
        response.headers.append(("Set-Cookie", "\(name)=; Expires=Thu, 01 Jan 1970 00:00:10 GMT; Path=/"))
      }
      response.headers.append(("Location", "/dhis-web-commons-security/logout.action"))
      return response
    }
  }

  private func basic(_ encoded: String, _ request: Request) -> Outcome {
    let credentials = Base64.decoded(encoded).map { String(decoding: $0, as: UTF8.self) } ?? ""
    let sides = credentials.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    if let user = session(request), sides.first == user.username { return .user(user, newSession: nil) }
    statistics.login()
    guard sides.count == 2, let user = state.withLock({ $0.users[sides[0]] }), user.password == sides[1] else {
      return .refused(unauthorized())
    }
    return .user(user, newSession: openSession(user, withToken: false))
  }

  private func token(_ token: String, _ request: Request) -> Outcome {
    statistics.tokenCheck()
    if let user = state.withLock({ state in state.tokens[token].flatMap { state.users[$0] } }) {
      if session(request)?.username == user.username { return .user(user, newSession: nil) }
      return .user(user, newSession: openSession(user, withToken: true))
    }
    var refusal: Response
    if version.checksTokenSums, !TokenForm.sumIsRight(token) {
      refusal = .json(400, ErrorPages.body(400, "Checksum validation failed"), type: version.jsonType)
    } else {
      refusal = .json(401, ErrorPages.body(401, "The API token does not exists."), type: version.jsonType)
    }
    refusal.headers.append(("WWW-Authenticate", "ApiToken"))
    return .refused(refusal)
  }

  private func openSession(_ user: User, withToken: Bool) -> String {
    state.withLock {
      let id = version.runsOnTomcat ? $0.random.hex(32) : "node0" + $0.random.letters(26) + ".node0"
      $0.sessions.open(id, of: user.username, withToken: withToken)
      return id
    }
  }

  private func unauthorized() -> Response {
    .json(401, ErrorPages.body(401, "Unauthorized"), type: version.jsonType)
  }

  private func unauthenticated(_ request: Request, base: String) -> Response {
    if request.header("x-requested-with") == "XMLHttpRequest" { return unauthorized() }
    return Response(status: 302, headers: [("Location", base + version.loginPath)])
  }
}
