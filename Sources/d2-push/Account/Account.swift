import D2Client
import D2Common

/// Accounts for every value: read = imported + updated + deleted + ignored + refused + not sent + not kept + queued.
final class Account: @unchecked Sendable {
  // Only one loop writes it, and nothing else reads it while the loop runs.

  struct Totals: Sendable {
    var read = 0
    var imported = 0
    var updated = 0
    var deleted = 0
    /// The server had no reason to change anything and named no conflict.
    var ignored = 0
    var refused = 0
    var notSent = 0
    /// Accepted, but not stored by the server.
    var notKept = 0
    /// Accepted, and stored in another spelling; they are among the imported, updated and ignored ones.
    var changed = 0
    /// Lines that are not values; they are among the refused.
    var malformed = 0
    /// Queued in front of the server; their outcome is not known yet.
    var queued = 0
    /// The queued values that the queue reports as delivered.
    var delivered = 0
    var batches = 0
    var traffic = BatchOutcome.Traffic()

    var accountedFor: Int { imported + updated + deleted + ignored + refused + notSent + notKept + queued }
  }

  /// The summary counts this many reasons separately. More lines would not help anybody.
  private static let mostReasons = 1000

  /// Values of one kind, in the scope of the input, that only the destination had.
  struct Stale: Sendable {
    let kind: DataKind
    var found = 0
    var removed = 0
    var refused = 0
    var notSent = 0
  }

  private(set) var totals = Totals()
  /// Empty without --replace.
  private(set) var stale: [Stale] = []
  /// How many of the read lines are registrations that came with values.
  private(set) var registrations = 0
  /// How many values came from the input, and how many of them are in batches.
  private var taken = 0
  private var batched = 0
  private let file: RejectsFile?
  /// Whether this account is for the deletions after an input. Their lines are not lines of the input.
  private let isOfStale: Bool
  /// The outcomes by period, if they are wanted.
  private var periods: PeriodTally?
  /// How often each reason was given.
  private var reasons = ReasonCounts()
  /// The server's messages about registrations that it stored all the same.
  private(set) var warnings: Set<String> = []
  /// Whether the totals include queued values.
  private let hasQueue: Bool
  private let dryRun: Bool
  private let start = monotonicSeconds()

  init(
    rejectsFile: String?, policy: RejectsPolicy = .refuse, hasQueue: Bool = false, dryRun: Bool = false,
    periods: PeriodTally? = nil
  ) throws(CommandFailure) {
    self.periods = periods
    self.hasQueue = hasQueue
    self.dryRun = dryRun
    isOfStale = false
    file = if let rejectsFile { try RejectsFile(path: rejectsFile, policy) } else { nil }
  }

  /// An account for the deletions of what only the destination has. Refused deletions join the rejects of the input.
  init(deletionsAfter input: Account) {
    periods = input.periods.map { _ in PeriodTally() }
    hasQueue = false
    dryRun = input.dryRun
    isOfStale = true
    file = input.file
  }

  var seconds: Double { monotonicSeconds() - start }
  var keepsRejects: Bool { file != nil }
  /// The path of the rejects, and how many could not be written there; `nil` if they are not kept.
  var rejects: (place: String, lost: Int)? { file.map { ($0.place, $0.lost) } }
  /// Whether each value from the input is accounted for exactly once.
  var isBalanced: Bool { totals.read == taken && totals.read == totals.accountedFor }

  /// Counts values that came from the input, to be sent.
  func took(_ values: Int) { taken += values }

  /// Sets how many values are in batches by now.
  func batched(_ values: Int) {
    totals.read += values - batched
    batched = values
  }

  /// Counts a line that is in no batch.
  ///
  /// - Throws: `CommandFailure`: 65 for a line that is not a value, if no rejects are kept; 73 if they cannot be
  ///   written.
  func refuse(_ fault: LocatedLines.Fault, of piece: LocatedLines) throws(CommandFailure) {
    let number = piece.linesBefore + fault.number
    guard keepsRejects || !fault.endsInput else {
      let hint = fault.hint.map { "\($0); " } ?? ""
      throw CommandFailure(
        .malformedInput,
        "line \(number): \(fault.what) (\(hint)with --rejects FILE, the line goes there and d2-push continues)")
    }
    let refusal = Refusal(message: fault.what + (fault.hint.map { " (\($0))" } ?? ""))
    taken += 1
    totals.read += 1
    totals.refused += 1
    switch fault.kept {
    case .value(let place):
      count(refusal.reason)
      periods?.refused(piece.text[place], refusal.reason)
      file?.add(value: piece.text[place], line: number, refusal)
    case .text(let text):
      totals.malformed += 1
      periods?.refused([], "malformed: \(fault.what)")
      count("malformed: \(fault.what)")
      file?.add(text: text, line: number, refusal)
    }
    if let failure = file?.failure { throw failure }
  }

  /// Counts the outcome of a batch.
  func close(_ batch: Batch, _ outcome: BatchOutcome) throws(CommandFailure) {
    totals.batches += 1
    totals.imported += outcome.imported
    totals.updated += outcome.updated
    totals.deleted += outcome.deleted
    totals.ignored += outcome.ignored(of: batch)
    totals.queued += outcome.queued
    if outcome.isDelivered { totals.delivered += outcome.queued }
    totals.refused += outcome.refused.count
    totals.notSent += outcome.notSent.count
    totals.notKept += outcome.notKept.count
    totals.changed += outcome.changed
    totals.traffic.requests += outcome.traffic.requests
    totals.traffic.retries += outcome.traffic.retries
    totals.traffic.bytes += outcome.traffic.bytes
    totals.traffic.wireBytes += outcome.traffic.wireBytes
    if warnings.count < Self.mostReasons { warnings.formUnion(outcome.warnings) }
    periods?.add(outcome, of: batch)
    // Count everything, even if the rejects cannot be written any more.
    for (index, refusal) in outcome.refused.sorted(by: { $0.key < $1.key }) {
      keep(index, of: batch, refusal)
      count(refusal.reason)
    }
    // The next run finds the values that were not deleted again.
    for index in isOfStale ? [] : outcome.notSent.sorted() { keep(index, of: batch, outcome.notSentReason) }
    for index in outcome.notKept.sorted() {
      keep(index, of: batch, Refusal(message: batch.values[index].fate.reason ?? "not kept"))
    }
    try file?.flush()
  }

