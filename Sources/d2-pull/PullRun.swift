import D2Client
import D2Common
import D2Store
import Glibc

/// One run: looks the asked-for ids up, makes the requests, writes their values, says what was done.
final class PullRun: Sendable {
  private let options: PullOptions
  /// What is asked for beside or instead of the options' own selection, from the store.
  private let stored: (any StoredSelection)?
  private let client: DHIS2Client
  private let log: Log
  private let output: LineOutput
  private let meter: PullMeter
  /// How many values came before, of other questions that share its output.
  private let valuesBefore: Int
  /// How many values came.
  var values: Int { meter.current.values }

  init(
    _ options: PullOptions, _ stored: (any StoredSelection)?, _ client: DHIS2Client, _ log: Log, valuesBefore: Int = 0
  ) {
    self.options = options
    self.valuesBefore = valuesBefore
    self.stored = stored
    self.client = client
    self.log = log
    let readAhead = ReadAhead.Settings(
      bound: options.readAhead, environment: options.server.configuration.environment
    ) { log.warning($0) }
    output = LineOutput.standardOutput(readAhead: readAhead) { log.wipe() }
    // Values on a terminal are progress enough.
    meter = PullMeter(log, draws: log.draws && isatty(1) == 0)
  }

  func run() async throws -> ExitStatus {
    var selections = try stored?.selections(options, client, log) ?? [options]
    if stored == nil, options.analytics == nil {
      try RelativeSelection(client: client, log: log).resolve(in: &selections)
    }
    do {
      if let analytics = selections[0].analytics { return try await sums(selections[0], analytics) }
      return try await exports(selections)
    } catch {
      let error = finishing(error)
      if !options.counts {
        let refusal = error as? ServerError
        let isOfData = refusal.map { $0.refusesAccess && $0.path == options.path } ?? false
        report(ExitStatus(of: error), refusal: isOfData ? refusal?.description : nil)
      }
      throw advised(error)
    }
  }

  /// The values that were entered.
  private func exports(_ asked: [PullOptions]) async throws -> ExitStatus {
    var selections = asked
    let moves = options.withRegistrations || (stored?.movesRegistrations ?? false) && !options.withoutRegistrations
    if moves, options.kind == .dataValues, !options.counts {
      selections += selections.map(\.ofRegistrations)
    }
    var asked = AskedIDs(client: client, log: log, siblings: stored?.siblings ?? [])
    let missing = MissingIDs(options, client, log)
    var turn = firstTurn(for: selections)
    if options.checks, turn == nil {
      try asked.check(&selections)
    } else if !options.checks, options.server.concurrency > 1 {
      // Signs in once, before several requests would each do so.
      _ = try client.json("/api/me?fields=id")
    }
    try Changes.resolve(in: &selections, client, log)
    // What only tells of requests makes none for it.
    if !options.counts, !options.explains {
      try DataSetNames(options).find(for: &selections, client)
      if options.checks { try missing.announce(for: selections) }
    }
    let end = options.writesEndLine ? try endLine(of: selections) : nil
    let requests = PullPlan(selections).requests
    if options.counts { return try count(selections, isWhole: asked.unknown.isEmpty) }
    if options.explains { return try explain(requests, isWhole: asked.unknown.isEmpty) }
    if turn != nil {
      let isChecked = try await fetchFirst(PullPlan.beginningSmall(requests), &selections, &asked)
      turn = nil
      try finish()
      output.letGo()
      if !isChecked { try asked.check(&selections) }
    } else {
      try await inTurn { try await fetch(requests) }
      if let end { try write(end, asked) }
      try finish()
    }
    let isWhole =
      !missing.report(meter.current.withoutID) && asked.unknown.isEmpty && (end == nil || !asked.isUnsure)
    let status: ExitStatus = isWhole ? .success : .incomplete
    if isWhole { stored?.noteDelivered() }
    report(status)
    return status
  }

  /// What an end line says of the source: whatever it has elsewhere, or never had, is not stale at the destination.
  /// d2-push asks the source of a slice itself, for the few units that matter.
  private func endLine(of selections: [PullOptions]) throws -> EndLine {
    try CommandFailure.require(options.checks, "--end-line needs the checks: leave out --no-check")
    var end = EndLine(values: 0, scope: try selections.flatMap { try $0.endLineScope() })
    let fields = "id,dataSetElements[dataElement[id]]"
    try client.forEachObject(end.scope.map(\.dataSet).unique.sorted(), in: "dataSets", fields: fields) { set in
      guard let id = set["id"]?.string, let elements = set["dataSetElements"]?.array else { return }
      end.dataElements[id] = elements.compactMap { $0["dataElement"]?["id"]?.string }.sorted()
    }
    if !(stored is SlicePull) {
      let tops = end.scope.flatMap(\.orgUnits).unique
      end.units =
        end.scope.contains(where: \.children) ? try UnitsBelow(client, fields: "id,path").ids(tops) : tops
    }
    return end
  }

  private func write(_ end: EndLine, _ asked: AskedIDs) throws {
    guard asked.unknown.isEmpty, meter.current.withoutID.isEmpty else { return }
    guard !asked.isUnsure else {
      return log.error("there is no end line, since some ids could not be looked up: d2-push --replace deletes nothing")
    }
    var end = end
    end.values = valuesBefore + values
    try output.line(end.text)
  }

