import CMemory
import D2Client
import D2Common
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// One run: reads the input, sends it in batches, several at a time, and accounts for every value.
final class PushRun: Sendable {
  private let options: PushOptions
  private let client: DHIS2Client
  private let log: Log
  private let account: Account
  private let report: RunReport
  private let sizer: BatchSizer
  private let directory: DataSetDirectory
  private let memory = GuiltyMemory()
  private let unitDates: OrgUnitDates
  private let foresight: Foresight?
  private let elements: ElementDirectory?
  private let output: LineOutput
  private let drawsProgress: Bool
  /// Refuses a destination with a calendar other than that of the values' source, where that is known.
  private let checkCalendar: @Sendable (_ calendar: String) throws -> Void

  /// Requests that are quicker than this do not wait for the next batch: it is made while they run.
  private static let quickSeconds = 0.2

  init(
    _ options: PushOptions, _ client: DHIS2Client, _ log: Log,
    checkCalendar: @escaping @Sendable (_ calendar: String) throws -> Void = { _ in }
  ) throws(CommandFailure) {
    self.checkCalendar = checkCalendar
    self.options = options
    self.client = client
    self.log = log
    account = try Account(
      rejectsFile: options.rejectsFile, log, policy: options.rejectsPolicy, dryRun: options.dryRun)
    report = RunReport(options: options, account: account, log: log)
    sizer = BatchSizer(options.batchSize, longestSeconds: options.batchSeconds)
    directory = DataSetDirectory(client, options)
    unitDates = OrgUnitDates(client)
    elements = options.kind == .dataValues ? ElementDirectory(client, asks: options.asksAboutElements) : nil
    foresight = options.looksAhead ? Foresight(client, directory, unitDates) : nil
    drawsProgress = log.draws && isatty(1) == 0
    output = LineOutput.standardOutput { [account] in try? account.finish(isWhole: false) }
  }

  func run() async throws -> ExitStatus {
    // Batches are large and are made one after the other.
    d2_keep_freed_memory()
    let server = try DestinationTraits(client, options)
    if let calendar = server.calendar { try checkCalendar(calendar) }
    if server.failsWholeGroups, let strategy = options.importStrategy, ["CREATE", "UPDATE"].contains(strategy) {
      throw CommandFailure(
        .usage,
        "--import-strategy \(strategy): this server (\(server.version?.text ?? "")) would create and update; it knows DELETE alone"
      )
    }
    try limitImports(server)
    if server.likesLargeBatches { sizer.beginLarge() }
    if isatty(0) == 1 { log.info("reading data values from the terminal, one JSON object a line; end with Ctrl-D") }
    let importer = Importer(client, options, server, account)
    // One thread for each request, one that reads, one that makes batches, two that locate lines.
    let executor = BlockingExecutor(threads: options.server.concurrency + 4)
    var failure: (any Error)?
    do {
      try await withTaskExecutorPreference(executor) { try await send(importer, server, executor) }
    } catch { failure = error }
    do {
      try account.finish(isWhole: failure.map { report.keepsRest(after: $0) } ?? true)
      try output.flush()
    } catch { failure = failure ?? error }
    let status = report.status(after: failure)
    report.write(status, learnt: sizer.learnt, isWhole: failure == nil)
    if let failure { throw failure }
    return status
  }

  /// Up to 2.42 too many imports at once stop the server for good: those of all workers of a run on this host count.
  private func limitImports(_ server: DestinationTraits) throws(CommandFailure) {
    guard ImportLimit.isNeeded(by: server.version), !options.forcesConcurrency else { return }
    let jobs = ImportLimit.jobs(processEnvironment())
    if options.server.findsConcurrency {
      guard jobs <= ImportLimit.most else {
        throw ImportLimit.failure("\(jobs) workers at a time", imports: jobs, server.version)
      }
      client.limit.restrict(to: ImportLimit.most / jobs)
      return
    }
    let number = options.server.concurrency
    guard jobs * number > ImportLimit.most else { return }
    throw ImportLimit.failure(
      jobs == 1 ? "--concurrency \(number)" : "\(jobs) workers at a time, each with --concurrency \(number)",
      imports: jobs * number, server.version)
  }

  // MARK: Sending

  /// What the tasks of a run come back with.
  private enum Event: Sendable {
    case read(Result<[UInt8]?, CommandFailure>)
    case located(LocatedLines, order: Int)
    case sent(SentBatch)
  }

  /// How many blocks of the input are read ahead, and located at once.
  private static let blocksAhead = 4

