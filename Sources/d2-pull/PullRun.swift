import D2Client
import D2Common
import D2Store
import Glibc

/// One run: looks up the requested ids, sends the requests, writes the values, and reports the outcome.
final class PullRun: Sendable {
  private let options: PullOptions
  /// The store's selection, which adds to the options' own or replaces it.
  private let stored: (any StoredSelection)?
  private let client: DHIS2Client
  private let log: Log
  private let output: LineOutput
  private let meter: PullMeter
  /// Whether other runs share its output and its meter. Then the caller reports all of them together.
  private let isPart: Bool

  /// - Parameter shared: a meter that counts this run together with others.
  init(
    _ options: PullOptions, _ stored: (any StoredSelection)?, _ client: DHIS2Client, _ log: Log,
    shared: PullMeter? = nil
  ) {
    self.options = options
    self.stored = stored
    self.client = client
    self.log = log
    let readAhead = ReadAhead.Settings(
      bound: options.readAhead, environment: options.server.configuration.environment
    ) { log.warning($0) }
    output = LineOutput.standardOutput(readAhead: readAhead) { log.wipe() }
    isPart = shared != nil
    meter = shared ?? PullMeter(log)
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

  /// Reads the values that were entered.
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
      // Sign in once, before several requests would each sign in.
      _ = try client.json("/api/me?fields=id")
    }
    try Changes.resolve(in: &selections, client, log)
    // `--count` and `--explain` need no further requests.
    if !options.counts, !options.explains {
      try DataSetNames(options).find(for: &selections, client)
      if options.checks { try missing.announce(for: selections) }
    }
    let scope = options.writesEndLine ? try scopeOfEndLine(selections) : nil
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
      let before = try scope.map { try endLine(of: $0, lasting: true) }
      try await inTurn { try await fetch(requests) }
      if let scope, let before { try write(try endLine(of: scope, lasting: false).both(with: before), asked) }
      try finish()
    }
    let isWhole =
      !missing.report(meter.current.withoutID) && asked.unknown.isEmpty && (scope == nil || !asked.isUnsure)
    let status: ExitStatus = isWhole ? .success : .incomplete
    if isWhole { stored?.noteDelivered() }
    report(status)
    if stored == nil, options.hasNoUnitsBelow, !options.isIncrement, meter.current.values == 0 {
      log.info("no values: --org-unit without --children reads the named units only, and none below them")
    }
    return status
  }

  /// The scope for the end line. It is computed before the first value, because it is an error if the selection has no
  /// scope.
  private func scopeOfEndLine(_ selections: [PullOptions]) throws -> [Slice] {
    try CommandFailure.require(options.checks, "--end-line needs the checks: leave out --no-check")
    return try selections.flatMap { try $0.endLineScope() }
  }

  /// The end line. It names the units, data elements and attribute option combos that the source has for this user,
  /// because nothing else is stale at the destination. For a slice, d2-push itself asks the source about the few units
  /// that matter. Combos are those of the user who pulls: an export silently leaves others out.
  ///
  /// - Parameter lasting: whether another command's answer from some minutes ago may be used.
  private func endLine(of scope: [Slice], lasting: Bool) throws -> EndLine {
    var end = EndLine(values: 0, scope: scope)
    let sets = scope.map(\.dataSet).unique.sorted()
    end.dataElements = try client.dataElements(ofDataSets: sets, lasting: lasting).mapValues { $0.sorted() }
    if !(stored is SlicePull) {
      let tops = scope.flatMap(\.orgUnits).unique
      end.units = scope.contains(where: \.children) ? try UnitsBelow(client, fields: "id,path").ids(tops) : tops
    }
    end.attributeOptionCombos = try client.readableAttributeOptionCombos(ofDataSets: sets, lasting: lasting)
    return end
  }

  private func write(_ end: @autoclosure () throws -> EndLine, _ asked: AskedIDs) throws {
    guard asked.unknown.isEmpty, meter.current.withoutID.isEmpty else { return }
    guard !asked.isUnsure else {
      return log.error("there is no end line, since some ids could not be looked up: d2-push --replace deletes nothing")
    }
    var end = try end()
    end.values = meter.current.values
    try output.line(end.text)
  }

  /// Reads the sums of analytics.
  private func sums(_ options: PullOptions, _ analytics: AnalyticsOptions) async throws -> ExitStatus {
    let age = TableAge(client: client, log: log)
    let made = try age.check(most: analytics.maxAgeSeconds)
    var asked = AskedIDs(client: client, log: log)
    let question = AnalyticsQuestion(options: options, analytics: analytics, client: client, log: log)
    let (grids, ids, leavesOut) = try question.grids(&asked)
    let parts = AnalyticsParts(
      grids, analytics, dataSet: options.tagsDataSet ? options.dataSets.first : nil, ids: ids)
    if options.explains {
      return try explain(Array(sequence(state: parts) { $0.next() }), isWhole: asked.unknown.isEmpty)
    }
    try await inTurn { try await fetch(parts, dividedBy: parts) }
    // Only the user knows what the sums become at the destination.
    if options.writesEndLine {
      if leavesOut {
        log.error("there is no end line, since data elements were left out: d2-push --replace deletes nothing")
      } else {
        try write(EndLine(values: 0, scope: []), asked)
      }
    }
    try finish()
    age.checkAgain(made)
    if meter.current.values == 0, analytics.passedOn.contains(where: { $0.name == "filter" }) {
      log.warning(
        "no values: either nothing matches --filter, or the tables were made before its dimension: \(ServerError.analyticsAdvice)"
      )
    }
    let isWhole = asked.unknown.isEmpty && !(options.writesEndLine && leavesOut)
    let status: ExitStatus = isWhole ? .success : .incomplete
    report(status)
    return status
  }

  /// In a worker's pipeline: waits until the previous pull has all of its answers. The next pull may send requests
  /// while this one writes what it has read ahead.
  private func inTurn(_ body: () async throws -> Void) async throws {
    let turn = try WorkerTurn.wait("pull", in: options.turnFolder)
    defer { withExtendedLifetime(turn) {} }
    try await body()
  }

  /// The turn of a worker's first pull, if that has several slices. Nothing is being delivered yet.
  private func firstTurn(for selections: [PullOptions]) -> FileTurn? {
    // After the end line, nothing may turn out to be missing.
    guard options.checks, options.spools, !options.writesEndLine, let folder = options.turnFolder,
      selections.count == 1,
      selections[0].isOfOnePlace, selections[0].periods.count > 1
    else { return nil }
    return WorkerTurn.first("pull", in: folder)
  }

  /// Sends the requests at once, and looks the ids up afterwards. If the server refuses the first request, an id may be
  /// the reason. Then everything continues as in other pulls.
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

  /// Waits until everything that was read ahead is written.
  private func finish() throws { try output.finish { [meter] in meter.draw() } }

  /// Does the same after a failure. A failure of the output takes precedence.
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

  /// Writes the requests instead of sending them.
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

  /// Estimates the results of the requests instead of sending them.
  private func count(_ selections: [PullOptions], isWhole: Bool) throws -> ExitStatus {
    let status: ExitStatus = isWhole ? .success : .incomplete
    var listing = Listing(isatty(1) == 1 ? .table : .json, columns: CountRun.columns)
    let run = CountRun(options: options, client: client, meter: meter, log: log)
    try run.run(selections, into: &listing, status)
    return status
  }

  private func report(_ status: ExitStatus, refusal: String? = nil) {
    guard !isPart else { return }
    meter.report(status, to: options.summaryFile, serverTime: client.serverTimeAtFirstAnswer, refusal: refusal)
  }

  private func fetch(_ requests: some Sequence<PullRequest>) async throws {
    let division = RequestDivision(client: client, today: options.today)
    try await fetch(RequestList(requests), dividedBy: division)
  }

  /// Sends the requests, several at a time. The first failure ends the others.
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