  /// What analytics make of them.
  private func sums(_ options: PullOptions, _ analytics: AnalyticsOptions) async throws -> ExitStatus {
    let age = TableAge(client: client, log: log)
    let made = try age.check(most: analytics.maxAgeSeconds)
    var asked = AskedIDs(client: client, log: log)
    let question = AnalyticsQuestion(options: options, analytics: analytics, client: client, log: log)
    let parts = AnalyticsParts(
      try question.grids(&asked), analytics, dataSet: options.tagsDataSet ? options.dataSets.first : nil)
    if options.explains {
      return try explain(Array(sequence(state: parts) { $0.next() }), isWhole: asked.unknown.isEmpty)
    }
    try await inTurn { try await fetch(parts, dividedBy: parts) }
    // What sums are of at the destination, only its user knows.
    if options.writesEndLine { try write(EndLine(values: 0, scope: []), asked) }
    try finish()
    age.checkAgain(made)
    let status: ExitStatus = asked.unknown.isEmpty ? .success : .incomplete
    report(status)
    return status
  }

  /// In the pipeline of a worker: waits until the pull before it has all of its answers. The next one may ask while
  /// this one hands out what it has read ahead.
  private func inTurn(_ body: () async throws -> Void) async throws {
    let turn = try WorkerTurn.wait("pull", in: options.turnFolder)
    defer { withExtendedLifetime(turn) {} }
    try await body()
  }

  /// The turn of a worker's first pull, if that is of several slices: those who deliver have nothing to do yet.
  private func firstTurn(for selections: [PullOptions]) -> FileTurn? {
    // Behind the end line nothing may turn out to be missing.
    guard options.checks, options.spools, !options.writesEndLine, let folder = options.turnFolder,
      selections.count == 1,
      selections[0].isOfOnePlace, selections[0].periods.count > 1
    else { return nil }
    return WorkerTurn.first("pull", in: folder)
  }

  /// Asks for the values at once: the ids are looked up when all are out. If the server refuses the first request, it
  /// may be because of an id: then all goes on as it does in other pulls.
  ///
  /// - Returns: whether the ids were looked up.
  private func fetchFirst(
    _ requests: [PullRequest], _ selections: inout [PullOptions], _ asked: inout AskedIDs
  ) async throws -> Bool {
    do { try await fetch(requests.prefix(1)) } catch let error as ServerError where meter.current.values == 0 {
      log.debug("\(error); looking the ids up first")
      try asked.check(&selections)
      try await fetch(PullPlan(selections).requests)
      return true
    }
    try await fetch(requests.dropFirst())
    return false
  }

  /// Waits until all that was read ahead is out.
  private func finish() throws { try output.finish { [meter] in meter.draw() } }

  /// The same after a failure. One of the output comes after it.
  private func finishing(_ failure: any Error) -> any Error {
    do { try finish() } catch {
      meter.add { $0.values -= output.abandonedLines }
      return error
    }
    return failure
  }

  private func advised(_ error: any Error) -> any Error {
    guard var error = error as? ServerError, !options.spools else { return error }
    error.remedy = "with \(PullOptions.spool.name) to hold answers back until they are complete"
    return error
  }

  /// Writes the requests instead of making them.
  private func explain(_ requests: [PullRequest], isWhole: Bool) throws -> ExitStatus {
    for (place, request) in requests.enumerated() {
      let line: JSONValue = [
        "request": .int(place + 1), "dataSet": .string(orNull: request.dataSet),
        "url": .string(client.server.appending(request.export.target)),
      ]
      try output.line(line.text)
    }
    try output.finish()
    log.info("\(counted(requests.count, "request")), none of which was made")
    return isWhole ? .success : .incomplete
  }

  /// Estimates what the requests would bring, instead of making them.
  private func count(_ selections: [PullOptions], isWhole: Bool) throws -> ExitStatus {
    let status: ExitStatus = isWhole ? .success : .incomplete
    var listing = Listing(isatty(1) == 1 ? .table : .json, columns: CountRun.columns)
    let run = CountRun(options: options, client: client, meter: meter, log: log)
    try run.run(selections, into: &listing, status)
    return status
  }

  private func report(_ status: ExitStatus, refusal: String? = nil) {
    if status == .success || meter.current.requests > 0 { log.info(meter.line) }
    guard let file = options.summaryFile else { return }
    let summary = meter.summary(status, serverTime: client.serverTimeAtFirstAnswer, refusal: refusal)
    do { try SummaryFile.write(summary, to: file) } catch { log.error("\(error)") }
  }

  private func fetch(_ requests: some Sequence<PullRequest>) async throws {
    let division = RequestDivision(client: client, today: options.today)
    try await fetch(RequestList(requests), dividedBy: division)
  }

  /// Makes the requests, several at a time; the first failure ends the others.
  private func fetch(_ requests: any RequestSource, dividedBy division: any RequestDividing) async throws {
    let isOneByOne = options.limit != nil
    let executor = BlockingExecutor(threads: client.limit.most)
    let before = meter.current.planned
    let fetcher = RequestFetcher(
      options: options, client: client, log: log, output: output, meter: meter, division: division)
    try await withThrowingTaskGroup(of: Void.self) { group in
      var running = 0
      var isOver = false
      while !isOver || running > 0 {
        while !isOver, running < (isOneByOne ? 1 : client.limit.current) {
          guard let request = requests.next() else {
            isOver = true
            break
          }
          meter.add { $0.planned = max($0.planned, before + requests.planned) }
          running += 1
          group.addTask(executorPreference: executor) { try fetcher.fetch(request) }
        }
        guard running > 0 else { break }
        try await group.next()
        running -= 1
      }
    }
  }
}
