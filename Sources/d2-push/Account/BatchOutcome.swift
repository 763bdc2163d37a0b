import D2Client
import D2Common

/// The outcome of the values of a batch, over all its requests.
struct BatchOutcome: Sendable {
  var imported = 0
  var updated = 0
  var deleted = 0
  /// Queued in front of the server; their outcome is not known yet.
  var queued = 0
  /// Whether the queue reports them as delivered.
  var isDelivered = false
  /// The refused values, by their index in the batch.
  var refused: [Int: Refusal] = [:]
  var notSent: Set<Int> = []
  var notSentReason = Refusal(message: "not sent")
  /// The server's messages about registrations that it stored all the same.
  var warnings: Set<String> = []
  /// The indexes of values that the server accepted but does not store.
  private(set) var notKept: Set<Int> = []
  /// Accepted, and stored in another spelling. The counts above include them.
  private(set) var changed = 0
  /// The answers that were counted, and how many values they are about, ignored and refused ones included.
  private var counted = (answers: 0, values: 0)
  /// The status of the last answer.
  var status = ""
  var httpStatus = 0
  var attempts = 0
  var seconds = 0.0
  var traffic = Traffic()
  /// Further members of the batch's line.
  var notes: [JSONValue.Member] = []

  /// The requests for the batch.
  struct Traffic: Sendable {
    var requests = 0
    var retries = 0
    var bytes = 0
    /// The same, compressed.
    var wireBytes = 0

    /// - Parameter attempt: the number of the attempt of one request, from 1.
    mutating func add(attempt: Int, bytes: Int, wireBytes: Int) {
      requests += 1
      retries += attempt > 1 ? 1 : 0
      self.bytes += bytes
      self.wireBytes += wireBytes
    }
  }

  /// Adds the counts of one answer. The server may count a value again if it is posted again. So the sums are limited
  /// to the number of values.
  mutating func count(_ summary: ImportSummary, of batch: Batch) {
    counted.answers += 1
    counted.values += summary.accepted + summary.ignored
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

  /// Counts separately the accepted values that the destination does not keep. A zero that deletes the old value is in
  /// the server's count of deletions. So this limits that count to the deletions that were requested.
  ///
  /// - Parameter deletions: how many of the batch's values are marked as deleted.
  mutating func countFates(of batch: Batch, accepted: [Bool], deletions: () -> Int) {
    let storesZeros = storesZeros(of: batch)
    for (index, value) in batch.values.enumerated()
    where value.fate != .kept && accepted[index] && refused[index] == nil && !notSent.contains(index) {
      switch value.fate {
      case .droppedZero where storesZeros: continue
      case .droppedZero, .droppedBlank: notKept.insert(index)
      case .changed: changed += 1
      case .kept, .doubtfulZero: continue
      }
    }
    guard !notKept.isEmpty else { return }
    if deleted > 0 { deleted = min(deleted, deletions()) }
    clamp(batch)
  }

  /// Whether the server stored zeros that are not significant. It does so if the value is marked as deleted, and then
  /// counts them (docs/dhis2-servers.md, trap 25). If it also deleted values, the zeros may be the reason.
  private func storesZeros(of batch: Batch) -> Bool {
    counted.answers == 1 && counted.values == batch.values.count && deleted == 0
  }

  /// The rest: the server changed nothing and named no conflict.
  func ignored(of batch: Batch) -> Int {
    batch.values.count - imported - updated - deleted - queued - refused.count - notSent.count - notKept.count
  }

  /// The batch's line on stdout.
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
