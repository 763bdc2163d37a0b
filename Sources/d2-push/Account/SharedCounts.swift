/// Divides the counts of a request among the periods of the values that the server accepted.
struct SharedCounts {
  struct Share: Equatable {
    var imported = 0
    var updated = 0
    var deleted = 0
    var ignored = 0
    var queued = 0
  }

  /// In the order of their first values.
  private var periods: [(period: String, values: Int, deletions: Int)] = []
  private var places: [String: Int] = [:]

  /// - Parameter isDeletion: whether the value is marked as deleted, if that is known to matter.
  mutating func add(_ period: String, isDeletion: Bool) {
    let place: Int
    if let known = places[period] {
      place = known
    } else {
      place = periods.count
      places[period] = place
      periods.append((period, 0, 0))
    }
    periods[place].values += 1
    if isDeletion { periods[place].deletions += 1 }
  }

  /// The counts of the request, divided among its periods. No period gets more than it has values.
  func dealt(_ outcome: BatchOutcome, of batch: Batch) -> [(period: String, share: Share)] {
    var left = [
      outcome.imported, outcome.updated, outcome.deleted, outcome.ignored(of: batch), outcome.queued,
    ]
    // If as many values were deleted as are marked so, it was these.
    let knowsDeletions = outcome.deleted > 0 && periods.reduce(0) { $0 + $1.deletions } == outcome.deleted
    if knowsDeletions { left[2] = 0 }
    return periods.map { period, values, deletions in
      var share = Self.deal(values - (knowsDeletions ? deletions : 0), of: &left)
      if knowsDeletions { share[2] = deletions }
      return (
        period,
        Share(imported: share[0], updated: share[1], deleted: share[2], ignored: share[3], queued: share[4])
      )
    }
  }

  /// Takes this many values out of the counts, in proportion to what is left of each.
  private static func deal(_ values: Int, of left: inout [Int]) -> [Int] {
    var rest = values
    var total = left.reduce(0, +)
    var share = [Int](repeating: 0, count: left.count)
    for place in left.indices where rest > 0 && total > 0 {
      let others = total - left[place]
      let wanted = Int((Double(rest) * Double(left[place]) / Double(total)).rounded())
      share[place] = min(max(wanted, rest - others, 0), left[place], rest)
      total -= left[place]
      rest -= share[place]
      left[place] -= share[place]
    }
    return share
  }
}
