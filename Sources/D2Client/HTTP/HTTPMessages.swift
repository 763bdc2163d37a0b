import D2Common

/// What is asked of a server.
package struct HTTPRequest: Sendable {
  package enum Method: String, Sendable { case get = "GET", post = "POST" }

  package var method: Method
  /// Path and query after the server's context: `/api/me?fields=id`.
  package var target: String
  package var headers: [(name: String, value: String)] = []
  /// Sent as it is, with its length.
  package var body: (any HTTPBody)?
  /// Whether to find out, after the answer, that the server closed the connection without having said so.
  package var watchesForClose = false

  /// Whether the body of a 2xx answer is handed on while it arrives; all others are kept in the answer.
  package var handsOnBody = false

  package init(_ method: Method, _ target: String) {
    self.method = method
    self.target = target
  }
}

/// The head of an answer, what was learnt on the way, and the body if nobody took it while it arrived.
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
  /// The server closed the connection after a complete answer, and had not announced it. That is the mark of an export
  /// that failed half-way (servers up to 2.42 end such an answer as valid JSON).
  package var closedUnannounced = false
  /// Whether the request carried a cookie: then a refusal may only mean that its session has ended.
  var carriedCookies = false
  /// The server had ended the session, and the same request without its cookie got this answer.
  package var signedInAnew = false
  /// `HTTP/1.1`.
  var version = ""

  package init() {}

  /// The value of the first header of that name.
  package func header(_ name: String) -> String? {
    headers.first { $0.name == name.lowercased() }?.value
  }

  /// What a server answers to the cookie of a session that it has ended; also what it answers to wrong credentials. The
  /// request was not performed.
  var refusesSession: Bool {
    carriedCookies && (status == 401 || ((300..<400).contains(status) && status != 304))
  }

  /// Seconds to wait as the server asks, from either form of `Retry-After` (RFC 9110, 10.2.3).
  package var retryAfterSeconds: Double? {
    guard let text = header("retry-after") else { return nil }
    if let seconds = Double(text) { return max(0, seconds) }
    return HTTPDate.seconds(until: text)
  }
}

/// Why no whole answer came.
package enum TransferError: Error, Sendable {
  /// No connection: name, route, refusal, time-out of connecting.
  case unreachable(String)
  /// The server's certificate or ours was refused.
  case tls(String)
  /// The answer did not begin, or stood still, for too long.
  case timedOut(String)
  /// The connection broke.
  case broken(String)
  /// The request could not be made: a file of certificates that cannot be read, an impossible URL.
  case setup(String)
  /// A signal asked the command to end.
  case interrupted
}
