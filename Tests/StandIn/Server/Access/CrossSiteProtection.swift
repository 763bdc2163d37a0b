/// Protection against cross-site requests, as Spring Security does it from 2.42 on (`http.security.csrf.enabled`).
///
/// A request that may change something needs a header that repeats a cookie. Any value will do, as long as both are the
/// same. The server sets the cookie with the answer to a signed-in request without it, and with its refusal. It checks
/// this before it checks the credentials.
enum CrossSiteProtection {
  private static let cookieName = "XSRF-TOKEN"
  private static let harmless: Set<String> = ["GET", "HEAD", "TRACE", "OPTIONS"]

  /// The refusal of a request without a valid token: a page of the servlet container.
  static func refusal(of request: Request, _ version: ServerVersion, _ authentication: Authentication) -> Response? {
    guard !harmless.contains(request.method) else { return nil }
    if let token = token(of: request), request.header("x-xsrf-token") == token { return nil }
    var refusal = ErrorPages.container(version, 403, "Forbidden")
    refusal.headers += cookies(for: request, authentication)
    return refusal
  }

  /// A new cookie, if the request had none.
  static func cookies(for request: Request, _ authentication: Authentication) -> [(name: String, value: String)] {
    guard token(of: request) == nil else { return [] }
    return [("Set-Cookie", "\(cookieName)=\(authentication.newUid())-\(authentication.newUid()); Path=/")]
  }

  private static func token(of request: Request) -> String? {
    for pair in (request.header("cookie") ?? "").split(separator: ";") {
      let sides = pair.split(separator: "=", maxSplits: 1)
      if sides.count == 2, sides[0].drop(while: { $0 == " " }) == cookieName { return String(sides[1]) }
    }
    return nil
  }
}
