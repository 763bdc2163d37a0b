import D2Common

/// The answer of the server.
struct Response: Sendable {
  var status: Int
  var headers: [(name: String, value: String)] = []
  var body: Body = .bytes([])
  /// Whether it is from a proxy, which names the status in words; Tomcat does not.
  var isFromProxy = false
  /// Whether to close the connection afterwards, and announce it.
  var closes = false
  /// Whether to close the connection afterwards without announcing it, like a server whose query failed halfway.
  var closesSilently = false
  /// Whether to close the connection instead of answering.
  var isWithheld = false

  enum Body: Sendable {
    /// Sent with its length.
    case bytes([UInt8])
    /// Sent in chunks, so that the client does not know the length.
    case chunked([UInt8])
    /// Written piece by piece. The closure gets a sink for bytes, which throws when the client has closed the
    /// connection.
    case stream(@Sendable (_ send: ([UInt8]) throws -> Void) throws -> Void)
  }

  static func text(_ status: Int, _ text: String, type: String) -> Response {
    Response(status: status, headers: [("Content-Type", type)], body: .bytes(Array(text.utf8)))
  }

  static func json(_ status: Int, _ value: JSONValue, type: String) -> Response {
    let bytes = Array(value.jackson.utf8)
    return Response(status: status, headers: [("Content-Type", type)], body: .chunked(bytes))
  }

  /// No answer; the connection ends.
  static let none: Response = {
    var response = Response(status: 0)
    response.isWithheld = true
    return response
  }()

  static func empty(_ status: Int) -> Response { Response(status: status) }

  static func reason(_ status: Int) -> String {
    switch status {
    case 200: "OK"
    case 201: "Created"
    case 202: "Accepted"
    case 204: "No Content"
    case 301: "Moved Permanently"
    case 302: "Found"
    case 303: "See Other"
    case 307: "Temporary Redirect"
    case 308: "Permanent Redirect"
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 406: "Not Acceptable"
    case 408: "Request Timeout"
    case 409: "Conflict"
    case 411: "Length Required"
    case 413: "Request Entity Too Large"
    case 414: "URI Too Long"
    case 415: "Unsupported Media Type"
    case 429: "Too Many Requests"
    case 500: "Internal Server Error"
    case 502: "Bad Gateway"
    case 503: "Service Unavailable"
    case 504: "Gateway Timeout"
    default: "Status \(status)"
    }
  }
}
