import D2Client
import D2Common

/// Brings one batch to an end: every value is accepted, refused with the server's reason, or not sent.
///
/// It works through a list: some values are posted, a judge says what the answer means for them, and what is left is
/// posted again in another way. Imports are idempotent, so that posting a value again does no harm.
struct Settlement {
  let batch: Batch
  let destination: Destination
  let ids: BatchIDs
  private let judge: any Judge
  var outcome = BatchOutcome()
  var isSettled: [Bool]
  /// What is to be posted, the next last. A list, not recursion: a batch may take thousands of requests.
  private var work: [Work] = []
  /// Values that failed alone, one after the other, with nothing accepted between them.
  private var failedAlone = 0

  /// If a server fails over this many values in a row, one by one, the values are not the cause: the server is broken.
  private static let mostFailedAlone = 50
  /// A server that failed is left in peace for a moment; the import may still be running.
  private static let pauseSeconds = 1.0

  init(_ batch: Batch, _ destination: Destination) {
    self.batch = batch
    self.destination = destination
    ids = BatchIDs(batch, defaultCombo: destination.traits.defaultCombo)
    isSettled = Array(repeating: false, count: batch.values.count)
    judge =
      if !destination.isByGroup {
        JudgeByValue(batch: batch, ids: ids, destination: destination)
      } else if destination.deletesByScope {
        JudgeByScope(ids: ids)
      } else {
        JudgeByGroup(ids: ids, destination: destination)
      }
  }

  /// Posts the batch until each value is settled.
  ///
  /// - Returns: the outcome, and what ended it early; then the values that are not settled are not sent.
  mutating func run() -> (outcome: BatchOutcome, failure: (any Error)?) {
    var failure: (any Error)?
    do { try settleAll() } catch {
      failure = error
      outcome.notSent = Set(isSettled.indices.filter { !isSettled[$0] })
      outcome.notSentReason = .notSent(after: error)
      outcome.notSentReason.code = (error as? ServerError)?.code
    }
    countFates()
    return (outcome, failure)
  }

  private mutating func countFates() {
    guard destination.options.importStrategy != "DELETE" else { return }
    let batch = batch
    outcome.countFates(of: batch, accepted: isSettled) {
      let scratch = DataValueLine.Scratch()
      return batch.values.count { value in
        DataValueLine.reading(batch.bytes(of: value), scratch) { $0.isTrue(.deleted) } ?? false
      }
    }
  }

  // MARK: Posting

  /// Posts values, and what comes of them, until each is settled.
  mutating func settle(_ part: [Int], _ dataSet: String?) throws {
    let base = work.count
    work.append(Work(part: part, dataSet: dataSet))
    while work.count > base { try post(work.removeLast()) }
  }

  private mutating func post(_ next: Work) throws {
    let body = self.body(of: next)
    outcome.attempts += 1
    let deletes = batch.dataSet == LocatedLines.deletedRegistrations
    let answer = try destination.server.post(body, canBeHalved: next.part.count > 1, deletes: deletes, &outcome.traffic)
    switch answer {
    case .report(let report):
      outcome.status = report.summary.status
      outcome.httpStatus = report.status ?? 0
      try apply(try judge.verdict(on: next, report), report, next)
    case .tooLarge(let error):
      outcome.httpStatus = 413
      destination.sizer.tooMuch(next.part.count)
      if next.part.count == 1 { return refuse(next.part, error) }
      halvesLater(next)
    case .tooSlow(let error): try halveAfterPause(next, error)
    case .failed(let error): try retryOrHalve(next, error)
    }
  }

  private func body(of next: Work) -> any HTTPBody {
    guard !destination.deletesByScope else {
      return DeletionScope.body(of: next.part, ids, dataSet: destination.named(next.dataSet))
    }
    return batch.body(
      of: next.part, header: destination.traits.header(dataSet: next.dataSet, kind: destination.options.kind),
      rewrite: destination.traits.respells)
  }

  private mutating func apply(_ verdict: Verdict, _ report: ImportReport, _ done: Work) throws {
    if verdict.counts { outcome.count(report.summary, of: batch) }
    if verdict.isAlive { failedAlone = 0 }
    refuse(verdict.refused)
    if let refusal = verdict.wantsDataSet { return try settleByDataSet(done.part, refusal) }
    if let (refusal, message) = verdict.brokeDown {
      try countFailure { $0.server.error(.status(500), message) }
      return refuse(done.part, refusal)
    }
    let open = Set(verdict.work.flatMap(\.part))
    for index in done.part where !open.contains(index) { isSettled[index] = true }
    work += verdict.work
  }

  private mutating func halvesLater(_ next: Work) {
    var verdict = Verdict()
    if destination.deletesByScope {
      verdict.scopesLater(next, in: next.part.halves, ids)
    } else {
      verdict.halvesLater(next)
    }
    work += verdict.work
  }

  private mutating func halveAfterPause(_ next: Work, _ error: ServerError) throws {
    destination.sizer.tooMuch(next.part.count)
    var next = next
    next.history.tooSlow += 1
    guard next.history.tooSlow <= destination.server.retries else { throw error }
    destination.server.log.warning("\(error); retrying with half of the \(counted(next.part.count, "value"))")
    try destination.server.pause(seconds: Self.pauseSeconds * Double(next.history.tooSlow))
    halvesLater(next)
  }

  /// A 500 may have stored some, or have been a passing failure: the same again first, then halves.
  private mutating func retryOrHalve(_ next: Work, _ error: ServerError) throws {
    if case .status(let status) = error.kind { outcome.httpStatus = status }
    var next = next
    let isFirst = !next.history.hasFailed
    next.history.hasFailed = true
    if isFirst, outcome.httpStatus >= 500, !batch.isDoubtful {
      try destination.server.pause(seconds: Self.pauseSeconds)
      return work.append(next)
    }
    guard next.part.count == 1 else { return halvesLater(next) }
    // Doubtful values are expected to fail, each of them.
    if batch.isDoubtful { failedAlone += 1 } else { try countFailure { _ in error } }
    refuse(next.part, error)
  }

  /// A value failed alone. - Throws: the error, if too many did.
  private mutating func countFailure(_ error: (Destination) -> ServerError) throws {
    failedAlone += 1
    guard failedAlone <= Self.mostFailedAlone else { throw error(destination) }
  }

  // MARK: Settling

  mutating func refuse(_ refused: [Int: Refusal]) {
    for (index, refusal) in refused {
      outcome.refuse(index, refusal, of: batch)
      isSettled[index] = true
    }
  }

  mutating func refuse(_ part: [Int], _ refusal: Refusal) {
    refuse(Dictionary(uniqueKeysWithValues: part.map { ($0, refusal) }))
  }

  private mutating func refuse(_ part: [Int], _ error: ServerError) {
    refuse(part, Refusal(code: error.code, message: error.message, httpStatus: outcome.httpStatus))
  }
}
