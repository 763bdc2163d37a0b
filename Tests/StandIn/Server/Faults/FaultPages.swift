import D2Common

/// The pages of proxies between a client and DHIS2.
enum FaultPages {
  static func proxy(_ status: Int) -> String {
    """
    <html>\r
    <head><title>\(status) \(Response.reason(status))</title></head>\r
    <body>\r
    <center><h1>\(status) \(Response.reason(status))</h1></center>\r
    <hr><center>nginx/1.22.1</center>\r
    </body>\r
    </html>\r

    """
  }

  static let login = """
    <!DOCTYPE html>
    <html lang="en"><head><title>Log in | DHIS2</title></head>
    <body><form action="/dhis-web-commons-security/login.action" method="post">
    <input name="j_username"><input name="j_password" type="password"><button>Log in</button>
    </form></body></html>

    """
}

extension Fault {
  /// The answer that replaces the server's own; `nil` if the fault does not replace it.
  func substitute(version: ServerVersion, base: String) -> Response? {
    var response = answer(version: version, base: base)
    response?.isFromProxy = true
    return response
  }

  /// The answer of a proxy instead of the server.
  func proxysAnswer(_ status: Int) -> Response {
    let status = int("status") ?? status
    var response = Response.text(status, FaultPages.proxy(status), type: "text/html")
    response.isFromProxy = true
    return response
  }

  private func answer(version: ServerVersion, base: String) -> Response? {
    switch kind {
    case .status, .refuseEarly:
      let status = int("status") ?? (kind == .status ? 503 : 413)
      var response = Response.text(
        status, text("body") ?? FaultPages.proxy(status), type: text("type") ?? "text/html")
      response.headers += headers
      response.closes = kind == .refuseEarly
      return response
    case .tooLarge:
      var response = Response.text(413, FaultPages.proxy(413), type: "text/html")
      response.closes = true
      return response
    case .longTarget: return proxysAnswer(414)
    case .redirect:
      return Response(
        status: int("status") ?? 302, headers: [("Location", text("location") ?? base + version.loginPath)])
    case .loginPage: return .text(200, FaultPages.login, type: "text/html;charset=UTF-8")
    default: return nil
    }
  }
}
