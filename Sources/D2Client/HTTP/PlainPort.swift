import D2Common

/// Finds out whether the port of an https address speaks plain http. Such a port does not answer the beginning of TLS,
/// or answers with something else. Without this check, a wrong address would cost minutes of timeouts.
enum PlainPort {
  /// How long a connection waits for the server's part of TLS before the port is checked. The time doubles each time,
  /// because the network may be slow.
  ///
  /// - Parameter late: how often the server was late.
  static func helloSeconds(after late: Int) -> Double { 5 * Double(1 << min(late, 10)) }

  private static let answerSeconds = 3.0

  static let message = "the port answers http, not https"

  /// - Parameter error: the failure of the first connection.
  static func speaksHTTP(
    _ server: ServerURL, after error: TransferError, _ configuration: HTTPClient.Configuration
  ) -> Bool {
    switch error {
    // The errors of OpenSSL and GnuTLS when they read something other than TLS.
    case .tls(let text), .broken(let text):
      ["wrong version number", "unexpected TLS packet", "packet length"].contains { text.contains($0) }
    case .unreachable(let text) where text.hasPrefix("SSL connection timeout"): answers(server, configuration)
    default: false
    }
  }

  /// Sends a request without credentials. A TLS port answers plain http with status 400.
  private static func answers(_ server: ServerURL, _ configuration: HTTPClient.Configuration) -> Bool {
    let port = server.authority.reversed().drop { $0.isNumber }.first == ":" ? "" : ":443"
    guard let plain = try? ServerURL("http://\(server.authority)\(port)") else { return false }
    var settings = HTTPClient.Configuration()
    settings.environment = configuration.environment
    settings.limitPatience(seconds: answerSeconds)
    let answer = try? HTTPClient(plain, settings).perform(HTTPRequest(.get, "/"))
    return answer.map { $0.status > 0 && $0.status != 400 } ?? false
  }
}
