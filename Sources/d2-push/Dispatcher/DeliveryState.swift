import D2Client
import D2Common

/// What go-dispatcher2 says of a request that it holds (its table `requests`; `request_processor.go` and
/// `schedule_processor.go` write it).
struct DeliveryState: Sendable {
  enum Phase: Sendable {
    /// Not delivered yet, or failed and to be sent again.
    case open
    case completed
    /// Given up: all attempts failed, or an operator stopped it.
    case givenUp
    /// The queue holds no such request any more.
    case unknown
  }

  let phase: Phase
  /// In its own words: `completed`, `failed`, `expired`, `canceled`.
  let status: String
  /// The destination's HTTP status, if it gave one.
  let httpStatus: Int?
  /// The queue's text of what went wrong.
  let errors: String
  /// The destination's import summary, from its whole answer or from the counts that the queue keeps.
  let summary: ImportSummary?
  /// The destination only began to import; the queue looks after the job and will write what came of it.
  let isJob: Bool

  /// Reads the answer of `GET /api/queue/{uid}`; `nil` for anything else. An unknown uid is answered with `null`.
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
    // The answer is kept as a text.
    let answer = document["response"].flatMap { $0.string.flatMap { try? JSONValue(parsing: $0) } ?? $0 }
    let counted = Self.counts(in: errors)
    summary = answer.flatMap { ImportSummary($0) } ?? counted
    isJob = counted == nil && answer?["response"]?["jobType"]?.string != nil
  }

  /// What the queue writes when a job of the destination is done: `Imported: 3, Updated: 0, Ignored: 1, Deleted: 0,
  /// Total: 4`.
  private static func counts(in text: String) -> ImportSummary? {
    guard text.contains("Imported: ") else { return nil }
    var counts: [JSONValue.Member] = []
    for part in text.split(separator: ",") {
      let sides = part.split(separator: ":").map { $0.filter { $0 != " " } }
      if sides.count == 2, let count = Int(sides[1]) { counts.append(.init(sides[0].lowercased(), .int(count))) }
    }
    return ImportSummary(["status": "SUCCESS", "importCount": .object(counts)])
  }

  /// Whether nothing will change any more. A destination that has read the values and answered for them would answer
  /// the same each time that the queue sends them again. So its summary is final, even if the queue says that the
  /// request failed.
  var isFinal: Bool {
    switch phase {
    case .completed: !isJob
    case .givenUp, .unknown: true
    case .open: status == "failed" && answersForValues
    }
  }

  /// Whether the destination said of the values what it did with them.
  private var answersForValues: Bool {
    guard let summary, summary.hasCounts else { return false }
    // What broke down may not break down again.
    if summary.description?.hasPrefix("The import process failed") == true { return false }
    // Servers from 2.43 on count nothing if they refuse the whole request.
    return summary.accepted + summary.ignored > 0 || !summary.conflicts.isEmpty
  }

  /// What a batch's line tells of its delivery.
  static func notes(_ state: DeliveryState?) -> [JSONValue.Member] {
    [.init("delivery", .string(orNull: state?.status)), .init("errors", .string(orNull: state?.errors))]
  }

  /// What it means for the values of a request. Those that were delivered, and of which nothing more is known, stay
  /// queued.
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
      // Some are not stored, and the answer does not say which: none of the others counts as done.
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

  /// The values that conflicts name: by position, else by ids, if these are as many as were not stored.
  private func named(by summary: ImportSummary, _ batch: Batch) -> [Int: Refusal] {
    let all = batch.values.indices
    let report = ImportReport(summary: summary, status: httpStatus)
    // A server that lost its place in the request counts too many, and means the neighbours (docs/dhis2-servers.md,
    // trap 26).
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
