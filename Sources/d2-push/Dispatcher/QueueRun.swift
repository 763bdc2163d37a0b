import CMemory
import D2Client
import D2Common
import Glibc

/// One run with `--via`: reads the input, sorts it into requests, queues them, several at a time, and accounts for
/// every value. With `--wait` each request is followed until the queue has delivered it.
final class QueueRun: Sendable {
  private let options: PushOptions
  private let queue: QueueOptions
  private let client: DHIS2Client
  private let log: Log
  private let account: Account
  private let report: RunReport
  private let facilities: Facilities
  private let output: LineOutput
  private let drawsProgress: Bool

  init(_ options: PushOptions, _ queue: QueueOptions, _ facilities: Facilities, _ client: DHIS2Client, _ log: Log)
    throws(CommandFailure)
  {
    self.options = options
    self.queue = queue
    self.client = client
    self.log = log
    self.facilities = facilities
    account = try Account(rejectsFile: options.rejectsFile, log, policy: options.rejectsPolicy, hasQueue: true)
    report = RunReport(options: options, account: account, log: log)
    drawsProgress = log.draws && isatty(1) == 0
    output = LineOutput.standardOutput { [account] in try? account.finish(isWhole: false) }
  }

  func run() async throws -> ExitStatus {
    // Requests are made one after the other.
    d2_keep_freed_memory()
    let sender = try sender()
    if isatty(0) == 1 { log.info("reading data values from the terminal, one JSON object a line; end with Ctrl-D") }
    // One thread for each request, one that reads, two that locate lines, one that follows what is queued.
    let executor = BlockingExecutor(threads: options.server.concurrency + 4)
    var failure: (any Error)?
    do {
      try await withTaskExecutorPreference(executor) { try await send(sender, executor) }
    } catch { failure = error }
    do {
      try account.finish(isWhole: failure.map { report.keepsRest(after: $0) } ?? true)
      try output.flush()
    } catch { failure = failure ?? error }
    let status = report.status(after: failure)
    report.write(status, learnt: .object([]), isWhole: failure == nil)
    if let failure { throw failure }
    return status
  }

  private func sender() throws -> QueueSender {
    let flavour: QueueFlavour
    if let known = queue.flavour {
      flavour = known
    } else {
      flavour = try QueueFlavour(asking: client)
      log.debug("the queue is \(flavour.rawValue)")
      try queue.check(flavour)
    }
    let address = QueueAddress(
      server: client.server, path: queue.path, flavour: flavour, source: queue.source, destination: queue.destination)
    return QueueSender(client, address, account)
  }

  // MARK: Sending

  /// What the tasks of a run come back with.
  private enum Event: Sendable {
    case read(Result<[UInt8]?, CommandFailure>)
    case located(LocatedLines, order: Int)
    case sent(Sent)
    case looked(DeliveryWatch.Round)
  }

  private struct Sent: Sendable {
    let number: Int
    /// To be followed.
    var queued: QueuedRequest?
    var failure: (any Error)?
  }

  /// How many blocks of the input are read ahead, and located at once.
  private static let blocksAhead = 4

