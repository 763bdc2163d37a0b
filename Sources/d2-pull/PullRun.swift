import D2Common
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// One run: looks the asked-for ids up, makes the requests, writes their values, says what was done.
final class PullRun: Sendable {
  private let options: PullOptions
  /// What is asked for beside or instead of the options' own selection, from the store.
  private let stored: (any StoredSelection)?
  private let client: DHIS2Client
  private let log: Log
  private let output: LineOutput
  private let meter: PullMeter

  init(_ options: PullOptions, _ stored: (any StoredSelection)?, _ client: DHIS2Client, _ log: Log) {
    self.options = options
    self.stored = stored
    self.client = client
    self.log = log
    output = LineOutput.standardOutput { log.wipe() }
    // Values on a terminal are progress enough.
    meter = PullMeter(log, draws: log.draws && isatty(1) == 0)
  }

  func run() async throws -> ExitStatus {
    var selections = try stored?.selections(options, client, log) ?? [options]
    var asked = AskedIDs()
    do {
      if options.checks {
        try asked.check(&selections, client, log)
      } else if options.server.concurrency > 1 {
        // Signs in once, before several requests would each do so.
        _ = try client.json("/api/me?fields=id")
      }
      // What only tells of requests makes none for it.
      if !options.counts, !options.explains { try DataSetNames(options).find(for: &selections, client) }
      let requests = PullPlan(selections).requests
      if options.explains { return try explain(requests, isWhole: asked.unknown.isEmpty) }
      if options.counts { return try count(selections, isWhole: asked.unknown.isEmpty) }
      try await fetch(requests)
      try output.flush()
    } catch {
      try output.flush()
      if !options.counts {
        let refusal = (error as? ServerError).flatMap {
          $0.refusesAccess && $0.path == PullPlan.path(options) ? $0 : nil
        }
        report(
          (error as? CommandFailure)?.status ?? (error as? ServerError)?.exitStatus ?? .bug,
          refusal: refusal?.description)
      }
      throw error
    }
    let status: ExitStatus = asked.unknown.isEmpty ? .success : .incomplete
    report(status)
    return status
  }

  /// Writes the requests instead of making them.
  private func explain(_ requests: [PullRequest], isWhole: Bool) throws -> ExitStatus {
    for (place, request) in requests.enumerated() {
      try output.line(
        JSONValue.object([
          .init("request", .int(place + 1)), .init("dataSet", request.dataSet.map { .string($0) } ?? .null),
          .init("url", .string(client.server.appending(request.target))),
        ]).text)
    }
    try output.flush()
    log.info("\(requests.count) requests, none of which was made")
    return isWhole ? .success : .incomplete
  }

  /// Estimates what the requests would bring, instead of making them.
  private func count(_ selections: [PullOptions], isWhole: Bool) throws -> ExitStatus {
    let status: ExitStatus = isWhole ? .success : .incomplete
    var listing = Listing(isatty(1) == 1 ? .table : .json, columns: CountRun.columns)
    try CountRun(options, client, meter, log).run(selections, into: &listing, status)
    return status
  }

  private func report(_ status: ExitStatus, refusal: String? = nil) {
    if status == .success || meter.current.requests > 0 { log.info(meter.line) }
    guard let file = options.summaryFile else { return }
    let summary = meter.summary(status, serverTime: client.serverTimeAtFirstAnswer, refusal: refusal)
    do { try SummaryFile.write(summary, to: file) } catch { log.error("\(error)") }
  }

  /// Makes the requests, several at a time; the first failure ends the others.
  private func fetch(_ requests: [PullRequest]) async throws {
    meter.add { $0.planned = requests.count }
    let isOneByOne = options.limit != nil
    let executor = BlockingExecutor(threads: client.limit.most)
    try await withThrowingTaskGroup(of: Void.self) { group in
      var waiting = requests[...]
      var running = 0
      while !waiting.isEmpty || running > 0 {
        while running < (isOneByOne ? 1 : client.limit.current), let request = waiting.popFirst() {
          running += 1
          group.addTask(executorPreference: executor) { try self.fetch(request) }
        }
        try await group.next()
        running -= 1
      }
    }
  }

