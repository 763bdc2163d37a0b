import D2Common

/// What became of the values of a batch, gathered over all requests that it took.
struct BatchOutcome: Sendable {
  var imported = 0
  var updated = 0
  var deleted = 0
  /// In a queue before the server, which has not told what became of them.
  var queued = 0
  /// The values that the server will not have, by their place in the batch.
  var refused: [Int: Refusal] = [:]
  var notSent: Set<Int> = []
  var notSentReason = Refusal(message: "not sent")
  /// Of the last answer.
  var status = ""
  var httpStatus = 0
  var attempts = 0
  var seconds = 0.0

  /// Counts what one answer says was stored. A value that is posted again may be counted by the server again: never more than there are.
  mutating func count(_ summary: ImportSummary, of batch: Batch) {
    imported += summary.imported
    updated += summary.updated
    deleted += summary.deleted
    clamp(batch)
  }

  private mutating func clamp(_ batch: Batch) {
    var surplus = imported + updated + deleted + queued + refused.count + notSent.count - batch.values.count
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

  /// The rest: the server changed nothing and named no conflict.
  func ignored(of batch: Batch) -> Int {
    batch.values.count - imported - updated - deleted - queued - refused.count - notSent.count
  }

  /// The line on stdout.
  func line(of batch: Batch) -> JSONValue {
    var reasons: [Refusal: Int] = [:]
    for refusal in refused.values { reasons[refusal, default: 0] += 1 }
    let conflicts = reasons.sorted { ($1.value, $0.key.message) < ($0.value, $1.key.message) }.prefix(20)
    return [
      "batch": .int(batch.number), "firstLine": .int(batch.values.first?.line ?? 0),
      "lastLine": .int(batch.values.last?.line ?? 0), "values": .int(batch.values.count),
      "dataSet": batch.dataSet.map { .string($0) } ?? .null, "imported": .int(imported), "updated": .int(updated),
      "deleted": .int(deleted), "ignored": .int(ignored(of: batch)), "refused": .int(refused.count),
      "notSent": .int(notSent.count), "status": .string(status), "httpStatus": .int(httpStatus),
      "conflicts": .array(
        conflicts.map { refusal, count in
          [
            "errorCode": refusal.code.map { .string($0) } ?? .null, "message": .string(refusal.message),
            "values": .int(count),
          ]
        }),
      "milliseconds": .int(Int((seconds * 1000).rounded())), "attempts": .int(attempts), "bytes": .int(batch.bytes),
    ]
  }
}