  /// Reads, sorts and queues, all at once. The first failure that is not that of some values ends the reading; what was
  /// not queued goes to the rejects.
  private func send(_ sender: QueueSender, _ executor: BlockingExecutor) async throws {
    let stop = StopSign()
    let reader = InputReader(stop: stop)
    let locator = LineLocator(options, DestinationTraits(version: nil))
    var input = InputOrder()
    var grouper = RequestGrouper(
      mostValues: options.batchSize.upperBound, mostBytes: options.batchBytes, account)
    var watch = DeliveryWatch(mostSeconds: queue.waitSeconds)
    var waiting: QueueRequest?
    var undelivered = Undelivered()
    var failure: (any Error)?
    await withTaskGroup(of: Event.self) { group in
      var running: [Int: KeySet] = [:]
      var isReading = false
      var isLooking = false
      while true {
        // Begun before a request is made, or behind it, when that has used up what was read.
        var mayRead: Bool {
          !isReading && !input.hasEnded && failure == nil && input.ahead + grouper.waitingPieces < Self.blocksAhead
        }
        if mayRead {
          isReading = true
          group.addTask(executorPreference: executor) { .read(reader.next()) }
        }
        // Not ahead of its time: it counts as read when it is made.
        if waiting == nil, failure == nil, running.count < client.limit.current { waiting = grouper.next() }
        if let next = waiting, failure == nil, watch.hasRoom, maySend(next.batch, running) {
          running[next.batch.number] = next.batch.keys
          let follows = queue.waits && !watch.hasGivenUp
          group.addTask(executorPreference: executor) { [self] in .sent(put(next, sender, follows: follows)) }
          waiting = nil
          continue
        }
        if mayRead { continue }
        if !isLooking, !watch.isEmpty {
          isLooking = true
          let asked = watch.nextRound()
          group.addTask(executorPreference: executor) { .looked(DeliveryWatch.look(at: asked, sender)) }
        }
        guard let event = await group.next() else { break }
        switch event {
        case .read(let result):
          isReading = false
          if let block = input.began(result) {
            let dataSet = options.dataSet
            group.addTask(executorPreference: executor) {
              var piece = locator.locate(block.bytes)
              piece.requests = RequestPlaces(piece, dataSet: dataSet)
              return .located(piece, order: block.order)
            }
          }
        case .located(let piece, let order): input.finished(piece, order)
        case .sent(let sent):
          running[sent.number] = nil
          failure = failure ?? sent.failure ?? report.tooManyRejects
          if let queued = sent.queued, !watch.hasGivenUp {
            watch.add(queued)
          } else if let queued = sent.queued {
            failure = failure ?? settle([], [queued], &undelivered)
          }
        case .looked(let round):
          isLooking = false
          let late = watch.finish(round)
          let settleFailure = settle(round.settled, late, &undelivered)
          failure = failure ?? settleFailure ?? round.failure ?? report.tooManyRejects
        }
        if let failure, !report.keepsRest(after: failure) { stop.set() }
        while let piece = input.next() { grouper.add(keepingFaults(piece, &input)) }
        if input.isComplete { grouper.end() }
      }
    }
    guard let failure else {
      if let inputFailure = input.failure { throw inputFailure }
      guard input.isComplete, waiting == nil, grouper.rest().isEmpty else {
        throw CommandFailure(.bug, "not all of the input was queued: this is a bug of d2-push")
      }
      if let failure = undelivered.failure(queue) { throw failure }
      return
    }
    var rest = waiting.map { [$0.batch] } ?? []
    rest += grouper.rest()
    try report.endReading(reader, linesBefore: input.lines, rest, failure)
  }

  /// Two values of one key are never under way at once: the one that comes last in the input is queued last.
  private func maySend(_ batch: Batch, _ running: [Int: KeySet]) -> Bool {
    running.count < client.limit.current && !running.values.contains { $0.intersects(batch.keys) }
  }

  /// Lines that are no values, and values without a data set, go to the rejects; without these the first of them ends
  /// the input.
  private func keepingFaults(_ piece: LocatedLines, _ input: inout InputOrder) -> LocatedLines {
    var piece = piece
    let homeless = (piece.requests?.places ?? []).indices.filter { index in
      index < piece.lines.count && piece.requests!.places[index] < 0
    }
    var faults = piece.malformed.map { (number: $0.number, fault: Fault.malformed(text: $0.text, $0.fault)) }
    for index in homeless {
      let line = piece.lines[index]
      let bytes = Array(piece.text[Int(line.start)..<Int(line.start + line.length)])
      faults.append((line.number, .homeless(bytes)))
    }
    for (number, fault) in faults.sorted(by: { $0.number < $1.number }) {
      do throws(CommandFailure) { try keep(fault, line: piece.linesBefore + number) } catch {
        input.end(error)
        piece.cut(behind: number)
        break
      }
    }
    return piece
  }

  /// What is wrong with a line.
  private enum Fault {
    case malformed(text: String, String)
    /// A value without a data set.
    case homeless([UInt8])
  }

  private func keep(_ fault: Fault, line number: Int) throws(CommandFailure) {
    switch fault {
    case .malformed(let text, let fault): try account.malformed(text: text, number: number, fault)
    case .homeless(let value):
      let fault = "the value names no data set, which a queued request is for"
      let hint = "d2-pull --tag-data-set writes it into each value; --data-set UID names it for all"
      guard account.keepsRejects else {
        throw CommandFailure(
          .malformedInput, "line \(number): \(fault) (\(hint); with --rejects FILE it goes there and the rest goes on)")
      }
      try account.refuse(value, line: number, Refusal(message: "\(fault) (\(hint))"))
    }
  }

  // MARK: One request

