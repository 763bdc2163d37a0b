import CMemory
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
  private let sizer: BatchSizer
  private let directory: DataSetDirectory
  private let memory = GuiltyMemory()
  private let output = LineOutput.standardOutput()
  private let drawsProgress: Bool

  /// Requests that are quicker than this do not wait for the next batch: it is made while they run.
  private static let quickSeconds = 0.2

  init(_ options: PushOptions, _ client: DHIS2Client, _ log: Log) throws(CommandFailure) {
    self.options = options
    self.client = client
    self.log = log
    account = try Account(rejectsFile: options.rejectsFile, log)
    sizer = BatchSizer(options.batchSize, longestSeconds: options.batchSeconds)
    directory = DataSetDirectory(client)
    drawsProgress = isatty(2) == 1
  }

  func run() async throws -> ExitStatus {
    // Batches are large and are made one after the other.
    d2_keep_freed_memory()
    let server = try DestinationTraits(client, options)
    if isatty(0) == 1 { log.info("reading data values from the terminal, one JSON object a line; end with Ctrl-D") }
    let importer = Importer(client, options, server, account)
    let executor = BlockingExecutor(threads: options.server.concurrency + 1)
    var failure: (any Error)?
    do {
      try await withTaskExecutorPreference(executor) { try await send(importer, server, executor) }
    } catch { failure = error }
    do {
      try account.finish()
      try output.flush()
    } catch { failure = failure ?? error }
    let status = status(after: failure)
    report(status)
    if let failure { throw failure }
    return status
  }

  private func status(after failure: (any Error)?) -> ExitStatus {
    switch failure {
    case let failure as CommandFailure: failure.status
    case let failure as ServerError: failure.exitStatus
    case nil: account.totals.refused > 0 ? .incomplete : .success
    default: .bug
    }
  }

  private func report(_ status: ExitStatus) {
    log.info(account.line)
    for (reason, count) in account.commonReasons(5) { log.info("refused \(count): \(reason)") }
    let totals = account.totals
    if totals.refused + totals.notSent > 0 {
      if let file = options.rejectsFile {
        log.info("what was not taken is in \(file); after mending: jq -c .value \(file) | d2-push …")
      } else if totals.refused > 0 {
        log.info("with --rejects FILE the refused values are kept, each with its reason")
      }
    }
    if totals.read != totals.accountedFor { log.error("the counts do not add up: this is a bug of d2-push") }
    guard let file = options.summaryFile else { return }
    do { try SummaryFile.write(account.summary(status, learnt: sizer.learnt), to: file) } catch {
      log.error("\(error)")
    }
  }

  // MARK: Sending

  /// Reads and sends. The first failure that a batch cannot get over ends the reading; what was not accepted goes to the rejects.
  private func send(_ importer: Importer, _ server: DestinationTraits, _ executor: BlockingExecutor) async throws {
    var batcher = Batcher(options, server, account)
    var failure: (any Error)?
    let concurrency = options.server.concurrency
    await withTaskGroup(of: SentBatch.self) { group in
      var running: [Int: KeySet] = [:]
      func finish(downTo most: Int) async {
        while running.count > most, let sent = await group.next() {
          running[sent.number] = nil
          if failure == nil { failure = sent.failure }
        }
      }
      while failure == nil {
        if running.count == concurrency, sizer.lastSeconds > Self.quickSeconds { await finish(downTo: concurrency - 1) }
        if failure != nil { break }
        let size = sizer.size
        let batch: Batch
        do {
          guard let next = try batcher.next(size: size) else { break }
          batch = next
        } catch {
          failure = error
          break
        }
        await finish(downTo: concurrency - 1)
        // Two values of one key are never under way at once: the one that comes last in the input must win.
        if running.values.contains(where: { $0.intersects(batch.keys) }) { await finish(downTo: 0) }
        guard failure == nil else {
          failure = keep(batch, failure)
          break
        }
        running[batch.number] = concurrency > 1 ? batch.keys : KeySet()
        group.addTask(executorPreference: executor) { [self] in settle(batch, size, importer, server) }
        if let limit = options.maxRejects, limit.isExceeded(refused: account.totals.refused, of: account.totals.read) {
          failure = CommandFailure(
            .incomplete,
            "\(account.totals.refused) of \(account.totals.read) values refused: more than --max-rejects allows")
        }
      }
      await finish(downTo: 0)
    }
    try endReading(&batcher, failure)
  }

  /// A batch that was made but not sent any more.
  private func keep(_ batch: Batch, _ failure: (any Error)?) -> (any Error)? {
    do {
      try account.notSent(batch, Refusal(message: "not sent: an earlier batch failed"))
      return failure
    } catch { return error }
  }

  /// Where the destination gave up, the rest of the input is kept beside what was refused.
  private func endReading(_ batcher: inout Batcher, _ failure: (any Error)?) throws {
    guard let failure else { return }
    let isServers = failure is ServerError || (failure as? CommandFailure)?.status == .incomplete
    if isServers {
      let message = (failure as? ServerError)?.message ?? "\(failure)"
      if account.keepsRejects {
        log.error("\(failure)")
        log.info("reading the rest of the input into \(options.rejectsFile ?? "")")
        try batcher.drain(reason: Refusal(message: "not sent: \(message)"))
      } else {
        log.info(
          "the rest of the input was not read; run it again, or give --rejects FILE to keep what is not accepted")
      }
    }
    throw failure
  }

  private struct SentBatch: Sendable {
    let number: Int
    let failure: (any Error)?
  }

  private func settle(_ batch: Batch, _ size: Int, _ importer: Importer, _ server: DestinationTraits) -> SentBatch {
    let start = monotonicSeconds()
    var settlement = Settlement(batch, importer, server, options, sizer, directory, memory)
    var (outcome, failure) = settlement.run()
    outcome.seconds = monotonicSeconds() - start
    if outcome.attempts == 1, failure == nil {
      sizer.record(size: size, values: batch.values.count, seconds: outcome.seconds)
    }
    do {
      try account.close(batch, outcome)
      try output.line(outcome.line(of: batch).text)
      if outcome.seconds > Self.quickSeconds { try output.flush() }
    } catch { failure = failure ?? error }
    if !outcome.refused.isEmpty {
      let place = options.rejectsFile.map { " (see \($0))" } ?? ""
      log.info(
        "batch \(batch.number): \(outcome.httpStatus) from \(client.server): \(outcome.refused.count) values refused\(place)"
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
