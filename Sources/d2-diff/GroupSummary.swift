import D2Common

/// The differences by data set, period and organisation unit.
struct GroupSummary {
  private(set) var rows: [(group: Group, counts: DifferenceCounts)] = []

  static let columns = [
    "dataSet", "period", "orgUnit", "name", "source", "destination", "equal", "missing", "different", "extra",
    "notKept",
  ]

  init(_ comparison: Comparison, _ findings: [Findings]) {
    var counts: [Group: DifferenceCounts] = [:]
    for found in findings {
      for (number, of) in found.ofSourceGroups {
        counts[comparison.source.groups.groups[Int(number)], default: DifferenceCounts()] += of
      }
      for (number, of) in found.ofDestinationGroups {
        counts[comparison.destination.groups.groups[Int(number)], default: DifferenceCounts()] += of
      }
    }
    rows = counts.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  /// - Parameter names: the names of organisation units, by uid.
  func write(to listing: inout Listing, names: [String: String]) throws {
    for (group, counts) in rows {
      try listing.add([
        "dataSet": group.dataSet.isEmpty ? .null : .string(group.dataSet), "period": .string(group.period),
        "orgUnit": .string(group.orgUnit), "name": names[group.orgUnit].map { .string($0) } ?? .null,
        "source": .int(counts.source), "destination": .int(counts.destination), "equal": .int(counts.equal),
        "missing": .int(counts.missing), "different": .int(counts.different), "extra": .int(counts.extra),
        "notKept": .int(counts.notKept),
      ])
    }
    try listing.finish()
  }
}
