import D2Common
import Synchronization

/// The Web API of one server: requests with retries, failures told in one way.
package final class DHIS2Client: Sendable {
  package let http: HTTPClient
  package let retry: RetryPolicy
  package let log: Log
  /// How many requests may be under way.
  package let limit: ConcurrencyLimit
  private let firstTime = Mutex<UTCTime?>(nil)
  private let answered = Mutex((requests: 0, wireBytes: 0))
  private let info = Mutex<ServerInfo?>(nil)

  package init(_ options: ServerOptions, _ log: Log) {
    let limit =
      options.findsConcurrency
      ? ConcurrencyLimit(foundUpTo: options.concurrency) : ConcurrencyLimit(fixed: options.concurrency)
    self.limit = limit
    http = HTTPClient(
      options.url, options.configuration, rate: options.rate.map { (RateLimit(bytesPerSecond: $0), limit) })
    retry = options.retry
    self.log = log
  }

  package var server: ServerURL { http.server }

  /// The server's clock when it gave its first answer, by the header of that answer.
  package var serverTimeAtFirstAnswer: UTCTime? { firstTime.withLock { $0 } }

  /// How many requests were answered, and the bytes of their answers as they crossed the wire.
  package var traffic: (requests: Int, wireBytes: Int) { answered.withLock { $0 } }

  /// Repeats what failed for a passing reason, and says so.
  ///
  /// - Parameter leastDelaySeconds: how long, at least, the server is left in peace before.
  package func retrying<Result>(
    leastDelaySeconds: Double = 0, _ operation: (_ attempt: Int) throws -> Result
  ) throws -> Result {
    var policy = retry
    policy.leastDelaySeconds = leastDelaySeconds
    return try policy.run(
      willRetry: { error, delay in
        limit.failed()
        log.warning("\(error); retrying in \(DurationText.measured(delay))")
      }, operation)
  }

  /// A small document.
  ///
  /// - Throws: `ServerError`; `CommandFailure` when a signal came.
  package func json(_ target: String) throws -> JSONValue { try dated(target).document }

  /// The same with the time of the answer's `Date` header.
  package func dated(_ target: String) throws -> (document: JSONValue, date: UTCTime?) {
    try retrying { _ in
      let response = try perform(HTTPRequest(.get, target))
      if let error = ServerError(server, target, response) { throw error }
      let date = response.header("date").flatMap { HTTPDate.moment($0) }
      do { return (try JSONValue(parsing: response.body), date) } catch {
        throw ServerError(server, target, .notDHIS2, "the answer is not JSON: \(error)")
      }
    }
  }

  /// A small document that holds for some minutes, as metadata do: the commands of a worker ask for it once.
  ///
  /// - Throws: as `json`.
  package func lasting(_ target: String) throws -> (document: JSONValue, date: UTCTime?) {
    guard let session = http.configuration.session else { return try dated(target) }
    func kept() -> (document: JSONValue, date: UTCTime?)? {
      let kept = session.answer(to: target)
      if kept != nil { log.debug("\(target): another command of this worker has asked") }
      return kept
    }
    if let kept = kept() { return kept }
    return try session.exclusively(.question) {
      if let kept = kept() { return kept }
      let answer = try dated(target)
      session.keep(answer.document, date: answer.date, of: target)
      return answer
    }
  }

  /// Whether this command is one of several of a worker, which hand on what they found.
  package var isOfWorker: Bool { http.configuration.session != nil }

  /// What another command of the worker left some minutes ago about this server.
  package func note(_ name: String) -> JSONValue? { http.configuration.session?.answer(to: name)?.document }

  /// Leaves something for the next command of the worker.
  package func leave(_ name: String, _ note: JSONValue) {
    http.configuration.session?.keep(note, date: nil, of: name)
  }

  /// What the server says of itself, asked for once. Its clock may be some minutes behind: who needs that asks for
  /// `ServerInfo`.
  ///
  /// - Throws: `ServerError`.
  package func serverInfo() throws -> ServerInfo {
    if let known = info.withLock({ $0 }) { return known }
    let asked = try ServerInfo(lasting: self)
    info.withLock { $0 = asked }
    return asked
  }

  /// Whether the server answers and knows the user: asked once, without patience.
  package var answers: Bool {
    let target = "/api/me?fields=id"
    guard let response = try? perform(HTTPRequest(.get, target)) else { return false }
    return ServerError(server, target, response) == nil
  }

  /// One exchange; a failed transfer is told as a `ServerError`.
  package func perform(
    _ request: HTTPRequest, onBody: (HTTPResponse, UnsafeMutableRawBufferPointer) throws -> Void = { _, _ in },
    whileWaiting: () throws -> Void = {}
  ) throws -> HTTPResponse {
    log.debug("\(request.method.rawValue) \(server.appending(request.target))")
    do {
      let response = try http.perform(request, onBody: onBody, whileWaiting: whileWaiting)
      if let time = response.header("date").flatMap({ HTTPDate.moment($0) }) {
        firstTime.withLock { first in if first == nil { first = time } }
      }
      answered.withLock {
        $0.requests += 1
        $0.wireBytes += response.wireBytes
      }
      if response.signedInAnew { log.debug("the server had ended the session: signed in again") }
      log.debug("HTTP \(response.status), \(response.wireBytes) bytes, \(DurationText.measured(response.seconds))")
      return response
    } catch let error as TransferError {
      try Signals.check()
      throw ServerError(server, request.target, error)
    }
  }
}
