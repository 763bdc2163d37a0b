import D2Common

/// The API of gcinnovate/go-dispatcher2, from its sources: JSON that repeats the request, and 200 even if nothing was
/// stored.
struct DispatcherInGo {
  private let server: QueueServer

  init(_ server: QueueServer) { self.server = server }

  func answer(_ request: Request) -> Response {
    let segments = request.path.split(separator: "/").map(String.init)
    guard segments.first == "api" else { return notFound }
    guard isSignedIn(request) else { return json(401, ["error": "Unauthorized"]) }
    switch (request.method, segments.dropFirst().first, segments.count) {
    case ("GET", "test2", 2): return .text(200, "Authorized", type: "text/plain; charset=utf-8")
    case ("POST", "queue", 2): return queue(request)
    case ("GET", "queue", 3): return state(of: segments[2], request)
    case ("DELETE", "queue", 3):
      server.forget(segments[2])
      return json(200, ["status": "deleted"])
    default: return notFound
    }
  }

  private var notFound: Response { .text(404, "Page Not Found!", type: "text/plain; charset=utf-8") }

  private func json(_ status: Int, _ value: JSONValue) -> Response {
    .json(status, value, type: "application/json; charset=utf-8")
  }

  private func isSignedIn(_ request: Request) -> Bool {
    guard let authorization = request.header("authorization") else { return false }
    if authorization.hasPrefix("Token: ") {
      return server.options.tokens.contains(String(authorization.dropFirst(7)))
    }
    return server.basicUser(authorization, splitsOnce: true)?.isKnown ?? false
  }

  private static let contentTypes: Set<String> = [
    "application/json", "application/json-patch+json", "application/geo+json",
  ]

  private func queue(_ request: Request) -> Response {
    guard let type = request.header("content-type"), Self.contentTypes.contains(type) else {
      return .text(502, "Failed to add request to queue", type: "text/plain; charset=utf-8")
    }
    // The insert fails if the year is empty, and returns a nil row.
    if request.first("year") == "" { return Response.empty(500) }
    let source = server.server(named: request.first("source") ?? "localhost")
    let destination = server.server(named: request.first("destination"))
    guard let document = try? JSONValue(reading: request.body), document.members != nil else {
      if let source, let destination {
        _ = server.store(request, source: source, destination: destination, body: Array("null".utf8))
      }
      return json(400, ["error": "json: cannot unmarshal into Go value of type map[string]interface {}"])
    }
    let body = GoJSON.encoded(document)
    var uid = ""
    if let source, let destination {
      uid = server.store(request, source: source, destination: destination, body: body).uid
    }
    return json(
      200,
      [
        "uid": .string(uid), "source": .int(source ?? 0), "destination": .int(destination ?? 0),
        "body": .string(String(decoding: body, as: UTF8.self)), "status": "", "RawMsg": "",
        "period": .string(request.first("period") ?? ""),
      ])
  }

  private func state(of uid: String, _ request: Request) -> Response {
    let names = request.first("fields").map { $0.split(separator: ",").map(String.init) }
    let row = server.row(uid)?.columns(names ?? ["uid", "source", "destination", "body", "status"])
    return json(200, row ?? .null)
  }
}

/// JSON as Go writes a map: keys sorted, numbers as doubles, `<`, `>` and `&` escaped.
enum GoJSON {
  static func encoded(_ value: JSONValue) -> [UInt8] {
    sorted(value).jackson.utf8.flatMap { byte -> [UInt8] in
      // They occur only in strings.
      switch byte {
      case UInt8(ascii: "<"): Array("\\u003c".utf8)
      case UInt8(ascii: ">"): Array("\\u003e".utf8)
      case UInt8(ascii: "&"): Array("\\u0026".utf8)
      default: [byte]
      }
    }
  }

  private static func sorted(_ value: JSONValue) -> JSONValue {
    switch value {
    case .object(let members):
      var last: [String: JSONValue] = [:]
      for member in members { last[member.key] = sorted(member.value) }
      return .object(
        last.sorted { Array($0.key.utf8).lexicographicallyPrecedes(Array($1.key.utf8)) }.map { .init($0.key, $0.value) }
      )
    case .array(let elements): return .array(elements.map(sorted))
    case .number(let spelling):
      guard let number = Double(spelling) else { return value }
      return .number(number.rounded() == number && abs(number) < 1e15 ? String(Int(number)) : "\(number)")
    default: return value
    }
  }
}