  /// Queues a request and, unless it is to be followed, accounts for its values.
  private func put(_ request: QueueRequest, _ sender: QueueSender, follows: Bool) -> Sent {
    let start = monotonicSeconds()
    var sent = Sent(number: request.batch.number)
    var outcome = BatchOutcome()
    var receipt: QueueReceipt?
    var facility: String?
    do {
      facility = try facilities.label(of: request.key.unit)
      guard let facility else {
        let message =
          "no \(queue.facilityBy) of organisation unit \(request.key.unit) is known from \(facilities.origin)"
        for index in request.batch.values.indices {
          outcome.refuse(index, Refusal(message: message), of: request.batch)
        }
        sent.failure = close(request, outcome, facility: nil, uid: nil, delivery: nil, since: start)
        return sent
      }
      receipt = try sender.queue(request.batch.text, request.key, facility: facility, &outcome.attempts)
      outcome.httpStatus = sender.queue.flavour == .dispatcher2 ? 202 : 200
      outcome.status = "queued"
    } catch let error as ServerError where error.kind == .status(413) {
      outcome.httpStatus = 413
      let reason = Refusal(message: "\(error.message): give a smaller --batch-bytes", httpStatus: 413)
      for index in request.batch.values.indices { outcome.refuse(index, reason, of: request.batch) }
    } catch {
      outcome.notSent = Set(request.batch.values.indices)
      outcome.notSentReason = Refusal(message: "not sent: \((error as? ServerError)?.message ?? "\(error)")")
      sent.failure = error
    }
    if follows, let uid = receipt?.uid, let facility {
      sent.queued = QueuedRequest(request, uid: uid, facility: facility, attempts: outcome.attempts, start: start)
      return sent
    }
    if receipt != nil { outcome.queued = request.batch.values.count }
    let failure = close(request, outcome, facility: facility, uid: receipt?.uid, delivery: nil, since: start)
    sent.failure = sent.failure ?? failure
    return sent
  }

  /// What was followed and was not delivered in the end.
  private struct Undelivered {
    var givenUp = 0
    var late = 0

    func failure(_ queue: QueueOptions) -> CommandFailure? {
      var parts: [String] = []
      if givenUp > 0 {
        parts.append("\(givenUp) values were queued but not delivered: the queue gave their requests up")
      }
      if late > 0 {
        parts.append(
          "\(late) values are still in the queue after \(DurationText.measured(queue.waitSeconds)): whether they will "
            + "arrive is not known")
      }
      return parts.isEmpty ? nil : CommandFailure(.temporary, parts.joined(separator: "; "))
    }
  }

  /// Accounts for requests whose end is known, and for those that were followed for too long.
  private func settle(
    _ settled: [(queued: QueuedRequest, state: DeliveryState)], _ late: [QueuedRequest],
    _ undelivered: inout Undelivered
  ) -> (any Error)? {
    var failure: (any Error)?
    for (queued, state) in settled {
      var outcome = state.outcome(of: queued.request.batch)
      outcome.attempts = queued.attempts
      undelivered.givenUp += outcome.notSent.count
      account.add { $0.delivered += outcome.queued }
      let error = close(
        queued.request, outcome, facility: queued.facility, uid: queued.uid, delivery: state, since: queued.start)
      failure = failure ?? error
    }
    for queued in late {
      var outcome = BatchOutcome()
      outcome.attempts = queued.attempts
      outcome.queued = queued.request.batch.values.count
      outcome.status = "queued"
      undelivered.late += outcome.queued
      let error = close(
        queued.request, outcome, facility: queued.facility, uid: queued.uid, delivery: queued.lastState,
        since: queued.start)
      failure = failure ?? error
    }
    return failure
  }

  /// Accounts for the values of a request, and writes its line.
  private func close(
    _ request: QueueRequest, _ outcome: BatchOutcome, facility: String?, uid: String?, delivery: DeliveryState?,
    since start: Double
  ) -> (any Error)? {
    var outcome = outcome
    outcome.seconds = monotonicSeconds() - start
    do {
      try account.close(request.batch, outcome)
      var members = outcome.line(of: request.batch).members ?? []
      func add(_ key: String, _ text: String?) { members.append(.init(key, text.map { .string($0) } ?? .null)) }
      add("period", request.key.period)
      add("orgUnit", request.key.unit)
      add("facility", facility)
      members.append(.init("queued", .int(outcome.queued)))
      add("uid", uid)
      if queue.waits {
        add("delivery", delivery?.status)
        add("errors", delivery?.errors)
      }
      try output.line(JSONValue.object(members).text)
    } catch { return error }
    if outcome.refused.count + outcome.notSent.count > 0 {
      let place = options.rejectsFile.map { " (see \($0))" } ?? ""
      let reason = outcome.refused.values.first ?? outcome.notSentReason
      let what = [(outcome.refused.count, "refused"), (outcome.notSent.count, "not accepted")]
        .filter { $0.0 > 0 }.map { "\(counted($0.0, "value")) \($0.1)" }.joined(separator: ", ")
      log.info("batch \(request.batch.number): \(what): \(reason.message)\(place)")
    }
    if drawsProgress { draw() }
    return nil
  }

  private func draw() {
    let totals = account.totals
    let rate = Int(Double(totals.accountedFor) / max(account.seconds, 0.001))
    log.draw(
      "\(totals.read) read, \(totals.queued) queued in \(counted(totals.batches, "request")), \(rate)/s, \(totals.refused) refused"
    )
  }
}