  /// Begins the registrations that came with the values. The batches count from zero again.
  func beginRegistrations(_ count: Int) {
    batched = 0
    registrations = count
  }

  /// Counts the values or registrations that only the destination had.
  ///
  /// - Parameter deletions: the outcome of their deletions.
  func found(_ kind: DataKind, _ count: Int, _ deletions: Account? = nil) {
    var stale = Stale(kind: kind, found: count)
    if let deletions {
      stale.removed = deletions.totals.deleted
      stale.refused = deletions.totals.refused
      stale.notSent = count - deletions.totals.accountedFor + deletions.totals.notSent
      reasons.add(deletions.reasons, ofAtMost: Self.mostReasons)
      warnings.formUnion(deletions.warnings)
      if let others = deletions.periods { periods?.add(deletions: others) }
    }
    self.stale.append(stale)
  }

  private func keep(_ index: Int, of batch: Batch, _ refusal: Refusal) {
    let value = batch.values[index]
    file?.add(value: batch.bytes(of: value), line: isOfStale ? nil : value.line, refusal)
  }

  private func count(_ reason: String) {
    reasons.add(reason, ofAtMost: Self.mostReasons)
  }

  /// Counts a line that was read only to keep it in the rejects.
  func notSent(line: UnsafeRawBufferPointer, number: Int, _ reason: Refusal) throws(CommandFailure) {
    taken += 1
    totals.read += 1
    totals.notSent += 1
    periods?.notSent(line)
    if (try? JSONValue(parsing: line))?.members != nil {
      file?.add(value: line, line: number, reason)
    } else {
      file?.add(text: String(decoding: line, as: UTF8.self), line: number, reason)
    }
    // If rejects cannot be written, the run ends.
    if let failure = file?.failure { throw failure }
  }

  /// Puts the rejects in place.
  ///
  /// - Parameter isWhole: whether all of the input was read and answered for. If not, an earlier rejects file is not
  ///   replaced.
  func finish(isWhole: Bool) throws(CommandFailure) { try file?.finish(isWhole: isWhole) }

  /// The most frequent reasons, in descending order.
  func commonReasons(_ most: Int) -> [(reason: String, count: Int)] {
    reasons.commonest(most)
  }

  /// `read 10 = 7 imported + …`.
  var line: String {
    let delivered = totals.delivered > 0 ? " (\(totals.delivered) delivered)" : ""
    let lost = rejects?.lost ?? 0
    let unwritten = lost > 0 ? "; \(lost) of the rejects could not be written" : ""
    let queued = hasQueue ? " + \(totals.queued) queued\(delivered)" : ""
    let notKept = totals.notKept > 0 ? " + \(totals.notKept) not kept" : ""
    return (dryRun ? "dry run, nothing was stored: " : "")
      + "read \(totals.read) = \(totals.imported) imported + \(totals.updated) updated + \(totals.deleted) deleted + "
      + "\(totals.ignored) ignored + \(totals.refused) refused + \(totals.notSent) not sent\(notKept)\(queued)\(unwritten); "
      + "\(counted(totals.batches, "batch")), \(counted(totals.traffic.requests, "request")), "
      + "\(counted(totals.traffic.retries, "retry")), \(DurationText.measured(seconds))"
  }

  /// The same as one JSON object.
  ///
  /// - Parameter isWhole: whether all of the input was read and answered for.
  func summary(_ status: ExitStatus, learnt: JSONValue, isWhole: Bool) -> JSONValue {
    let traffic = totals.traffic
    let summary: JSONValue = [
      "read": .int(totals.read), "imported": .int(totals.imported), "updated": .int(totals.updated),
      "deleted": .int(totals.deleted), "ignored": .int(totals.ignored), "refused": .int(totals.refused),
      "notSent": .int(totals.notSent), "notKept": .int(totals.notKept), "changed": .int(totals.changed),
      "dryRun": .bool(dryRun), "queued": .int(totals.queued), "delivered": .int(totals.delivered),
      "rejectsLost": .int(rejects?.lost ?? 0), "batches": .int(totals.batches), "requests": .int(traffic.requests),
      "retries": .int(traffic.retries), "bytes": .int(traffic.bytes), "wireBytes": .int(traffic.wireBytes),
      "seconds": .number(String(seconds.toThousandths)), "status": .int(Int(status.rawValue)),
      "isWhole": .bool(isWhole),
      "valuesPerSecondByBatchSize": learnt,
      "reasons": reasons.json(50),
    ]
    var members = summary.members!
    if registrations > 0 { members.append(.init("registrations", .int(registrations))) }
    if !stale.isEmpty {
      func sum(_ count: (Stale) -> Int) -> JSONValue { .int(stale.reduce(0) { $0 + count($1) }) }
      members += [
        .init("stale", sum(\.found)), .init("removed", sum(\.removed)), .init("staleRefused", sum(\.refused)),
      ]
    }
    if let periods { members.append(.init("byPeriod", periods.json)) }
    return .object(members)
  }
}
