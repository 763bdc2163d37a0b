import D2Client
import D2Common

/// Sends one request of a run until its answer is trusted, and divides it if it is too large for the server.
struct RequestFetcher: Sendable {
  let options: PullOptions
  let client: DHIS2Client
  let log: Log
  let output: LineOutput
  let meter: PullMeter
  /// Divides requests that are too large.
  let division: any RequestDividing
  let capacity = Capacity()

  /// Writes the values of a request to the output, each once.
  ///
  /// - Throws: `ServerError`, `CommandFailure`.
  func fetch(_ request: PullRequest) throws {
    if capacity.isExceeded(by: request, weight: division.weight(of: request)) {
      let parts = try division.parts(of: request)
      if !parts.isEmpty { return try fetch(parts) }
    }
    var limited = request
    if let limit = options.limit {
      // With a limit, the requests run one after the other, each with what is left of the limit.
      let left = limit - meter.current.values
      guard left > 0 else { return }
      limited = request.limited(to: left)
    }
    do {
      let answer = options.spools || request.part != nil ? try fetchSpooled(limited) : try fetchStreaming(limited)
      client.limit.succeeded(seconds: answer.export.firstByteSeconds)
      division.answered(request, answer.export)
      meter.add { $0.done += 1 }
    } catch let error as TooMuch {
      try divide(request, error.error)
    } catch let error as ServerError where request.export.mayNameUnknownPeriods && error.kind == .status(400) {
      try fetchKnownPeriods(request, error)
    }
  }

  private func fetch(_ parts: [PullRequest]) throws {
    meter.add { $0.planned += parts.count - 1 }
    for part in parts { try fetch(part) }
  }

  // MARK: Less at a time

  /// Nothing of the answer is written yet, and a smaller request may succeed.
  private struct TooMuch: Error {
    let error: ServerError
  }

  private func isTooMuch(_ error: ServerError, _ request: PullRequest) -> Bool {
    error.tookTooLong || error.isTooMuchForAnalytics
      || error.refusesLength(of: request.export.target.utf8.count)
  }

  /// The advice for a single cell that is too large.
  private static func advice(_ error: ServerError, isTooLong: Bool) -> String {
    if isTooLong { return "allow longer addresses at the proxy (nginx: large_client_header_buffers)" }
    if error.isTooMuchForAnalytics { return "allow more at the server (System settings, Analytics: maximum records)" }
    return
      "ask for less, or let the proxy and d2-pull wait longer (nginx: proxy_read_timeout; --first-byte-timeout, --idle-timeout)"
  }

  private func divide(_ request: PullRequest, _ error: ServerError) throws {
    let isTooLong = error.refusesLength(of: request.export.target.utf8.count)
    // If a server is down, the parts would fail as the whole did, one after the other.
    guard isTooLong || client.answers else { throw error }
    capacity.failed(request, weight: division.weight(of: request), isTooLong: isTooLong)
    let parts = try division.parts(of: request)
    guard !parts.isEmpty else {
      var last = error
      last.message += "; the request cannot be divided further: " + Self.advice(error, isTooLong: isTooLong)
      throw last
    }
    log.info("\(error); asking for it in \(counted(parts.count, "part"))")
    try fetch(parts)
  }

  /// Requests the periods around a cut one by one, because a version may not know all types. It cannot have data for a
  /// type that it does not know.
  private func fetchKnownPeriods(_ request: PullRequest, _ error: ServerError) throws {
    let times = request.export.times
    guard times.count > 1 else {
      log.debug("\(times.first?.value ?? ""): \(error)")
      return meter.add { $0.done += 1 }
    }
    try fetch(
      times.map { period in
        var one = request
        one.export.times = [period]
        return one
      })
  }

  /// Retries until an answer is complete. If a smaller request may succeed, it sends the same one at most twice.
  private func attempting(
    _ request: PullRequest, isOut: () -> Bool, _ operation: (_ attempt: Int) throws -> PullAnswer
  ) throws -> PullAnswer {
    var tooMuch: ServerError?
    do {
      return try client.retrying { attempt in
        if attempt > 1 { meter.add { $0.retries += 1 } }
        do { return try operation(attempt) } catch var error as ServerError {
          if isOut() { error.isFinal = true }
          tooMuch = !isOut() && isTooMuch(error, request) ? error : nil
          if tooMuch != nil, attempt > 1 || capacity.isKnown, division.canDivide(request) {
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

  /// Writes values while they arrive. After the first one, a broken answer cannot be requested again.
  private func fetchStreaming(_ request: PullRequest) throws -> PullAnswer {
    var written = 0
    let answer = try attempting(request) {
      written > 0
    } _: { _ in
      var sink = output
      return try receive(request, counts: true, into: &sink) { written = $0 }
    }
    guard isDoubtful(answer, to: request) else { return answer }
    try output.flush()
    log.info(answer.export.doubt)
    let counts = try Agreement.reached(first: answer.export) {
      var sink = ForgettingSink()
      return try client.retrying { _ in try receive(request, counts: false, into: &sink).export }
    }
    let came = answer.export.items
    guard counts.agreed == came else {
      throw ServerError(
        client.server, request.export.target, .disagreement,
        "\(counted(came, "value")) came and\(verbForm(came, "was", "were")) written, but \(counts.problem)")
    }
    return answer
  }

  /// Holds an answer back until it is trusted, so that a retry repeats nothing.
  private func fetchSpooled(_ request: PullRequest) throws -> PullAnswer {
    let spool = try SpoolFile(environment: options.server.configuration.environment)
    var counts: Agreement?
    var last: PullAnswer
    while true {
      let answer = try attempting(request) {
        false
      } _: { _ in
        spool.empty()
        var sink = spool
        return try receive(request, counts: false, into: &sink)
      }
      last = answer
      if counts == nil, !isDoubtful(answer, to: request) { break }
      if counts == nil { log.info(answer.export.doubt) }
      if counts == nil { counts = Agreement(first: answer.export) } else { counts?.add(answer.export) }
      if counts!.agreed == answer.export.items { break }
      guard counts!.asked <= client.retry.retries else {
        throw ServerError(client.server, request.export.target, .disagreement, counts!.problem)
      }
    }
    var sink = output
    try spool.copy(into: &sink)
    meter.add { [values = last.passed] in $0.values += values }
    meter.add(last.kept, request.sieve)
    return last
  }

  private func receive(
    _ request: PullRequest, counts: Bool, into sink: inout some LineSink,
    written: @escaping (Int) -> Void = { _ in }
  ) throws -> PullAnswer {
    func receive(into sink: inout some LineSink) throws -> PullAnswer {
      try PullAnswer.receive(request, into: &sink, client, meter, counts: counts, written: written) { [output] in
        output.checkReader()
        try output.flush()
      }
    }
    guard request.part != nil else { return try receive(into: &sink) }
    var trimmed = SumSink(sink, request.ids)
    defer { sink = trimmed.sink }
    return try receive(into: &trimmed)
  }

  private func isDoubtful(_ answer: PullAnswer, to request: PullRequest) -> Bool {
    options.checks && request.part == nil && answer.export.isDoubtful(limit: request.export.limit)
  }
}