  /// Reads, locates, makes batches and sends them, all at once. The first failure that a batch cannot get over ends the reading; what was not
  /// accepted goes to the rejects.
  private func send(_ importer: Importer, _ server: DestinationTraits, _ executor: BlockingExecutor) async throws {
    let stop = StopSign()
    let reader = InputReader(stop: stop)
    let locator = LineLocator(options, server, elements)
    var input = InputOrder()
    var batcher = Batcher(options, server, account)
    var waiting: (batch: Batch, size: Int)?
    var failure: (any Error)?
    await withTaskGroup(of: Event.self) { group in
      var running: [Int: KeySet] = [:]
      var isReading = false
      while true {
        // Begun before a batch is made, which takes a while, or behind it, when it has used up what was read.
        var mayRead: Bool {
          !isReading && !input.hasEnded && failure == nil && input.ahead + batcher.waitingPieces < Self.blocksAhead
        }
        if mayRead {
          isReading = true
          group.addTask(executorPreference: executor) { .read(reader.next()) }
        }
        if waiting == nil, failure == nil, mayMakeBatch(running: running.count) {
          let size = sizer.size
          waiting = batcher.next(size: size).map { ($0, size) }
        }
        if let next = waiting, failure == nil, maySend(next.batch, running) {
          running[next.batch.number] = next.batch.keys
          group.addTask(executorPreference: executor) { [self] in
            .sent(settle(next.batch, next.size, importer, server))
          }
          waiting = nil
          continue
        }
        if mayRead { continue }
        guard let event = await group.next() else { break }
        switch event {
        case .read(let result):
          isReading = false
          if let block = input.began(result) {
            group.addTask(executorPreference: executor) { .located(locator.locate(block.bytes), order: block.order) }
          }
        case .located(let piece, let order): input.finished(piece, order)
        case .sent(let sent):
          running[sent.number] = nil
          failure = failure ?? sent.failure ?? report.tooManyRejects
          if let failure, !report.keepsRest(after: failure) { stop.set() }
        }
        while let piece = input.next() { batcher.add(keepingMalformed(piece, &input)) }
        if input.isComplete { batcher.end() }
      }
    }
    guard let failure else {
      if let inputFailure = input.failure { throw inputFailure }
      guard input.isComplete, waiting == nil, batcher.rest().isEmpty else {
        throw CommandFailure(.bug, "not all of the input was sent: this is a bug of d2-push")
      }
      return
    }
    var rest = waiting.map { [$0.batch] } ?? []
    rest += batcher.rest()
    try report.endReading(reader, linesBefore: input.lines, rest, failure)
  }

  /// Lines that are no values go to the rejects; without these the first of them ends the input.
  private func keepingMalformed(_ piece: LocatedLines, _ input: inout InputOrder) -> LocatedLines {
    var piece = piece
    for line in piece.malformed {
      do throws(CommandFailure) {
        try account.malformed(text: line.text, number: piece.linesBefore + line.number, line.fault)
      } catch {
        input.end(error)
        piece.cut(behind: line.number)
        break
      }
    }
    do throws(CommandFailure) {
      for (line, refusal) in piece.setApart {
        let value = piece.text[Int(line.start)..<Int(line.start + line.length)]
        try account.refuse(value, line: piece.linesBefore + line.number, refusal)
      }
    } catch { input.end(error) }
    return piece
  }

  /// Batches are made ahead of their time only for a quick server; a slow one is measured first, and the size may change.
  private func mayMakeBatch(running: Int) -> Bool {
    running < client.limit.current || (sizer.lastSeconds ?? .infinity) <= Self.quickSeconds
  }

  /// Two values of one key are never under way at once: the one that comes last in the input must win.
  private func maySend(_ batch: Batch, _ running: [Int: KeySet]) -> Bool {
    running.count < client.limit.current && !running.values.contains { $0.intersects(batch.keys) }
  }

  private struct SentBatch: Sendable {
    let number: Int
    let failure: (any Error)?
  }

  private func settle(_ batch: Batch, _ size: Int, _ importer: Importer, _ server: DestinationTraits) -> SentBatch {
    let start = monotonicSeconds()
    var settlement = Settlement(
      batch, importer, server, options, sizer, directory, memory, unitDates,
      server.failsWholeGroups ? foresight : nil)
    var (outcome, failure) = settlement.run()
    outcome.seconds = monotonicSeconds() - start
    if outcome.attempts == 1, failure == nil {
      sizer.record(size: size, values: batch.values.count, seconds: outcome.seconds)
      client.limit.succeeded(seconds: outcome.seconds / Double(max(batch.values.count, 1)))
    }
    do {
      try account.close(batch, outcome)
      try output.line(outcome.line(of: batch, dryRun: options.dryRun).text)
      if outcome.seconds > Self.quickSeconds { try output.flush() }
    } catch { failure = failure ?? error }
    if !outcome.refused.isEmpty {
      let place = options.rejectsFile.map { " (see \($0))" } ?? ""
      log.info(
        "batch \(batch.number): \(outcome.httpStatus) from \(client.server): \(counted(outcome.refused.count, "value")) refused\(place)"
      )
    }
    if drawsProgress { draw() }
    return SentBatch(number: batch.number, failure: failure)
  }

  private func draw() {
    let totals = account.totals
    let rate = Int(Double(totals.accountedFor) / max(account.seconds, 0.001))
    log.draw(
      "\(totals.read) read, \(totals.accountedFor) answered for, \(rate)/s, \(totals.refused) refused, batches of \(sizer.size)"
    )
  }
}
