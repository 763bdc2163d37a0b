import D2Common

/// The outcomes of values by period. A pipeline that moves several slices needs them for each slice.
///
/// A server reports how many values of a request were new, changed or equal, but not which ones. If all had the same
/// outcome, the counts of each period are exact. Otherwise the request's counts are divided among its periods, in
/// proportion to their values. The numbers of values read, refused, not sent and not kept are always exact, and so are
/// all sums.
struct PeriodTally: Sendable {
  struct Counts: Sendable, Equatable {
    var read = 0
    var imported = 0
    var updated = 0
    var deleted = 0
    var ignored = 0
    var refused = 0
    var notSent = 0
    var notKept = 0
    var queued = 0
    /// Values that only the destination had.
    var removed = 0
    var staleRefused = 0
    var reasons = ReasonCounts()
  }

  private(set) var counts: [String: Counts] = [:]

  private static let mostReasons = 50

  /// Counts a value that went into no batch, as it came; empty if the line is not a value.
  mutating func refused(_ value: some Collection<UInt8>, _ reason: String) {
    let period = Array(value).withUnsafeBytes { Self.period(in: $0) }
    counts[period, default: Counts()].read += 1
    refuse(in: period, reason)
  }

  /// Counts a line that was read only to keep it in the rejects.
  mutating func notSent(_ line: UnsafeRawBufferPointer) {
    let period = Self.period(in: line)
    counts[period, default: Counts()].read += 1
    counts[period, default: Counts()].notSent += 1
  }

  /// Adds the outcome of a batch.
  mutating func add(_ outcome: BatchOutcome, of batch: Batch) {
    var taken = SharedCounts()
    let tellsDeletions = outcome.deleted > 0 && outcome.imported + outcome.updated + outcome.ignored(of: batch) > 0
    batch.forEachPeriod { index, period, value in
      counts[period, default: Counts()].read += 1
      if let refusal = outcome.refused[index] {
        refuse(in: period, refusal.reason)
      } else if outcome.notSent.contains(index) {
        counts[period]!.notSent += 1
      } else if outcome.notKept.contains(index) {
        counts[period]!.notKept += 1
      } else {
        taken.add(period, isDeletion: tellsDeletions && Self.deletion.isIn(value))
      }
    }
    for (period, share) in taken.dealt(outcome, of: batch) {
      counts[period]!.imported += share.imported
      counts[period]!.updated += share.updated
      counts[period]!.deleted += share.deleted
      counts[period]!.ignored += share.ignored
      counts[period]!.queued += share.queued
    }
  }

  private mutating func refuse(in period: String, _ reason: String) {
    counts[period]!.refused += 1
    counts[period]!.reasons.add(reason, ofAtMost: Self.mostReasons)
  }

  /// Adds the outcome of the deletions of what only the destination had.
  mutating func add(deletions: PeriodTally) {
    for (period, deletions) in deletions.counts {
      counts[period, default: Counts()].removed += deletions.deleted
      counts[period]!.staleRefused += deletions.refused
      counts[period]!.reasons.add(deletions.reasons, ofAtMost: Self.mostReasons)
    }
  }

  /// An object for each period, sorted by period.
  var json: JSONValue {
    .array(
      counts.sorted { $0.key < $1.key }.map { period, counts in
        [
          "period": .string(period), "read": .int(counts.read), "imported": .int(counts.imported),
          "updated": .int(counts.updated), "deleted": .int(counts.deleted), "ignored": .int(counts.ignored),
          "refused": .int(counts.refused), "notSent": .int(counts.notSent), "notKept": .int(counts.notKept),
          "queued": .int(counts.queued), "removed": .int(counts.removed), "staleRefused": .int(counts.staleRefused),
          "reasons": counts.reasons.json(),
        ]
      })
  }

  // MARK: Lines

  private static let period = LinePattern(textOf: "period")
  private static let deletion = LinePattern(#""deleted":true"#)

  /// The period of a value as it came; empty if it has no period.
  static func period(in value: UnsafeRawBufferPointer) -> String {
    if let text = period.text(in: value) { return String(decoding: text, as: UTF8.self) }
    let line = Array(value)
    return DataValueLine.reading(line[...], DataValueLine.Scratch()) { $0.text(.period) ?? "" } ?? ""
  }
}

extension Batch {
  /// Each value with its index and its period.
  fileprivate func forEachPeriod(_ body: (_ index: Int, _ period: String, _ value: UnsafeRawBufferPointer) -> Void) {
    for (index, value) in values.enumerated() {
      bytes(of: value).withUnsafeBytes { body(index, PeriodTally.period(in: $0), $0) }
    }
  }
}
