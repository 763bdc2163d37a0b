import D2Client
import D2Common

/// The address of a queue, and the server names in its requests.
struct QueueAddress: Sendable {
  let server: ServerURL
  let path: String
  let flavour: QueueFlavour
  let source: String
  let destination: String

  fileprivate func failure(_ status: ExitStatus, mayPass: Bool = false, _ message: String) -> ServerError {
    ServerError(server, path, .foreign(status, mayPass: mayPass), message)
  }

  /// The error if the connection closes without an answer from the first request on. dispatcher-2 does that for each
  /// path that it does not know.
  func closedUnanswered(_ error: ServerError) -> ServerError {
    failure(
      .notDHIS2,
      "the connection was closed without an answer: \(error.message) (dispatcher2 does so for a path that it does not know: "
        + "is this the whole address of the queue?)")
  }
}

/// The confirmation that a request is in the queue. An answer that only resembles one is a failure.
struct QueueReceipt: Sendable, Equatable {
  /// The request's id, if the queue gives it one.
  var uid: String?

  /// Reads the answer to a request.
  ///
  /// - Throws: `ServerError`, retryable or not, with advice.
  init(_ response: HTTPResponse, _ queue: QueueAddress) throws(ServerError) {
    switch queue.flavour {
    case .dispatcher2: uid = try Self.readText(response, queue)
    case .goDispatcher2: uid = try Self.readJSON(response, queue)
    }
  }

  /// dispatcher-2 says 202 even if a server name is unknown or the request could not be stored. It also writes `Request
  /// Queued` after the error. So only that text alone is a confirmation (`queue_request` in its src/server.c).
  private static func readText(_ response: HTTPResponse, _ queue: QueueAddress) throws(ServerError) -> String? {
    let text = shown(response.body)
    let isSpace: (UInt8) -> Bool = { $0 <= 0x20 }
    let answer = response.body.drop(while: isSpace).reversed().drop(while: isSpace).reversed()
    if response.status == 202, answer.elementsEqual("Request Queued".utf8) { return nil }
    guard text.hasPrefix("error:") || text.hasPrefix("ERR") else { throw failure(response, queue, text) }
    if text.contains("E0003") {
      throw queue.failure(
        .configuration,
        "HTTP \(response.status), but nothing is stored: \(text) (does its table of servers hold source "
          + "\(queue.source.quoted) and destination \(queue.destination.quoted)?)")
    }
    if text.contains("ERR001") {
      throw queue.failure(
        .refused,
        "HTTP \(response.status): \(text) (\(queue.server.credentialsAdvice); it answers so too while its database is "
          + "away)")
    }
    throw queue.failure(
      .temporary, mayPass: true, "HTTP \(response.status): \(text) (nothing is queued; retry later)")
  }

  /// go-dispatcher2 answers 200 even if it stored nothing, for example if it does not know a server name. Then the ids
  /// are empty or 0 (it drops the error of `Save` in its controllers). The answer repeats the request's body.
  private static func readJSON(_ response: HTTPResponse, _ queue: QueueAddress) throws(ServerError) -> String? {
    guard response.status == 200 else {
      let text = shown(response.body)
      if response.status == 502, text.contains("Failed to add request to queue") {
        throw queue.failure(
          .configuration,
          "HTTP 502: \(text) (it takes no Content-Type but \"application/json\", byte for byte: does a proxy change it?)"
        )
      }
      if response.status == 400 {
        throw queue.failure(
          .notDHIS2, "HTTP 400: it does not read the request as a JSON object, and may have queued an empty one")
      }
      throw failure(response, queue, text)
    }
    guard let document = try? JSONValue(parsing: response.body), let uid = document["uid"]?.string else {
      throw wrongAddress(queue, "HTTP 200, but not the answer of go-dispatcher2: \(shown(response.body))")
    }
    let isSourceKnown = (document["source"]?.int ?? 0) > 0
    let isDestinationKnown = (document["destination"]?.int ?? 0) > 0
    if !uid.isEmpty, isSourceKnown, isDestinationKnown {
      // The uid becomes part of an address.
      guard uid.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x41...0x5A).contains($0 & 0xDF) }) else {
        throw wrongAddress(queue, "the id of the queued request is malformed: \(shown(Array(uid.utf8)))")
      }
      return uid
    }
    let unknown = [
      isSourceKnown ? nil : "source \(queue.source.quoted)",
      isDestinationKnown ? nil : "destination \(queue.destination.quoted)",
    ].compactMap { $0 }
    let reason =
      unknown.isEmpty
      ? "it gives no reason; see its log"
      : "its table of servers does not hold \(unknown.joined(separator: " nor ")); it reads the table when it starts"
    throw queue.failure(.configuration, "HTTP 200, but nothing is queued: \(reason)")
  }

  /// The failures that both flavours report with an HTTP status.
  private static func failure(_ response: HTTPResponse, _ queue: QueueAddress, _ text: String) -> ServerError {
    let what = "HTTP \(response.status)" + (text.isEmpty ? ", without a word" : ": \(text)")
    switch response.status {
    case 401, 403, 407:
      return queue.failure(.refused, "\(what) (\(queue.server.credentialsAdvice))")
    case 408, 425, 429, 500...:
      var error = queue.failure(.temporary, mayPass: true, "\(what) (the queue failed; retry later)")
      error.retryAfterSeconds = response.retryAfterSeconds
      return error
    case 413:
      return ServerError(queue.server, queue.path, .status(413), "more than it takes, or a proxy before it")
    case 300..<400:
      return queue.failure(
        .unreachable,
        "HTTP \(response.status): sent elsewhere, to \(response.header("location")?.prefix { $0 != "?" } ?? "no address")"
      )
    default: return wrongAddress(queue, what)
    }
  }

  private static func wrongAddress(_ queue: QueueAddress, _ what: String) -> ServerError {
    queue.failure(.notDHIS2, "\(what) (is this the whole address of the queue, and of \(queue.flavour.rawValue)?)")
  }

  /// The beginning of a text, on one line.
  private static func shown(_ body: [UInt8]) -> String {
    let text = String(decoding: body.prefix(300), as: UTF8.self)
    return text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }
}
