import D2Client
import D2Common
import Glibc

/// The loop of a run. It reads blocks of the input, locates several at a time, restores their order, makes batches and
/// sends them. All of this runs concurrently; only this loop writes the account.
struct PushLoop {
  /// The results of a run's tasks.
  private enum Event: Sendable {
    case read(Result<[UInt8]?, CommandFailure>)
    case located(LocatedLines, order: Int)
    case compressed(Batch)
    case sent(Batch, SentBatch)
    case looked(DeliveryWatch.Round)
    case waited
  }

  /// Whether the next batch waits for more input.
  private enum Patience { case fresh, waiting, over }

  /// How many blocks of the input d2-push reads ahead and locates at once.
  private static let blocksAhead = 4
  /// If a batch takes longer than this, d2-push writes its line at once.
  private static let slowSeconds = 0.2

  private let sender: any BatchSender
  private let report: RunReport
  private let limit: ConcurrencyLimit
  private let executor: BlockingExecutor
  private let drawsProgress: Bool
  private let showsBatches: Bool
  private let stop = StopSign()
  private let reader: InputReader
  /// The keys of all input lines, if a replacement needs them.
  private let keys: InputKeys?
  /// Registrations that must wait for the values, if the input may contain some.
  private let held: HeldRegistrations?
  private var input = InputOrder()
  private var maker: any BatchMaker
  private var watch: DeliveryWatch
  /// Batches that are ready but not in flight, in their order; and the numbers of those still being compressed.
  private var waiting: [Batch] = []
  private var compressing: Set<Int> = []
  private var running: [Int: Batch] = [:]
  private var isReading = false
  private var isLooking = false
  private var patience = Patience.fresh
  /// The first failure that ends the run.
  private var failure: (any Error)?

  private var account: Account { report.account }

  /// - Parameters:
  ///   - limit: how many batches may be in flight.
  ///   - executor: one thread for each of them, one that reads, two that locate lines, two that compress batches, and
  ///     one for this loop or for following batches.
  ///   - keys: collects the keys of all lines.
  ///   - held: collects the registrations among the values, and learns which values were refused.
  ///   - descriptor: the input.
  init(
    _ sender: any BatchSender, _ report: RunReport, limit: ConcurrencyLimit, executor: BlockingExecutor,
    keys: InputKeys? = nil, held: HeldRegistrations? = nil, descriptor: Int32 = 0
  ) {
    self.sender = sender
    self.report = report
    self.limit = limit
    self.executor = executor
    self.keys = keys
    self.held = held
    // Progress replaces the batch lines, which would fill a terminal.
    showsBatches = report.options.showsBatches || isatty(1) == 0
    drawsProgress = report.log.draws && (isatty(1) == 0 || !showsBatches)
    reader = InputReader(descriptor, stop: stop)
    maker = sender.batchMaker()
    watch = DeliveryWatch(mostSeconds: sender.followSeconds)
  }

  /// Sends all of the input. The first failure that d2-push cannot recover from ends the reading. Values that the
  /// server did not accept go to the rejects.
  mutating func run() async throws {
    await withTaskGroup(of: Event.self) { group in
      while true {
        // Reading starts before d2-push makes a batch, which takes a while. It may also start after that, when the
        // batch has used up the input.
        read(&group)
        if send(&group) || mayRead { continue }
        look(&group)
        guard let event = await group.next() else { break }
        handle(event, &group)
        while let piece = input.next() { take(piece) }
        if input.isComplete { maker.end() }
      }
    }
    try end()
  }

  // MARK: What is begun

  private var mayRead: Bool {
    !isReading && !input.hasEnded && failure == nil && input.ahead < Self.blocksAhead
      && (input.ahead + maker.waitingPieces < Self.blocksAhead || maker.looksAhead)
  }

  private mutating func read(_ group: inout TaskGroup<Event>) {
    guard mayRead else { return }
    isReading = true
    group.addTask(executorPreference: executor) { [reader] in .read(reader.next()) }
  }

  /// Sends the next batch if one may be sent. Returns whether it did.
  private mutating func send(_ group: inout TaskGroup<Event>) -> Bool {
    guard failure == nil else { return false }
    makeBatches(&group)
    guard let batch = waiting.first, !compressing.contains(batch.number), running.count < limit.current,
      watch.hasRoom, !isKeyUnderWay(of: batch)
    else { return false }
    waiting.removeFirst()
    running[batch.number] = batch
    let follows = !watch.hasGivenUp
    group.addTask(executorPreference: executor) { [sender] in .sent(batch, sender.send(batch, follows: follows)) }
    return true
  }

  /// Whether to wait a moment for more input; starts the wait. If only a few more values come, they can join the same
  /// batch.
  private mutating func waitsForInput(_ group: inout TaskGroup<Event>) -> Bool {
    let seconds = patience == .over ? 0 : maker.patienceSeconds
    guard seconds > 0 else { return false }
    if patience == .fresh {
      patience = .waiting
      group.addTask {
        try? await Task.sleep(for: .seconds(seconds))
        return .waited
      }
    }
    return true
  }

