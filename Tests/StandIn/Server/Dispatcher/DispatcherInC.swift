import D2Common

/// The API of gcinnovate/dispatcher-2, from its sources: plain text, success after every error, no answer to unknown
/// paths.
struct DispatcherInC {
  private let server: QueueServer

  init(_ server: QueueServer) { self.server = server }

  func answer(_ request: Request) -> Response {
    switch request.path.lowercased() {
    case "/test": return text(200, "")
    case "/queue": return queue(request)
    default: return .none
    }
  }

  private func queue(_ request: Request) -> Response {
    if !request.body.isEmpty, request.header("content-type") == nil { return .none }
    var user = ""
    var isKnown = false
    if let authorization = request.header("authorization") {
      // It splits at each colon, and needs two parts.
      (user, isKnown) = server.basicUser(authorization, splitsOnce: false) ?? ("", false)
    } else if let name = request.first("username") {
      user = name
      isKnown = server.options.users[name] == request.first("password")
    }
    guard isKnown else { return text(401, "error: ERR001: auth failed, user=\(user)Request Queued") }
    guard let source = server.server(named: request.first("source")),
      let destination = server.server(named: request.first("destination")),
      ["t", "f", "true", "false", "1", "0", "yes", "no", "on", "off"].contains(
        (request.first("is_qparams") ?? "f").lowercased()),
      Int(request.first("msgid") ?? "-1").map({ $0 <= Int(Int32.max) }) ?? true
    else { return text(202, "error: E0003: Failed to save request in databaseRequest Queued") }
    _ = server.store(request, source: source, destination: destination, body: request.body)
    return text(202, "Request Queued")
  }

  private func text(_ status: Int, _ text: String) -> Response {
    Response(
      status: status, headers: [("Server", "Dispatcher2"), ("Content-Type", "text/plain")],
      body: .bytes(Array(text.utf8)))
  }
}
