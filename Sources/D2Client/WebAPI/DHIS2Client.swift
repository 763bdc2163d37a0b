import D2Common
import Synchronization

/// The Web API of one server: requests with retries, and failures as `ServerError`.
package final class DHIS2Client: Sendable {
  package let http: HTTPClient
  package let retry: RetryPolicy
  package let log: Log
  /// How many requests may be in flight.
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

  /// How long the server may take to begin an answer.
  package var firstByteSeconds: Double { http.configuration.firstByteSeconds }

  /// The server's time at its first answer, from the header of that answer.
  package var serverTimeAtFirstAnswer: UTCTime? { firstTime.withLock { $0 } }

  /// How many requests were answered, and the bytes of the answers as they crossed the wire.
  package var traffic: (requests: Int, wireBytes: Int) { answered.withLock { $0 } }

  /// Retries an operation after temporary failures, and logs each retry.
  ///
  /// - Parameter leastDelaySeconds: the least pause before a retry.
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

  /// Reads a small document.
  ///
  /// - Throws: `ServerError`; `CommandFailure` if a signal comes.
  package func json(_ target: String) throws -> JSONValue { try dated(target).document }

  /// The same, with the time of the answer's `Date` header.
  package func dated(_ target: String) throws -> (document: JSONValue, date: UTCTime?) {
    try retrying { _ in try datedOnce(target) }
  }

  /// The same, without retries.
  func datedOnce(_ target: String) throws -> (document: JSONValue, date: UTCTime?) {
    let response = try perform(HTTPRequest(.get, target))
    if let error = ServerError(server, target, response) { throw error }
    let date = response.header("date").flatMap { HTTPDate.moment($0) }
    do { return (try JSONValue(parsing: response.body), date) } catch {
      throw ServerError(server, target, .notDHIS2, "the answer is not JSON: \(error)")
    }
  }

  /// Reads a small document that stays valid for some minutes, like metadata. The commands of a worker request it only
  /// once.
  ///
  /// - Throws: the errors of `json`.
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

  /// Whether this command is one of several of a worker, which share their results.
  package var isOfWorker: Bool { http.configuration.session != nil }

  /// A note about this server that another command of the worker left some minutes ago.
  package func note(_ name: String) -> JSONValue? { http.configuration.session?.answer(to: name)?.document }

  /// Leaves a note for the next command of the worker.
  package func leave(_ name: String, _ note: JSONValue) {
    http.configuration.session?.keep(note, date: nil, of: name)
  }

  /// The server's information about itself, requested once. Its time may be some minutes old; use `ServerInfo` if that
  /// matters.
  ///
  /// - Throws: `ServerError`.
  package func serverInfo() throws -> ServerInfo {
    if let known = info.withLock({ $0 }) { return known }
    let asked = try ServerInfo(lasting: self)
    info.withLock { $0 = asked }
    return asked
  }

  /// Whether the server answers and accepts the user: one request, without retries.
  package var answers: Bool {
    let target = "/api/me?fields=id"
    guard let response = try? perform(HTTPRequest(.get, target)) else { return false }
    return ServerError(server, target, response) == nil
  }

  /// Sends one request. A failed transfer becomes a `ServerError`.
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
