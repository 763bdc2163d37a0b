import D2Client
import D2Common

/// Judges answers of servers that decide value by value: those up to 2.42, and all servers for registrations. It trusts
/// the positions in the summary if its counts fit. Otherwise it uses the ids in the texts, if they leave no doubt.
/// Otherwise it bisects.
struct JudgeByValue: Judge {
  let batch: Batch
  let ids: BatchIDs
  let destination: Destination

  func verdict(on work: Work, _ report: ImportReport) throws -> Verdict {
    let (summary, part) = (report.summary, work.part)
    let hasFailed = summary.description?.hasPrefix("The import process failed") ?? false
    if summary.accepted == 0, hasFailed || (summary.isError && summary.ignored == 0) {
      return abort(work, report)
    }
    guard summary.hasCounts || !summary.conflicts.isEmpty else {
      throw destination.server.error(.notDHIS2, "the import summary holds no counts")
    }
    var verdict = Verdict()
    verdict.counts = true
    verdict.isAlive = summary.accepted + summary.ignored > summary.conflicts.count
    var refused = report.refusedByPosition(in: part)
    if !refused.isEmpty, part.count > 1, !positionsFit(summary, part) {
      verdict.halvesLater(work)
      return verdict
    }
    let vague = summary.conflicts.filter { conflict in !conflict.indexes.contains { part.indices.contains($0) } }
    let found = vague.isEmpty ? [:] : refusedByText(vague, report, part, refused)
    refused.merge(found ?? [:]) { first, _ in first }
    verdict.refused = refused
    let rest = refused.isEmpty ? part : part.filter { refused[$0] == nil }
    guard found != nil else {
      // The accepted values are stored now. The halves show which ones were not.
      verdict.halvesLater(work.with(rest))
      return verdict
    }
    if isOfRegistrations, summary.accepted > 0 {
      let reasons = Set(refused.values.map(\.message))
      verdict.warnings = vague.map(\.message).filter { !reasons.contains($0) }
    }
    let uncounted = part.count - summary.accepted - summary.ignored
    if uncounted > 0, uncounted > part.count(where: mayBeUncounted), !work.history.isRecount {
      // One value is missing from all counts: the second of two spellings of one key. If both are posted again, the
      // first one counts as updated.
      var again = work.with(rest)
      again.history.isRecount = true
      verdict.later(again)
    }
    return verdict
  }

  private var isOfRegistrations: Bool { destination.options.kind == .registrations }

  /// Whether the summary is about exactly the values that were posted. If the server's parser lost its position over a
  /// value, the counts are too high or too low. Its positions then mean the neighbours (docs/dhis2-servers.md, trap
  /// 26).
  private func positionsFit(_ summary: ImportSummary, _ part: [Int]) -> Bool {
    let places = summary.conflicts.flatMap(\.indexes) + summary.rejectedIndexes
    guard places.allSatisfy(part.indices.contains) else { return false }
    let counted = summary.accepted + summary.ignored
    guard counted < part.count else { return counted == part.count }
    return counted + part.count(where: mayBeUncounted) >= part.count
  }

  /// Zeros that are not significant appear in no count.
  private func mayBeUncounted(_ index: Int) -> Bool {
    let fate = batch.values[index].fate
    return fate == .droppedZero || fate == .doubtfulZero
  }

  /// The values that conflicts without positions name, if that is certain; otherwise `nil`. An unknown id affects all
  /// values that have it, and the server must have ignored as many.
  private func refusedByText(
    _ conflicts: [ImportSummary.Conflict], _ report: ImportReport, _ part: [Int], _ known: [Int: Refusal]
  ) -> [Int: Refusal]? {
    let summary = report.summary
    // Then all registrations are stored, and the conflicts are warnings.
    if isOfRegistrations, summary.ignored == 0, summary.accepted >= part.count { return [:] }
    // Of several registrations, the server may have stored those that lack compulsory values.
    let reasons =
      isOfRegistrations && part.count > 1
      ? conflicts.filter { !CompulsoryValues.areMissing(by: $0.message) } : conflicts
    var found: [Int: Refusal] = [:]
    for conflict in reasons {
      if part.count == 1 {
        // A server that ignores the registration may still name compulsory values first.
        let cause = reasons.first { !CompulsoryValues.areMissing(by: $0.message) }
        return [part[0]: report.reason(cause ?? conflict)]
      }
      let matcher = ConflictMatcher(conflict)
      guard matcher.isAboutID else { return nil }
      for index in part where known[index] == nil && found[index] == nil && matcher.names(ids[index]) == true {
        found[index] = report.reason(conflict)
      }
    }
    return found.count == summary.ignored - known.count ? found : nil
  }

  // MARK: Nothing was stored

  /// Conflicts about the data set or the ids of the whole request (docs/dhis2-servers.md, "Import errors").
  private static let setLevelCodes: Set<String> = ["E7600", "E7601", "E7603", "E7604"]

  /// The server refused the whole request, or the import broke down over one of its values.
  private func abort(_ work: Work, _ report: ImportReport) -> Verdict {
    let (summary, part) = (report.summary, work.part)
    var verdict = Verdict()
    if let conflict = summary.conflicts.first(where: { Self.setLevelCodes.contains($0.code ?? "") }) {
      verdict.refuse(part, report.reason(conflict))
      return verdict
    }
    let message = summary.description ?? summary.conflicts.first?.message ?? "the import failed without a reason"
    let conflict = summary.conflicts.first ?? ImportSummary.Conflict(message: message)
    if part.count == 1 {
      verdict.brokeDown = (report.reason(conflict), message)
      return verdict
    }
    let matcher = ConflictMatcher(conflict)
    let guilty = isOfRegistrations ? part.filter { matcher.names(ids[$0]) == true } : []
    if guilty.isEmpty || guilty.count == part.count {
      verdict.halvesLater(work)
    } else {
      verdict.refuse(guilty, report.reason(conflict))
      verdict.later(work.with(part.filter { verdict.refused[$0] == nil }))
    }
    return verdict
  }
}
