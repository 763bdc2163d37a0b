import D2Client
import D2Common

/// The state of a request that go-dispatcher2 holds (its table `requests`; `request_processor.go` and
/// `schedule_processor.go` write it).
struct DeliveryState: Sendable {
  enum Phase: Sendable {
    /// Not delivered yet, or failed and to be sent again.
    case open
    case completed
    /// Given up: all attempts failed, or an operator cancelled it.
    case givenUp
    /// The queue no longer holds the request.
    case unknown
  }

  let phase: Phase
  /// The status in the queue's words: `completed`, `failed`, `expired`, `canceled`.
  let status: String
  /// The destination's HTTP status, if there is one.
  let httpStatus: Int?
  /// The queue's error text.
  let errors: String
  /// The destination's import summary, from its whole answer or from the counts that the queue keeps.
  let summary: ImportSummary?
  /// Whether the destination has only started an import job. The queue follows the job, and will write its outcome.
  let isJob: Bool

  /// Reads the answer of `GET /api/queue/{uid}`; `nil` for anything else. The answer for an unknown uid is `null`.
  init?(_ document: JSONValue) {
    if document == .null {
      (phase, status, httpStatus, errors, summary, isJob) = (.unknown, "unknown", nil, "", nil, false)
      return
    }
    guard let status = document["status"]?.string else { return nil }
    self.status = status
    phase =
      switch status {
      case "completed": .completed
      case "expired", "canceled": .givenUp
      default: .open
      }
    httpStatus = document["statuscode"]?.int.flatMap { $0 > 0 ? $0 : nil }
    errors = document["errors"]?.string ?? ""
    // The queue keeps the answer as a text.
    let answer = document["response"].flatMap { $0.string.flatMap { try? JSONValue(parsing: $0) } ?? $0 }
    let counted = Self.counts(in: errors)
    summary = answer.flatMap { ImportSummary($0) } ?? counted
    isJob = counted == nil && answer?["response"]?["jobType"]?.string != nil
  }

  /// The counts that the queue writes when the destination has finished a job: `Imported: 3, Updated: 0, Ignored: 1,
  /// Deleted: 0, Total: 4`.
  private static func counts(in text: String) -> ImportSummary? {
    guard text.contains("Imported: ") else { return nil }
    var counts: [JSONValue.Member] = []
    for part in text.split(separator: ",") {
      let sides = part.split(separator: ":").map { $0.filter { $0 != " " } }
      if sides.count == 2, let count = Int(sides[1]) { counts.append(.init(sides[0].lowercased(), .int(count))) }
    }
    return ImportSummary(["status": "SUCCESS", "importCount": .object(counts)])
  }

  /// Whether the state will not change any more. A destination that has read and judged the values would answer the
  /// same each time the queue resends them. So its summary is final, even if the queue says that the request failed.
  var isFinal: Bool {
    switch phase {
    case .completed: !isJob
    case .givenUp, .unknown: true
    case .open: status == "failed" && answersForValues
    }
  }

  /// Whether the destination reported the outcome of the values.
  private var answersForValues: Bool {
    guard let summary, summary.hasCounts else { return false }
    // An import that broke down may succeed next time.
    if summary.description?.hasPrefix("The import process failed") == true { return false }
    // Servers from 2.43 on count nothing if they refuse the whole request.
    return summary.accepted + summary.ignored > 0 || !summary.conflicts.isEmpty
  }

  /// The members of a batch's line about its delivery.
  static func notes(_ state: DeliveryState?) -> [JSONValue.Member] {
    [.init("delivery", .string(orNull: state?.status)), .init("errors", .string(orNull: state?.errors))]
  }

  /// The outcome for the values of a request. If they were delivered and nothing more is known, they stay queued.
  func outcome(of batch: Batch) -> BatchOutcome {
    var outcome = BatchOutcome()
    outcome.status = status
    outcome.httpStatus = httpStatus ?? 0
    if let summary, answersForValues {
      settle(summary, batch, &outcome)
    } else if phase == .completed {
      outcome.queued = batch.values.count
    } else {
      outcome.sendNone(of: batch, Refusal(message: "not delivered: \(reason)", httpStatus: httpStatus))
    }
    return outcome
  }

  private var reason: String {
    let what = phase == .unknown ? "the queue no longer holds the request" : "the queue's request is \(status)"
    return errors.isEmpty ? what : "\(what): \(errors)"
  }

  // MARK: The destination's summary

  private func settle(_ summary: ImportSummary, _ batch: Batch, _ outcome: inout BatchOutcome) {
    outcome.count(summary, of: batch)
    var refused = named(by: summary, batch)
    let notStored = summary.accepted == 0 ? batch.values.count : summary.ignored
    if refused.count < notStored, let conflict = summary.conflicts.first {
      // Some are not stored, and the answer does not say which. So none of the others counts as stored.
      let text =
        summary.accepted == 0
        ? "nothing of the request was stored: \(conflict.message)"
        : "\(notStored - refused.count) of \(batch.values.count - refused.count) values were not stored, and the "
          + "destination's answer does not say which: \(conflict.message)"
      for index in batch.values.indices where refused[index] == nil {
        refused[index] = Refusal(code: conflict.code, message: text, httpStatus: httpStatus)
      }
    }
    for (index, refusal) in refused { outcome.refuse(index, refusal, of: batch) }
  }

  /// The values that conflicts name: by position; or else by ids, if these match as many values as were not stored.
  private func named(by summary: ImportSummary, _ batch: Batch) -> [Int: Refusal] {
    let all = batch.values.indices
    let report = ImportReport(summary: summary, status: httpStatus)
    // A server that lost its position in the request counts too many values, and its positions mean their neighbours
    // (docs/dhis2-servers.md, trap 26).
    let fits =
      summary.accepted + summary.ignored <= all.count
      && summary.conflicts.allSatisfy { $0.indexes.allSatisfy { $0 < all.count } }
    let refused = fits ? report.refusedByPosition(in: Array(all)) : [:]
    let vague = summary.conflicts.filter { conflict in !fits || !conflict.indexes.contains { all.contains($0) } }
    guard !vague.isEmpty else { return refused }
    let ids = BatchIDs(batch, defaultCombo: DestinationTraits(version: nil).defaultCombo)
    var found = refused
    for conflict in vague {
      let matcher = ConflictMatcher(conflict)
      for index in all where found[index] == nil && matcher.names(ids[index]) == true {
        found[index] = report.reason(conflict)
      }
    }
    return summary.accepted == 0 || found.count == summary.ignored ? found : refused
  }
}
