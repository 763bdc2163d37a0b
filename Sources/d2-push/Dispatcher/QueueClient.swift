import D2Client
import D2Common
import Synchronization

/// Puts requests into a queue, and asks for their state.
final class QueueClient: Sendable {
  private let client: DHIS2Client
  let queue: QueueAddress
  /// Whether the queue has answered a request of this run.
  private let hasAnswered = Atomic<Bool>(false)

  init(_ client: DHIS2Client, _ queue: QueueAddress) {
    self.client = client
    self.queue = queue
  }

  /// Queues a body, and retries after a temporary failure. If a request is stored twice, the same values are imported
  /// twice, which changes nothing.
  ///
  /// - Parameter outcome: counts the attempts.
  /// - Throws: `ServerError` if it cannot be queued; `CommandFailure` on a signal.
  func queue(
    _ body: any HTTPBody, _ key: RequestKey, facility: String, _ outcome: inout BatchOutcome
  ) throws -> QueueReceipt {
    var request = HTTPRequest(.post, target(key, facility: facility))
    // Exactly this value: go-dispatcher2 refuses a charset after it, and dispatcher-2 hangs up without it.
    request.headers = [("Content-Type", "application/json")]
    request.body = body
    return try client.retrying { attempt in
      outcome.attempts += 1
      outcome.traffic.add(attempt: attempt, bytes: body.count, wireBytes: body.count)
      do {
        let response = try client.perform(request)
        hasAnswered.store(true, ordering: .relaxed)
        return try QueueReceipt(response, queue)
      } catch let error as ServerError where error.kind == .broken && !hasAnswered.load(ordering: .relaxed) {
        // Once may be chance.
        throw attempt > min(1, client.retry.retries) ? queue.closedUnanswered(error) : error
      }
    }
  }

  /// The parameters for both flavours; each ignores the ones that it does not know.
  private func target(_ key: RequestKey, facility: String) -> String {
    let calendar = key.calendar
    var query = Query(["source": queue.source, "destination": queue.destination])
    for (name, value) in [("year", calendar.year), ("month", calendar.month), ("week", calendar.week)] {
      if let value { query.add(name, value) }
    }
    query.add("period", key.period)
    query.add("facility", facility)
    query.add("report_type", key.dataSet)
    // The body is not a query string. "f" is PostgreSQL's spelling of false.
    query.add("is_qparams", "f")
    return query.target(queue.path)
  }

  /// The state of a request in go-dispatcher2.
  ///
  /// - Throws: `ServerError` if the answer is not a state; `CommandFailure` on a signal.
  func state(of uid: String) throws -> DeliveryState {
    let target = Query(["fields": "uid,status,statuscode,retries,errors,response,updated"])
      .target("\(queue.path)/\(uid)")
    return try client.retrying { _ in
      let response = try client.perform(HTTPRequest(.get, target))
      guard response.status == 200, let document = try? JSONValue(parsing: response.body),
        let state = DeliveryState(document)
      else { throw failure(response, target) }
      return state
    }
  }

  private func failure(_ response: HTTPResponse, _ target: String) -> ServerError {
    guard response.status == 200 else {
      let status: ExitStatus = [401, 403].contains(response.status) ? .refused : .temporary
      return ServerError(
        client.server, target, .foreign(status, mayPass: status == .temporary),
        "HTTP \(response.status) when the queue was asked what became of a request")
    }
    return ServerError(client.server, target, .foreign(.temporary, mayPass: true), "the state of a request is not JSON")
  }
}

extension QueueFlavour {
  /// Finds out which queue it is. dispatcher-2 answers `/test` with 200. go-dispatcher2 answers `/api/test2` with
  /// `Authorized`, or with JSON that says the credentials are wrong.
  ///
  /// - Throws: `ServerError` if it is neither, cannot be reached, or refuses the credentials.
  init(asking client: DHIS2Client) throws {
    if try Self.isGo(client) {
      self = .goDispatcher2
    } else if let response = try Self.answer(client, "/test"), response.status == 200 {
      self = .dispatcher2
    } else {
      throw ServerError(
        client.server, "/test", .foreign(.notDHIS2, mayPass: false),
        "neither dispatcher2 nor go-dispatcher2 answers here (name the queue's whole address by --dispatcher-url, and the "
          + "flavour by --via)")
    }
  }

  private static func isGo(_ client: DHIS2Client) throws -> Bool {
    let path = "/api/test2"
    guard let response = try answer(client, path) else { return false }
    let text = String(decoding: response.body.prefix(1000), as: UTF8.self)
    if response.status == 200 { return text.contains("Authorized") }
    guard response.status == 401, (try? JSONValue(parsing: response.body))?["error"]?.string != nil else {
      return false
    }
    throw ServerError(
      client.server, path, .foreign(.refused, mayPass: false),
      "HTTP 401: go-dispatcher2 refuses the credentials (\(client.server.credentialsAdvice))")
  }

  /// `nil` if the connection closes without an answer. dispatcher-2 does that for a path that it does not know.
  private static func answer(_ client: DHIS2Client, _ path: String) throws -> HTTPResponse? {
    try client.retrying { _ in
      do {
        return try client.perform(HTTPRequest(.get, path))
      } catch let error as ServerError where error.kind == .broken {
        return nil
      }
    }
  }
}
