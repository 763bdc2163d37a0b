import D2Client
import D2Common
import Synchronization

/// Accounts for every value: read = imported + updated + deleted + ignored + refused + not sent + not kept + queued.
/// Used from several threads.
final class Account: Sendable {
  struct Totals: Sendable {
    var read = 0
    var imported = 0
    var updated = 0
    var deleted = 0
    /// The server had no reason to change anything and named no conflict.
    var ignored = 0
    var refused = 0
    var notSent = 0
    /// Accepted, and dropped by the server.
    var notKept = 0
    /// Accepted, and stored in another spelling; they are among the imported, updated and ignored ones.
    var changed = 0
    /// Lines that are no values; they are among the refused.
    var malformed = 0
    /// In a queue before the server, which has not told what became of them.
    var queued = 0
    /// Of the queued ones, those that the queue says it has delivered.
    var delivered = 0
    var batches = 0
    var requests = 0
    var retries = 0
    var bytes = 0
    var wireBytes = 0

    var accountedFor: Int { imported + updated + deleted + ignored + refused + notSent + notKept + queued }
  }

  private struct State: ~Copyable {
    var totals = Totals()
    var rejects: RejectsFile?
    /// How often each reason was given.
    var reasons: [String: Int] = [:]
  }

  /// Reasons that are told apart in the summary; beyond them one more line would help nobody.
  private static let mostReasons = 1000

  private let state: Mutex<State>
  let keepsRejects: Bool
  /// Whether the totals tell of a queue.
  private let hasQueue: Bool
  private let dryRun: Bool
  private let log: Log
  let start = monotonicSeconds()

  init(
    rejectsFile: String?, _ log: Log, policy: RejectsTarget.Policy = .refuse, hasQueue: Bool = false,
    dryRun: Bool = false
  ) throws(CommandFailure) {
    self.hasQueue = hasQueue
    self.dryRun = dryRun
    let file: RejectsFile?
    if let rejectsFile { file = try RejectsFile(path: rejectsFile, policy) } else { file = nil }
    keepsRejects = file != nil
    state = Mutex(State(rejects: file))
    self.log = log
  }

  var totals: Totals { state.withLock { $0.totals } }
  var seconds: Double { monotonicSeconds() - start }

  func add(_ change: (inout Totals) -> Void) { state.withLock { change(&$0.totals) } }

  /// A line that is no value. - Throws: `CommandFailure`, 65, where there is no file for rejects.
  func malformed(text: String, number: Int, _ fault: String) throws(CommandFailure) {
    guard keepsRejects else {
      throw CommandFailure(
        .malformedInput, "line \(number): \(fault) (with --rejects FILE it goes there and the rest goes on)")
    }
    try state.withLock { (state: inout State) throws(CommandFailure) in
      state.totals.read += 1
      state.totals.refused += 1
      state.totals.malformed += 1
      Self.count("malformed: \(fault)", in: &state)
      state.rejects?.add(text: text, line: number, Refusal(message: fault))
      try Self.check(state)
    }
  }

  /// What a batch came to.
  func close(_ batch: Batch, _ outcome: BatchOutcome) throws {
    try state.withLock { (state: inout State) throws in
      state.totals.batches += 1
      state.totals.imported += outcome.imported
      state.totals.updated += outcome.updated
      state.totals.deleted += outcome.deleted
      state.totals.ignored += outcome.ignored(of: batch)
      state.totals.queued += outcome.queued
      state.totals.refused += outcome.refused.count
      state.totals.notSent += outcome.notSent.count
      state.totals.notKept += outcome.notKept.count
      state.totals.changed += outcome.changed
      // Everything is counted, also where nothing can be written any more.
      for (index, refusal) in outcome.refused.sorted(by: { $0.key < $1.key }) {
        let value = batch.values[index]
        state.rejects?.add(value: batch.bytes(of: value), line: value.line, refusal)
        Self.count(refusal.reason, in: &state)
      }
      for index in outcome.notSent.sorted() {
        let value = batch.values[index]
        state.rejects?.add(value: batch.bytes(of: value), line: value.line, outcome.notSentReason)
      }
      for index in outcome.notKept.sorted() {
        let value = batch.values[index]
        state.rejects?.add(
          value: batch.bytes(of: value), line: value.line, Refusal(message: value.fate.reason ?? "not kept"))
      }
      try state.rejects?.flush()
    }
  }

  /// A value that can go into no batch.
  func refuse(_ value: some Collection<UInt8>, line: Int, _ refusal: Refusal) throws(CommandFailure) {
    try state.withLock { (state: inout State) throws(CommandFailure) in
      state.totals.read += 1
      state.totals.refused += 1
      Self.count(refusal.reason, in: &state)
      state.rejects?.add(value: value, line: line, refusal)
      try Self.check(state)
    }
  }

