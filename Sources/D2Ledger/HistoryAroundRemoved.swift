import D2Client
import D2Common
import D2Store

extension Ledger {
  /// Whether the ledger has any plan or delivery of a data set.
  package func knows(_ pair: Pair, _ set: DataSet, _ kind: DataKind) throws -> Bool {
    if set.marks[kind]?.through != nil { return true }
    return try database.rows(
      "SELECT EXISTS (SELECT 1 FROM slices WHERE integration_pair_id = $1 AND dataset_id = $2 AND kind = $3)",
      [.int(pair.id), .text(set.uid), .text(kind.rawValue)])[0].bool(0) ?? false
  }

  /// Resets slices of a data set's history that are near removed units, unless they were begun after the removal was
  /// detected.
  ///
  /// - Returns: how many slices are near, and how many of them were reset.
  package func resetHistory(
    _ pair: Pair, _ dataSet: String, _ kind: DataKind, _ around: AroundRemoved
  ) throws -> (near: Int, again: Int) {
    var near = 0
    var ids: [Int] = []
    var known: [String: Int?] = [:]
    try database.execute(
      """
      SELECT id, orgunits, children, started, state FROM slices
      WHERE integration_pair_id = $1 AND dataset_id = $2 AND kind = $3 AND since = ''
      """, [.int(pair.id), .text(dataSet), .text(kind.rawValue)]
    ) { row in
      let (units, children) = (row.text(1) ?? "", row.bool(2) ?? true)
      let place = units + (children ? "+" : "")
      if known[place] == nil {
        known[place] = .some(around.time(units.split(separator: ",").map(String.init), children: children))
      }
      guard let time = known[place] ?? nil else { return }
      near += 1
      if ["done", "refused", "failed"].contains(row.text(4)), row.int(3) ?? 0 < time { ids.append(row.int(0) ?? 0) }
    }
    for start in stride(from: 0, to: ids.count, by: 500) {
      _ = try resetLocked(pair, SliceSelection(ids: Array(ids[start...].prefix(500))))
    }
    return (near, ids.count)
  }
}
