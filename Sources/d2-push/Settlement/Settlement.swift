import D2Client
import D2Common

/// Settles one batch: each value is accepted, refused with the server's reason, or not sent.
///
/// It works through a list: it posts some values, and a judge decides what the answer means for them. It posts the
/// unsettled ones again in another way. Imports are idempotent, so posting a value again does no harm.
struct Settlement {
  let batch: Batch
  let destination: Destination
  let ids: BatchIDs
  private let judge: any Judge
  var outcome = BatchOutcome()
  var isSettled: [Bool]
  /// What remains to be posted, with the next item last. It is a list, not recursion, because a batch may need
  /// thousands of requests.
  private var work: [Work] = []
  /// How many values failed alone in a row, with nothing accepted between them.
  private var failedAlone = 0

  /// If a server fails over this many single values in a row, the values are not the cause: the server is broken.
  private static let mostFailedAlone = 50
  /// The wait after a server failed; the import may still be running.
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
        JudgeByScope(ids: ids, destination: destination)
      } else {
        JudgeByGroup(ids: ids, destination: destination)
      }
  }

  /// Posts the batch until each value is settled.
  ///
  /// - Returns: the outcome, and the failure that stopped it early. After a failure, the unsettled values count as not
  ///   sent.
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

  /// Posts values, and then the parts that need another request, until each is settled.
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
      return ASCIIEscapes.of(DeletionScope.body(of: next.part, ids, dataSet: destination.named(next.dataSet)))
    }
    let header = destination.traits.header(dataSet: next.dataSet, kind: destination.options.kind)
    guard !next.history.isWithoutValue else { return batch.bodyOfDeletions(of: next.part, header: header) }
    return batch.body(of: next.part, header: header, rewrite: destination.traits.respells)
  }

  private mutating func apply(_ judged: Verdict, _ report: ImportReport, _ done: Work) throws {
    let verdict = withoutValues(judged, done)
    if verdict.counts { outcome.count(report.summary, of: batch) }
    outcome.warnings.formUnion(verdict.warnings)
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

  /// Posts deletions once more without their old values if these do not fit the data element's type (E7619). Up to 2.42
  /// a server accepts that, except for elements with an option set (docs/dhis2-servers.md, "Imports").
  private func withoutValues(_ judged: Verdict, _ done: Work) -> Verdict {
    guard destination.options.deletesStale, !done.history.isWithoutValue else { return judged }
    let odd = judged.refused.filter { $0.value.code == "E7619" }.keys
    guard !odd.isEmpty else { return judged }
    let elements = destination.metadata.elementsWithoutOptions(among: Set(odd.map { ids[$0].dataElement }))
    var again = done.with(odd.filter { elements.contains(ids[$0].dataElement) }.sorted())
    again.history.isWithoutValue = true
    var verdict = judged
    for index in again.part { verdict.refused[index] = nil }
    verdict.later(again)
    return verdict
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

  /// After a 500, some values may be stored, or the failure may be temporary. So d2-push posts the same values again
  /// first, and then bisects.
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
    // Each doubtful value is expected to fail.
    if batch.isDoubtful { failedAlone += 1 } else { try countFailure { _ in error } }
    refuse(next.part, error)
  }

  /// Counts a value that failed alone. - Throws: the error, if too many did.
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
