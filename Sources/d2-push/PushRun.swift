import CMemory
import D2Client
import D2Common
import Glibc

/// One run: sends the input to a server or a queue, and reports the outcome.
struct PushRun {
  private let options: PushOptions
  private let report: RunReport

  /// Opens the rejects.
  ///
  /// - Throws: `CommandFailure`, 73, before anything was sent.
  init(_ options: PushOptions, _ log: Log) throws(CommandFailure) {
    self.options = options
    report = RunReport(
      options,
      try Account(
        rejectsFile: options.rejectsFile, policy: options.rejectsPolicy, hasQueue: options.queue != nil,
        dryRun: options.dryRun, periods: options.tellsPeriods ? PeriodTally() : nil), log)
  }

  /// In a worker's pipeline: waits until there are values, and until the previous d2-push has delivered its own.
  private func turn(_ client: DHIS2Client) throws -> FileTurn? {
    guard let folder = options.turnFolder else { return nil }
    var input = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
    while poll(&input, 1, 1000) <= 0 { try Signals.check() }
    // At the end of the input there is no POLLIN.
    guard input.revents & Int16(POLLIN) != 0 else { return nil }
    return try WorkerTurn.wait("push", in: folder) {
      // Earlier commands of the worker have answered all its questions. Open the connection before its turn comes.
      if client.traffic.requests == 0 { _ = client.answers }
    }
  }

  /// - Parameter connect: signs in at the server or queue.
  func run(_ client: DHIS2Client, _ connect: (DHIS2Client) throws -> any BatchSender) async throws -> ExitStatus {
    // Batches are large, and d2-push makes one after the other.
    d2_keep_freed_memory()
    let sender = try connect(client)
    if isatty(0) == 1 {
      report.log.info("reading data values from the terminal, one JSON object a line; end with Ctrl-D")
    }
    let turn = try turn(client)
    defer { withExtendedLifetime(turn) {} }
    // One thread for each request, one that reads, one for the loop, two that locate lines, two that compress batches.
    let executor = BlockingExecutor(threads: options.server.concurrency + (options.compressesValues ? 6 : 4))
    let keys = options.replace.map { InputKeys(environment: $0.environment) }
    let held = HeldRegistrations(options, sender)
    var failure: (any Error)?
    do {
      try await withTaskExecutorPreference(executor) {
        var loop = PushLoop(sender, report, limit: client.limit, executor: executor, keys: keys, held: held)
        try await loop.run()
        if let keys, let replace = options.replace {
          try await Replacement(options, replace, keys).run(client, report, executor)
        }
        let others = keys?.ofRegistrations()
        try await held?.send(options, client, report, executor, keys: others)
        if let others, let replace = options.replace, others.ends.contains(where: \.hasRegistrations) {
          try await Replacement(options.ofRegistrations, replace, others).run(client, report, executor)
        }
      }
    } catch {
      failure = error
      // Without their values, the registrations are not sent.
      try? held?.forEach { try report.account.notSent(line: $0, number: $1, .notSent(after: error)) }
    }
    return try report.end(after: failure, learnt: sender.learnt)
  }
}