  /// A whole batch that was not sent.
  func notSent(_ batch: Batch, _ reason: Refusal) throws {
    var outcome = BatchOutcome()
    outcome.notSent = Set(batch.values.indices)
    outcome.notSentReason = reason
    try close(batch, outcome)
  }

  /// A line that was read only to be kept for another time.
  func notSent(line: UnsafeRawBufferPointer, number: Int, _ reason: Refusal) throws {
    let isObject = (try? JSONValue(parsing: line))?.members != nil
    let text = String(decoding: line, as: UTF8.self)
    try state.withLock { (state: inout State) throws in
      state.totals.read += 1
      state.totals.notSent += 1
      if isObject {
        state.rejects?.add(value: line, line: number, reason)
      } else {
        state.rejects?.add(text: text, line: number, reason)
      }
      try Self.check(state)
    }
  }

  /// Where rejects can be written no more, the run ends.
  private static func check(_ state: borrowing State) throws(CommandFailure) {
    if let failure = state.rejects?.failure { throw failure }
  }

  /// Puts the rejects in place.
  ///
  /// - Parameter isWhole: whether all of the input was read and answered for; else nothing that was there before is
  ///   replaced.
  func finish(isWhole: Bool) throws {
    try state.withLock { (state: inout State) throws in try state.rejects?.finish(isWhole: isWhole) }
  }

  /// Where the rejects are, and how many could not be written there; `nil` where they are not kept.
  var rejects: (place: String, lost: Int)? { state.withLock { $0.rejects.map { ($0.place, $0.lost) } } }

  private static func count(_ reason: String, in state: inout State) {
    if state.reasons.count < mostReasons || state.reasons[reason] != nil { state.reasons[reason, default: 0] += 1 }
  }

  /// The commonest reasons, most frequent first.
  func commonReasons(_ most: Int) -> [(reason: String, count: Int)] {
    state.withLock { state in
      state.reasons.map { (reason: $0.key, count: $0.value) }
        .sorted { ($1.count, $0.reason) < ($0.count, $1.reason) }.prefix(most).map { $0 }
    }
  }

  /// `read 10 = 7 imported + …`.
  var line: String {
    let totals = totals
    let delivered = totals.delivered > 0 ? " (\(totals.delivered) delivered)" : ""
    let lost = rejects?.lost ?? 0
    let unwritten = lost > 0 ? "; \(lost) of what was not taken could not be written to the rejects" : ""
    let queued = hasQueue ? " + \(totals.queued) queued\(delivered)" : ""
    let notKept = totals.notKept > 0 ? " + \(totals.notKept) not kept" : ""
    return (dryRun ? "dry run, nothing was stored: " : "")
      + "read \(totals.read) = \(totals.imported) imported + \(totals.updated) updated + \(totals.deleted) deleted + "
      + "\(totals.ignored) ignored + \(totals.refused) refused + \(totals.notSent) not sent\(notKept)\(queued)\(unwritten); "
      + "\(counted(totals.batches, "batch")), \(counted(totals.requests, "request")), "
      + "\(counted(totals.retries, "retry")), \(DurationText.measured(seconds))"
  }

  /// The same as one JSON object.
  ///
  /// - Parameter isWhole: whether all of the input was read and answered for.
  func summary(_ status: ExitStatus, learnt: JSONValue, isWhole: Bool) -> JSONValue {
    let totals = totals
    return [
      "read": .int(totals.read), "imported": .int(totals.imported), "updated": .int(totals.updated),
      "deleted": .int(totals.deleted), "ignored": .int(totals.ignored), "refused": .int(totals.refused),
      "notSent": .int(totals.notSent), "notKept": .int(totals.notKept), "changed": .int(totals.changed),
      "dryRun": .bool(dryRun), "queued": .int(totals.queued), "delivered": .int(totals.delivered),
      "rejectsLost": .int(rejects?.lost ?? 0), "batches": .int(totals.batches), "requests": .int(totals.requests),
      "retries": .int(totals.retries), "bytes": .int(totals.bytes), "wireBytes": .int(totals.wireBytes),
      "seconds": .number(String(seconds.toThousandths)), "status": .int(Int(status.rawValue)),
      "isWhole": .bool(isWhole),
      "valuesPerSecondByBatchSize": learnt,
      "reasons": .array(commonReasons(50).map { ["reason": .string($0.reason), "count": .int($0.count)] }),
    ]
  }
}
