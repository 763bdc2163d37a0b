import D2Client
import D2Common

/// What became of the values of a batch, gathered over all requests that it took.
struct BatchOutcome: Sendable {
  var imported = 0
  var updated = 0
  var deleted = 0
  /// In a queue before the server, which has not told what became of them.
  var queued = 0
  /// The queue says that it has delivered them.
  var isDelivered = false
  /// The values that the server will not have, by their place in the batch.
  var refused: [Int: Refusal] = [:]
  var notSent: Set<Int> = []
  var notSentReason = Refusal(message: "not sent")
  /// Accepted, and not at the destination all the same, by their place in the batch: the server drops them.
  private(set) var notKept: Set<Int> = []
  /// Accepted, and stored in another spelling. They are in the counts above too.
  private(set) var changed = 0
  /// Of the last answer.
  var status = ""
  var httpStatus = 0
  var attempts = 0
  var seconds = 0.0
  var traffic = Traffic()
  /// What else its line tells.
  var notes: [JSONValue.Member] = []

  /// The requests that were made for it.
  struct Traffic: Sendable {
    var requests = 0
    var retries = 0
    var bytes = 0
    /// The same, compressed.
    var wireBytes = 0

    /// - Parameter attempt: from 1, of one request.
    mutating func add(attempt: Int, bytes: Int, wireBytes: Int) {
      requests += 1
      retries += attempt > 1 ? 1 : 0
      self.bytes += bytes
      self.wireBytes += wireBytes
    }
  }

  /// Counts what one answer says was stored. A value that is posted again may be counted by the server again: never
  /// more than there are.
  mutating func count(_ summary: ImportSummary, of batch: Batch) {
    imported += summary.imported
    updated += summary.updated
    deleted += summary.deleted
    clamp(batch)
  }

  private mutating func clamp(_ batch: Batch) {
    var surplus = -ignored(of: batch)
    for count in [\BatchOutcome.updated, \.imported, \.deleted, \.queued] where surplus > 0 {
      let taken = min(surplus, self[keyPath: count])
      self[keyPath: count] -= taken
      surplus -= taken
    }
  }

  mutating func refuse(_ index: Int, _ refusal: Refusal, of batch: Batch) {
    refused[index] = refusal
    clamp(batch)
  }

  mutating func refuseAll(of batch: Batch, _ refusal: Refusal) {
    for index in batch.values.indices { refuse(index, refusal, of: batch) }
  }

  mutating func sendNone(of batch: Batch, _ reason: Refusal) {
    notSent = Set(batch.values.indices)
    notSentReason = reason
  }

  /// Counts apart what the destination does not keep of the values that it accepted. A zero that deletes what was there
  /// is in the server's count of deletions: these are as many as were asked for, no more.
  ///
  /// - Parameter deletions: how many of the batch's values say that they are deleted.
  mutating func countFates(of batch: Batch, accepted: [Bool], deletions: () -> Int) {
    for (index, value) in batch.values.enumerated()
    where value.fate != .kept && accepted[index] && refused[index] == nil && !notSent.contains(index) {
      if value.fate.isDropped { notKept.insert(index) } else if value.fate == .changed { changed += 1 }
    }
    guard !notKept.isEmpty else { return }
    if deleted > 0 { deleted = min(deleted, deletions()) }
    clamp(batch)
  }

  /// The rest: the server changed nothing and named no conflict.
  func ignored(of batch: Batch) -> Int {
    batch.values.count - imported - updated - deleted - queued - refused.count - notSent.count - notKept.count
  }

  /// The line on stdout.
  func line(of batch: Batch) -> JSONValue {
    let reasons = Dictionary(grouping: refused.values) { $0 }.mapValues(\.count)
    let conflicts = reasons.sorted { ($1.value, $0.key.message) < ($0.value, $1.key.message) }.prefix(20)
    let line: JSONValue = [
      "batch": .int(batch.number), "firstLine": .int(batch.values.first?.line ?? 0),
      "lastLine": .int(batch.values.last?.line ?? 0), "values": .int(batch.values.count),
      "dataSet": .string(orNull: batch.dataSet), "imported": .int(imported), "updated": .int(updated),
      "deleted": .int(deleted), "ignored": .int(ignored(of: batch)), "refused": .int(refused.count),
      "notSent": .int(notSent.count), "notKept": .int(notKept.count), "changed": .int(changed),
      "status": .string(status), "httpStatus": .int(httpStatus),
      "conflicts": .array(
        conflicts.map { refusal, count in
          ["errorCode": .string(orNull: refusal.code), "message": .string(refusal.message), "values": .int(count)]
        }),
      "milliseconds": .int(Int((seconds * 1000).rounded())), "attempts": .int(attempts), "bytes": .int(batch.bytes),
    ]
    return .object((line.members ?? []) + notes)
  }
}
