import D2Client

/// An organisation unit in a period.
struct UnitPeriod: Hashable, Sendable {
  let orgUnit: String
  let period: String
}

/// The values of a part that a conflict of a whole group is about.
struct GroupConflict {
  /// Values that the server refuses for certain.
  var guilty: [Int] = []
  /// Values of which the server refuses some. Its message does not say which.
  var unclear: [Int] = []

  /// Untimely data entry (E8030) is judged by unit and period, but the message names periods only. A unit with a lock
  /// exception may still enter data (`DefaultDataEntryService.validateEntryTimeliness`).
  private static let untimely = "E8030"

  /// - Parameter isAlone: whether the request held only one value.
  init(
    _ conflict: ImportSummary.Conflict, _ part: [Int], isAlone: Bool, _ ids: BatchIDs, _ destination: Destination
  ) {
    guard !isAlone else {
      guilty = part
      return
    }
    let matcher = ConflictMatcher(conflict)
    let named = part.filter { matcher.names(ids[$0]) == true }
    guard conflict.code == Self.untimely, Set(named.map { ids[$0].orgUnit }).count > 1 else {
      guilty = named
      return
    }
    guard let dataSet = matcher.dataSet, let exempt = destination.metadata.lockExceptions(of: dataSet) else {
      unclear = named
      return
    }
    guilty = named.filter { !exempt.contains(UnitPeriod(orgUnit: ids[$0].orgUnit, period: ids[$0].period)) }
  }
}
