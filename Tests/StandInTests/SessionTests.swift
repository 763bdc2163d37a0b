import D2Common
import Testing
import WaitingTests

@testable import StandInServer

/// Sessions end as they did at real servers: the exchanges `session-…` of the later recordings, with the twelve
/// sign-ins between them that were not recorded.
@Suite(.waiting) struct SessionTests {
  @Test(arguments: [ServerVersion.v42, .v43])
  func endAsRecorded(_ version: ServerVersion) throws {
    var options = StandInOptions()
    options.version = version
    options.metadata = try Recording.metadata()
    options.superuserTokens = ["d2p_session"]
    let server = try StandIn(options)
    server.start()
    defer { server.stop() }
    let exchanges = try Recording.exchanges(of: version, .later).filter {
      $0.name.hasPrefix("session-")
    }
    #expect(exchanges.count == 12)
    // The recorded server's session, by our own in its place.
    var sessions: [(recorded: String, own: String)] = []
    for exchange in exchanges {
      let authorization = exchange.asker == "pat:admin" ? "ApiToken d2p_session" : TestClient.admin[0].1
      if exchange.name.hasSuffix("-after-twelve-more") {
        for _ in 1...12 {
          let answer = TestClient.ask(
            server.port, "GET", "/api/me?fields=id", headers: [("Authorization", authorization)])
          #expect(answer.status == 200)
          #expect(Self.session(answer.headers)?.isEmpty == false)
        }
      }
      var headers = exchange.headers.map { ($0.name, $0.value) }
      for place in headers.indices where headers[place].0 == "Authorization" { headers[place].1 = authorization }
      for place in headers.indices where headers[place].0 == "Cookie" {
        headers[place].1 = sessions.reduce(headers[place].1) { $0.replacing($1.recorded, with: $1.own) }
      }
      let answer = TestClient(port: server.port).send(
        exchange.method, exchange.target, headers: headers, body: exchange.body
      ).receive()
      #expect(answer.status == exchange.status, "\(exchange.name)")
      #expect(answer.header("Location") == exchange.answerHeader("Location"), "\(exchange.name)")
      let (recorded, own) = (Self.session(exchange.answerHeaders), Self.session(answer.headers))
      // A new session, the end of one (an empty text), or neither.
      #expect(recorded?.isEmpty == own?.isEmpty, "\(exchange.name)")
      #expect(Self.cookies(exchange.answerHeaders) == Self.cookies(answer.headers), "\(exchange.name)")
      if let recorded, let own, !recorded.isEmpty { sessions.append((recorded, own)) }
    }
  }

  @Test("the fault ends the sessions of passwords too; 401 comes for each request with such a cookie")
  func fault() throws {
    let server = try SmallServer(values: 0)
    func ask(_ cookie: String?) -> TestClient.Answer {
      TestClient.ask(
        server.port, "GET", "/api/me",
        headers: TestClient.admin + (cookie.map { [("Cookie", "JSESSIONID=" + $0)] } ?? []))
    }
    func newSession() throws -> String { try #require(Self.session(ask(nil).headers)) }
    let first = try newSession()
    #expect(ask(first).status == 200)
    try server.fail(#"{"kind":"end-sessions"}"#)
    #expect(ask(first).status == 302)
    #expect(ask(first).status == 200)
    let second = try newSession()
    try server.fail(#"{"kind":"end-sessions","status":401}"#)
    for _ in 1...3 { #expect(ask(second).status == 401) }
    #expect(ask(nil).status == 200)
  }

  private static func session(_ headers: [(name: String, value: String)]) -> String? {
    cookieLines(headers).first { $0.hasPrefix("JSESSIONID=") }
      .map { String($0.dropFirst("JSESSIONID=".count).prefix { $0 != ";" }) }
  }

  /// The names of those that are set.
  private static func cookies(_ headers: [(name: String, value: String)]) -> [String] {
    cookieLines(headers).map { String($0.prefix { $0 != "=" }) }
  }

  private static func cookieLines(_ headers: [(name: String, value: String)]) -> [String] {
    headers.filter { $0.name.lowercased() == "set-cookie" }.map(\.value)
  }
}
