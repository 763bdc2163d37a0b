import D2Common

/// Errors in the form of the servlet container and of the application.
enum ErrorPages {
  /// A page of the servlet container. Only the visible text is imitated.
  static func container(_ version: ServerVersion, _ status: Int, _ message: String) -> Response {
    guard version.runsOnTomcat else {
      return .text(
        status,
        """
        <html>
        <head>
        <meta http-equiv="Content-Type" content="text/html;charset=ISO-8859-1"/>
        <title>Error \(status) \(message)</title>
        </head>
        <body><h2>HTTP ERROR \(status) \(message)</h2></body>
        </html>

        """, type: "text/html;charset=iso-8859-1")
    }
    return .text(
      status,
      """
      <!doctype html><html lang="en"><head><title>HTTP Status \(status) – \(Response.reason(status))</title></head>\
      <body><h1>HTTP Status \(status) – \(Response.reason(status))</h1><p><b>Message</b> \(message)</p></body></html>
      """, type: "text/html;charset=utf-8")
  }

  static func headTooLarge(_ version: ServerVersion) -> Response {
    version.runsOnTomcat
      ? container(version, 400, "Request header is too large")
      : .text(414, "<h1>Bad Message 414</h1><pre>reason: URI Too Long</pre>", type: "text/html;charset=iso-8859-1")
  }

  static func emptySegment(_ version: ServerVersion) -> Response {
    var page =
      version.runsOnTomcat
      ? container(version, 400, "")
      : .text(
        400, "<h1>Bad Message 400</h1><pre>reason: Ambiguous URI empty segment</pre>",
        type: "text/html;charset=iso-8859-1")
    page.closes = true
    return page
  }

  /// A web message in the form of the application's exception handlers: without a charset in every version.
  static func message(_ status: Int, _ text: String, code: String? = nil) -> Response {
    .json(status, body(status, text, code: code), type: "application/json")
  }

  static func body(_ status: Int, _ text: String, code: String? = nil) -> JSONValue {
    var members: [JSONValue.Member] = [
      .init("httpStatus", .string(Response.reason(status))), .init("httpStatusCode", .int(status)),
      .init("status", "ERROR"), .init("message", .string(text)),
    ]
    if let code { members.append(.init("errorCode", .string(code))) }
    return .object(members)
  }
}
