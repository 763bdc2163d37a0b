import D2Common

/// A request to a server.
package struct HTTPRequest: Sendable {
  package enum Method: String, Sendable { case get = "GET", post = "POST" }

  package var method: Method
  /// Path and query after the server's context: `/api/me?fields=id`.
  package var target: String
  package var headers: [(name: String, value: String)] = []
  /// The body, sent as it is, with its length.
  package var body: (any HTTPBody)?
  /// Whether to check, after the answer, that the server closed the connection without announcing it.
  package var watchesForClose = false

  /// Whether to pass on the body of a 2xx answer while it arrives. All other bodies are kept in the answer.
  package var handsOnBody = false

  package init(_ method: Method, _ target: String) {
    self.method = method
    self.target = target
  }
}

/// The header of an answer, measurements, and the body if it was not passed on while it arrived.
package struct HTTPResponse: Sendable {
  package var status = 0
  package var headers: [(name: String, value: String)] = []
  package var body: [UInt8] = []
  /// Bytes of the body as they crossed the wire.
  package var wireBytes = 0
  /// From the first byte of the request to the first byte of the answer.
  package var firstByteSeconds = 0.0
  /// From the first byte of the request to the last byte of the answer.
  package var seconds = 0.0
  /// Whether the server closed the connection after a complete answer without announcing it. This is a sign of an
  /// export that failed halfway (servers up to 2.42 end such an answer as valid JSON).
  package var closedUnannounced = false
  /// Whether the request had a cookie that may be of a session. Then a refusal may only mean that its session has
  /// ended.
  var carriedCookies = false
  /// Whether the server had ended the session, and this is the answer to the same request without its cookie.
  package var signedInAnew = false
  /// The version of the protocol: `HTTP/1.1`.
  var version = ""

  package init() {}

  /// The value of the first header of that name.
  package func header(_ name: String) -> String? {
    headers.first { $0.name == name.lowercased() }?.value
  }

  /// Whether the answer may mean that the server has ended the session. The answer to wrong credentials is the same.
  /// The request was not performed.
  var refusesSession: Bool {
    carriedCookies && (status == 401 || ((300..<400).contains(status) && status != 304))
  }

  /// The seconds to wait that the server asks for, from either form of `Retry-After` (RFC 9110, 10.2.3).
  package var retryAfterSeconds: Double? {
    guard let text = header("retry-after") else { return nil }
    if let seconds = Double(text) { return max(0, seconds) }
    return HTTPDate.seconds(until: text)
  }
}

/// Why there is no complete answer.
package enum TransferError: Error, Sendable {
  /// No connection: name, route, refusal, or timeout of the connection.
  case unreachable(String)
  /// One side refused the other's certificate.
  case tls(String)
  /// The answer did not begin, or stalled, for too long.
  case timedOut(String)
  /// The connection broke.
  case broken(String)
  /// The request could not be made: an unreadable file of certificates, an invalid URL.
  case setup(String)
  /// A signal stopped the command.
  case interrupted
}
