import D2Client
import D2Common

/// Makes one request of a run, until its answer is believed; divides it where it is too much for the server.
struct RequestFetcher: Sendable {
  let options: PullOptions
  let client: DHIS2Client
  let log: Log
  let output: LineOutput
  let meter: PullMeter
  let capacity: Capacity

  private var division: RequestDivision { RequestDivision(client: client) }

  /// Writes the values of a request to the output, each once.
  ///
  /// - Throws: `ServerError`, `CommandFailure`.
  func fetch(_ request: PullRequest) throws {
    if capacity.isExceeded(by: request) {
      let parts = try division.parts(of: request)
      if !parts.isEmpty { return try fetch(parts) }
    }
    var limited = request
    if let limit = options.limit {
      // With a limit the requests go one after the other, each for what is left.
      let left = limit - meter.current.values
      guard left > 0 else { return }
      limited = request.limited(to: left)
    }
    do {
      let answer = options.spools ? try fetchSpooled(limited) : try fetchStreaming(limited)
      client.limit.succeeded(seconds: answer.firstByteSeconds)
      meter.add { $0.done += 1 }
    } catch let error as TooMuch {
      try divide(request, error.error)
    } catch let error as ServerError where request.isOfCutPeriods && error.kind == .status(400) {
      try fetchKnownPeriods(request, error)
    }
  }

  private func fetch(_ parts: [PullRequest]) throws {
    meter.add { $0.planned += parts.count - 1 }
    for part in parts { try fetch(part) }
  }

  // MARK: Less at a time

  /// Nothing of an answer is out, and less may be answered.
  private struct TooMuch: Error {
    let error: ServerError
  }

  private func isTooMuch(_ error: ServerError, _ request: PullRequest) -> Bool {
    error.tookTooLong || error.refusesLength(of: request.target.utf8.count)
  }

  private func divide(_ request: PullRequest, _ error: ServerError) throws {
    let isTooLong = error.refusesLength(of: request.target.utf8.count)
    // A server that is down answers nothing: then parts would fail as the whole did, each for itself.
    guard isTooLong || answers() else { throw error }
    capacity.failed(request, isTooLong: isTooLong)
    let parts = try division.parts(of: request)
    guard !parts.isEmpty else {
      var last = error
      last.message +=
        isTooLong
        ? "; the request cannot be divided further: allow longer addresses at the proxy (nginx: large_client_header_buffers)"
        : "; the request cannot be divided further: ask for less, or let the proxy and d2-pull wait longer (nginx: proxy_read_timeout; --first-byte-timeout, --idle-timeout)"
      throw last
    }
    log.info("\(error); asking for it in \(counted(parts.count, "part"))")
    try fetch(parts)
  }

  private func answers() -> Bool {
    let target = "/api/me?fields=id"
    guard let response = try? client.perform(HTTPRequest(.get, target)) else { return false }
    return ServerError(client.server, target, response) == nil
  }

  /// Of the periods that a cut goes through, a version may not know all types. What it does not know it cannot hold.
  private func fetchKnownPeriods(_ request: PullRequest, _ error: ServerError) throws {
    guard request.times.count > 1 else {
      log.debug("\(request.times.first?.value ?? ""): \(error)")
      return meter.add { $0.done += 1 }
    }
    try fetch(
      request.times.map { period in
        var one = request
        one.times = [period]
        return one
      })
  }

  /// Tries until an answer is whole. Where less may help, the same is asked for twice at most.
  private func attempting(
    _ request: PullRequest, isOut: () -> Bool, _ operation: (_ attempt: Int) throws -> Answer
  ) throws -> Answer {
    var tooMuch: ServerError?
    do {
      return try client.retrying { attempt in
        if attempt > 1 { meter.add { $0.retries += 1 } }
        do { return try operation(attempt) } catch var error as ServerError {
          if isOut() { error.isFinal = true }
          tooMuch = !isOut() && isTooMuch(error, request) ? error : nil
          if tooMuch != nil, attempt > 1 || capacity.isKnown, RequestDivision.isPossible(request) {
            error.isFinal = true
          }
          throw error
        }
      }
    } catch let error as ServerError {
      if let tooMuch { throw TooMuch(error: tooMuch) }
      throw error
    }
  }

  // MARK: One request

  /// Values go out while they arrive; once one is out, a broken answer cannot be asked for again.
  private func fetchStreaming(_ request: PullRequest) throws -> Answer {
    var written = 0
    let answer = try attempting(request) {
      written > 0
    } _: { _ in
      var sink = output
      return try receive(request, counts: true, into: &sink) { written = $0 }
    }
    guard isDoubtful(answer) else { return answer }
    try output.flush()
    log.info(doubt(answer))
    var counts = Agreement(first: answer)
    while counts.agreed == nil, counts.asked < 3 {
      var sink = ForgettingSink()
      counts.add(try client.retrying { _ in try receive(request, counts: false, into: &sink) { _ in } })
    }
    guard counts.agreed == answer.values else {
      throw ServerError(
        client.server, request.target, .disagreement,
        "\(counted(answer.values, "value")) came and\(verbForm(answer.values, "is", "are")) out, but \(counts.problem)")
    }
    return answer
  }

  /// An answer is held back until it is believed; then a retry can repeat nothing.
  private func fetchSpooled(_ request: PullRequest) throws -> Answer {
    let spool = try SpoolFile(environment: options.server.configuration.environment)
    var counts: Agreement?
    var last: Answer
    while true {
      let answer = try attempting(request) {
        false
      } _: { _ in
        spool.empty()
        var sink = spool
        return try receive(request, counts: false, into: &sink) { _ in }
      }
      last = answer
      if counts == nil, !isDoubtful(answer) { break }
      if counts == nil { log.info(doubt(answer)) }
      if counts == nil { counts = Agreement(first: answer) } else { counts?.add(answer) }
      if counts!.agreed == answer.values { break }
      guard counts!.asked <= client.retry.retries else {
        throw ServerError(
          client.server, request.target, .disagreement,
          counts!.problem
        )
      }
    }
    var sink = output
    try spool.copy(into: &sink)
    meter.add { [values = last.passed] in $0.values += values }
    meter.add(last.kept, request.sieve)
    return last
  }

  private func receive(
    _ request: PullRequest, counts: Bool, into sink: inout some LineSink, written: (Int) -> Void
  ) throws -> Answer {
    try Answer.receive(
      request, kind: options.kind, into: &sink, client,
      meter, counts: counts, written: written
    ) { [output] in
      output.checkReader()
      try output.flush()
    }
  }

  // MARK: Answers that look whole

  /// The marks of a query that failed half-way on a server up to 2.42, which ends as HTTP 200 and valid JSON (seen on
  /// real servers, docs/dhis2-servers.md, trap 1): a multiple of the 1,000 rows that it fetches at a time, or a
  /// connection closed unannounced.
  private func isDoubtful(_ answer: Answer) -> Bool {
    guard options.checks else { return false }
    if answer.closedUnannounced { return true }
    if answer.values == 0 { return answer.firstByteSeconds > Self.slowEmptySeconds }
    return answer.values % 1000 == 0 && answer.values != options.limit
  }

  /// An empty answer that took longer than this may be a query that failed before its first row; a true one takes 0.05
  /// s.
  private static let slowEmptySeconds = 3.0

  private func doubt(_ answer: Answer) -> String {
    answer.closedUnannounced
      ? "\(counted(answer.values, "value")), and the server closed the connection unannounced: asking again, to be sure"
      : "\(counted(answer.values, "value")): a failed query would look the same; asking again, to be sure"
  }
}