  /// For a slow server, makes no batch early: the answer to the previous batch may change the size.
  private mutating func makeBatches(_ group: inout TaskGroup<Event>) {
    let compresses = sender.compressesAhead
    let most = compresses ? 2 : sender.isQuick || running.count < limit.current ? 1 : 0
    while waiting.count < most, !waitsForInput(&group), let batch = nextBatch() {
      waiting.append(batch)
      guard compresses else { continue }
      compressing.insert(batch.number)
      group.addTask(executorPreference: executor) {
        var batch = batch
        batch.compress()
        return .compressed(batch)
      }
    }
  }

  private mutating func nextBatch() -> Batch? {
    if patience == .over { patience = .fresh }
    defer { account.batched(maker.made) }
    return maker.next()
  }

  /// Two values with the same key are never in flight at once, because the last one in the input must win.
  private func isKeyUnderWay(of batch: Batch) -> Bool {
    running.values.contains { $0.keys.intersects(batch.keys) }
  }

  private mutating func look(_ group: inout TaskGroup<Event>) {
    guard !isLooking, !watch.isEmpty else { return }
    isLooking = true
    let asked = watch.nextRound()
    group.addTask(executorPreference: executor) { [sender] in .looked(sender.look(at: asked)) }
  }

  // MARK: What comes back

  private mutating func handle(_ event: Event, _ group: inout TaskGroup<Event>) {
    switch event {
    case .read(let result):
      isReading = false
      guard let block = input.began(result) else { return }
      group.addTask(executorPreference: executor) { [sender] in
        .located(sender.locate(block.bytes), order: block.order)
      }
    case .located(let piece, let order): input.finished(piece, order)
    case .compressed(let batch):
      compressing.remove(batch.number)
      if let place = waiting.firstIndex(where: { $0.number == batch.number }) { waiting[place] = batch }
    case .sent(let batch, .answered(let outcome, failure: let failure)):
      running[batch.number] = nil
      close([(batch, outcome)], failure)
    case .sent(let batch, .followed(let request)):
      running[batch.number] = nil
      close(watch.add(request), nil)
    case .waited: patience = patience == .waiting ? .over : patience
    case .looked(let round):
      isLooking = false
      close(watch.finish(round), round.failure)
    }
  }

  /// Sends the refused lines to the rejects. Without rejects, the first line that is not a value ends the input.
  private mutating func take(_ piece: LocatedLines) {
    var piece = piece
    for fault in piece.faults.sorted(by: { $0.number < $1.number }) {
      do throws(CommandFailure) { try account.refuse(fault, of: piece) } catch {
        input.end(error)
        piece.cut(behind: fault.number)
        break
      }
    }
    do {
      try keys?.note(piece)
      try held?.note(piece)
    } catch { failure = failure ?? error }
    account.took(piece.lines.count)
    maker.add(piece)
  }

  // MARK: What became of batches

  private mutating func close(_ batches: [(batch: Batch, outcome: BatchOutcome)], _ failure: (any Error)?) {
    var failure = failure
    // Account for all batches first: the write to stdout may block, and the rejects must hold the refused values before
    // that.
    for (batch, outcome) in batches {
      do { try account.close(batch, outcome) } catch { failure = failure ?? error }
      held?.note(batch, outcome)
    }
    for (batch, outcome) in batches {
      do {
        if showsBatches { try report.output.line(outcome.line(of: batch).text) }
        if outcome.seconds > Self.slowSeconds { try report.output.flush() }
      } catch { failure = failure ?? error }
      tell(batch, outcome)
    }
    self.failure = self.failure ?? failure ?? report.tooManyRejects
    if let failure = self.failure, !report.keepsRest(after: failure) { stop.set() }
  }

  private func tell(_ batch: Batch, _ outcome: BatchOutcome) {
    if let news = sender.news(of: batch, outcome) {
      report.log.info("batch \(batch.number): \(news)\(report.options.rejectsFile.map { " (see \($0))" } ?? "")")
    }
    guard drawsProgress else { return }
    let totals = account.totals
    report.log.draw(sender.progress(totals, perSecond: Int(Double(totals.accountedFor) / max(account.seconds, 0.001))))
  }

  // MARK: The end

  /// If the destination failed, keeps the batches in memory and the rest of the input in the rejects.
  private mutating func end() throws {
    let rest = waiting + maker.rest()
    account.batched(maker.made)
    guard let failure else {
      if let inputFailure = input.failure { throw inputFailure }
      guard input.isComplete, rest.isEmpty else {
        throw CommandFailure(.bug, "not all of the input was sent: this is a bug of d2-push")
      }
      if let late = watch.failure { throw late }
      return
    }
    let reason = Refusal.notSent(after: failure)
    // Count all of them, even if the rejects cannot be written.
    for batch in rest {
      var outcome = BatchOutcome()
      outcome.sendNone(of: batch, reason)
      try? account.close(batch, outcome)
    }
    if report.keepsRest(after: failure) {
      report.log.info("reading the rest of the input into \(report.options.rejectsFile ?? "")")
      try reader.drain(linesBefore: input.lines) { try account.notSent(line: $0.bytes, number: $1, reason) }
    } else if !account.keepsRejects {
      report.log.info(
        "the rest of the input was not read; run it again, or give --rejects FILE to keep the refused values")
    }
    throw failure
  }
}