  private func fetch(_ request: PullRequest) throws {
    var request = request
    if let limit = options.limit {
      // With a limit the requests go one after the other, each for what is left.
      let left = limit - meter.current.values
      guard left > 0 else { return }
      request = request.limited(to: left)
    }
    let answer = options.spools ? try fetchSpooled(request) : try fetchStreaming(request)
    client.limit.succeeded(seconds: answer.firstByteSeconds)
    meter.add { $0.done += 1 }
  }

  // MARK: One request

  /// Values go out while they arrive; once one is out, a broken answer cannot be asked for again.
  private func fetchStreaming(_ request: PullRequest) throws -> Answer {
    var written = 0
    let answer = try client.retrying { attempt in
      if attempt > 1 { meter.add { $0.retries += 1 } }
      do {
        var sink = output
        return try receive(request, counts: true, into: &sink) { written = $0 }
      } catch var error as ServerError where written > 0 {
        error.isFinal = true
        throw error
      }
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
        "\(answer.values) values came and are out, but \(counts.problem)")
    }
    return answer
  }

  /// An answer is held back until it is believed; then a retry can repeat nothing.
  private func fetchSpooled(_ request: PullRequest) throws -> Answer {
    let spool = try SpoolFile(environment: options.server.configuration.environment)
    var counts: Agreement?
    var last: Answer
    while true {
      let answer = try client.retrying { attempt in
        if attempt > 1 { meter.add { $0.retries += 1 } }
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
    meter.add { [values = last.values] in $0.values += values }
    return last
  }

  private func receive(
    _ request: PullRequest, counts: Bool, into sink: inout some LineSink, written: (Int) -> Void
  ) throws -> Answer {
    try Answer.receive(
      request, arrayKey: options.registrations ? "completeDataSetRegistrations" : "dataValues", into: &sink, client,
      meter, counts: counts, written: written
    ) { [output] in
      output.checkReader()
      try output.flush()
    }
  }

  // MARK: Answers that look whole

  /// The marks of a query that failed half-way on a server up to 2.42, which ends as HTTP 200 and valid JSON (seen on real servers,
  /// `dhis2-api.md` trap 1): a multiple of the 1,000 rows that it fetches at a time, or a connection closed unannounced.
  private func isDoubtful(_ answer: Answer) -> Bool {
    guard options.checks else { return false }
    if answer.closedUnannounced { return true }
    if answer.values == 0 { return answer.firstByteSeconds > Self.slowEmptySeconds }
    return answer.values % 1000 == 0 && answer.values != options.limit
  }

  /// An empty answer that took longer than this may be a query that failed before its first row; a true one takes 0.05 s.
  private static let slowEmptySeconds = 3.0

  private func doubt(_ answer: Answer) -> String {
    answer.closedUnannounced
      ? "\(answer.values) values, and the server closed the connection unannounced: asking again, to be sure"
      : "\(answer.values) values: a failed query would look the same; asking again, to be sure"
  }
}

/// Counts of one question's answers, until two agree.
private struct Agreement {
  private(set) var counts: [Int]
  private var closed: [Bool]

  init(first: Answer) {
    counts = [first.values]
    closed = [first.closedUnannounced]
  }

  var asked: Int { counts.count }

  mutating func add(_ answer: Answer) {
    counts.append(answer.values)
    closed.append(answer.closedUnannounced)
  }

  /// Why no number is believed, as the end of a sentence.
  var problem: String {
    Set(counts).count == 1
      ? "each of \(asked) answers (\(counts[0]) values) bears both marks of a query that failed on the way; --no-check believes them"
      : "the server has another number each time: \(counts.map(String.init).joined(separator: ", "))"
  }

  /// The number that the last answer shares with an earlier one. Where both marks are there each time, a query fails at the same place each time. Two answers that both bear the mark of a closed connection prove
  /// little (a query may be ended at the same row twice): then a third must agree.
  var agreed: Int? {
    let last = counts.last!
    let same = counts.indices.filter { counts[$0] == last }
    if last > 0, last % 1000 == 0, same.allSatisfy({ closed[$0] }) { return nil }
    if same.count >= 3 { return last }
    return same.count == 2 && !same.allSatisfy { closed[$0] } ? last : nil
  }
}
