import D2Client
import D2Common

/// Judges answers of servers from 2.43 on, which store the values of a data set as a group or not at all
/// (docs/dhis2-servers.md, trap 8). The values that the messages name are refused, and the rest is posted again. If the
/// messages name nothing, the group is bisected.
struct JudgeByGroup: Judge {
  let ids: BatchIDs
  let destination: Destination

  /// Conflict codes that are about single values. Because of them the others are not stored either
  /// (docs/dhis2-servers.md, "Import errors").
  static let valueLevelCodes: Set<String> = ["E8120", "E8121", "E8122", "E8123", "E8124", "E8125"]
  /// A message names everything that has one kind of fault, and there are about ten kinds. After more failures than
  /// that, bisecting is faster.
  private static let patienceWithGroups = 12

  func verdict(on work: Work, _ report: ImportReport) -> Verdict {
    let ofGroups = report.summary.conflicts.filter { !Self.valueLevelCodes.contains($0.code ?? "") }
    if !ofGroups.isEmpty { return groupFailure(ofGroups, work, report) }
    var verdict = Verdict()
    verdict.refused = report.refusedByPosition(in: work.part)
    let rest = work.part.filter { verdict.refused[$0] == nil }
    if report.summary.accepted >= rest.count {
      verdict.counts = true
      verdict.isAlive = true
    } else if rest.count == 1 {
      // An upsert never ignores values. If a value is ignored without a conflict, the database refused it, and nothing
      // of the request is stored.
      let message =
        "the server's database refused the value; the server says \(report.summary.status) and gives no reason"
      verdict.refuse(rest, Refusal(message: message, httpStatus: report.status))
    } else {
      verdict.halvesLater(work.with(rest))
    }
    return verdict
  }

  /// The server refused groups, or the whole request.
  private func groupFailure(_ conflicts: [ImportSummary.Conflict], _ work: Work, _ report: ImportReport) -> Verdict {
    var verdict = Verdict()
    if let conflict = conflicts.first(where: { $0.code == "E8002" || $0.code == "E8003" }),
      destination.named(work.dataSet) == nil
    {
      verdict.wantsDataSet = report.reason(conflict)
      return verdict
    }
    let failed = report.summary.accepted > 0 ? settleOtherGroups(conflicts, work, report, &verdict) : work.part
    let (refused, unclear) = refuse(failed, conflicts, work.dataSet, report)
    verdict.refused.merge(refused) { first, _ in first }
    let isUnclear = Set(unclear)
    var next = work.with(failed.filter { refused[$0] == nil && !isUnclear.contains($0) })
    next.history.groupFailures += 1
    guard unclear.isEmpty else {
      // Each unit alone: then the periods that the server names are those of this unit.
      let byUnit = Dictionary(grouping: unclear) { ids[$0].orgUnit }
      for (_, values) in byUnit.sorted(by: { $0.key < $1.key }) { verdict.later(next.with(values)) }
      if !next.part.isEmpty { verdict.later(next) }
      return verdict
    }
    let shut =
      !refused.isEmpty && conflicts.contains { $0.code == "E8031" } ? destination.shutUnits(next.part, ids) : [:]
    if refused.isEmpty || shut.isEmpty && next.history.groupFailures >= Self.patienceWithGroups {
      verdict.halvesLater(next)
      return verdict
    }
    // The server names one unit at a time. So each unit that seems shut is posted alone, and the others go in one
    // request.
    for (_, values) in shut.sorted(by: { $0.key < $1.key }) { verdict.later(next.with(values)) }
    let apart = Set(shut.values.joined())
    verdict.later(next.with(next.part.filter { !apart.contains($0) }))
    return verdict
  }

  /// The server stored other groups of the request. Returns the values of the groups that it did not store.
  private func settleOtherGroups(
    _ conflicts: [ImportSummary.Conflict], _ work: Work, _ report: ImportReport, _ verdict: inout Verdict
  ) -> [Int] {
    let places = Set(conflicts.flatMap(\.indexes)).filter { work.part.indices.contains($0) }
    let failed = places.sorted().map { work.part[$0] }
    verdict.refused = report.refusedByPosition(in: work.part)
      .filter { Self.valueLevelCodes.contains($0.value.code ?? "") }
    let open = Set(failed).union(verdict.refused.keys)
    let others = work.part.filter { !open.contains($0) }
    if report.summary.accepted >= others.count {
      verdict.counts = true
    } else {
      // The server silently did not store some values of another group.
      verdict.later(work.with(others))
    }
    return failed.filter { verdict.refused[$0] == nil }
  }

  /// Refuses the values that conflicts name, and remembers their causes. Also returns the values for which a message is
  /// not exact.
  private func refuse(
    _ failed: [Int], _ conflicts: [ImportSummary.Conflict], _ dataSet: String?, _ report: ImportReport
  ) -> (refused: [Int: Refusal], unclear: [Int]) {
    var refused: [Int: Refusal] = [:]
    var unclear: [Int] = []
    for conflict in conflicts {
      let found = GroupConflict(
        conflict, failed.filter { refused[$0] == nil }, isAlone: failed.count == 1, ids, destination)
      for index in found.guilty {
        refused[index] = report.reason(conflict)
        if let code = conflict.code { destination.memory.remember(code, ids[index], dataSet) }
      }
      unclear += found.unclear
    }
    return (refused, unclear.unique.filter { refused[$0] == nil })
  }
}
