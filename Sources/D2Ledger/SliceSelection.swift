import D2Common
import D2Store

/// Selects slices of a pair by state, data set and period.
package struct SliceSelection: Sendable {
  package var states: [Slice.State] = []
  package var dataSets: [String] = []
  /// The periods as the ledger spells them: `202401`.
  package var periods: [String] = []
  package var ids: [Int] = []
  package var onlyVerified: Bool?
  /// The name of a plan, to select only its slices.
  package var plan: String?

  package init(ids: [Int] = []) { self.ids = ids }

  /// The condition as SQL, with its parameters.
  func condition(_ pair: Pair) -> (sql: String, parameters: [SQLValue]) {
    var conditions = ["integration_pair_id = $1"]
    var parameters: [SQLValue] = [.int(pair.id)]
    func isOneOf(_ column: String, _ values: [SQLValue]) {
      guard !values.isEmpty else { return }
      let places = values.indices.map { "$\(parameters.count + 1 + $0)" }
      conditions.append("\(column) IN (\(places.joined(separator: ", ")))")
      parameters += values
    }
    isOneOf("state", states.map { .text($0.rawValue) })
    isOneOf("dataset_id", dataSets.map { .text($0) })
    isOneOf("periods", periods.map { .text($0) })
    isOneOf("id", ids.map { .int($0) })
    isOneOf("plan", plan.map { [.text($0)] } ?? [])
    if let onlyVerified { conditions.append("verified = \(onlyVerified ? "TRUE" : "FALSE")") }
    return (conditions.joined(separator: " AND "), parameters)
  }
}

extension Ledger {
  /// Passes slices to `body`, newest period first.
  package func forEach(_ pair: Pair, _ selection: SliceSelection, _ body: (Slice) throws -> Void) throws {
    let (condition, parameters) = selection.condition(pair)
    let sql = "SELECT \(Self.columns) FROM slices WHERE \(condition) ORDER BY rank, newest DESC, id"
    try database.execute(sql, parameters) { try body(Self.slice($0)) }
  }

  /// Resets slices, so that they wait again, and takes them from their workers. Returns how many.
  package func reset(_ pair: Pair, _ selection: SliceSelection) throws -> Int {
    try database.transaction { try resetLocked(pair, selection) }
  }

  /// The same inside a transaction.
  package func resetLocked(_ pair: Pair, _ selection: SliceSelection) throws -> Int {
    let (condition, parameters) = selection.condition(pair)
    return try database.execute(
      "UPDATE slices SET \(LedgerPlan.anew) WHERE \(condition)", parameters)
  }

  /// Records that both ends were compared and are equal.
  package func verify(_ pair: Pair, _ selection: SliceSelection) throws -> Int {
    let (condition, parameters) = selection.condition(pair)
    return try database.transaction {
      try database.execute(
        "UPDATE slices SET verified = TRUE WHERE \(condition) AND state = 'done' AND verified = FALSE", parameters)
    }
  }

  /// Removes slices from the ledger. Returns how many.
  package func remove(_ pair: Pair, _ selection: SliceSelection) throws -> Int {
    let (condition, parameters) = selection.condition(pair)
    return try database.transaction {
      // If a window lacks a slice, the mark must not move.
      try database.execute(
        """
        UPDATE sync_windows SET is_whole = FALSE WHERE state = 'open'
          AND id IN (SELECT window_id FROM slices WHERE \(condition) AND state <> 'done')
        """, parameters)
      return try database.execute("DELETE FROM slices WHERE \(condition)", parameters)
    }
  }

  /// The state of the ledger's slices, by data set and period.
  package struct Progress: Sendable, Equatable {
    package var dataSet: String
    package var periods: String
    /// How many slices, by state. Verified slices are not counted as done.
    package var counts: [String: Int] = [:]
    package var pulled = 0
    package var refused = 0

    package init(dataSet: String, periods: String) {
      self.dataSet = dataSet
      self.periods = periods
    }

    package var total: Int { counts.values.reduce(0, +) }
    package var open: Int { ["waiting", "leased", "retry"].reduce(0) { $0 + (counts[$1] ?? 0) } }
  }

  /// The progress in the order of data sets, then periods.
  package func progress(_ pair: Pair, plan: String? = nil) throws -> [Progress] {
    var groups: [Progress] = []
    try database.execute(
      """
      SELECT dataset_id, periods, CASE WHEN verified THEN 'verified' ELSE state END AS shown, count(*), sum(pulled),
        sum(refused)
      FROM slices WHERE integration_pair_id = $1 \(plan == nil ? "" : "AND plan = $2")
      GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
      """, [.int(pair.id)] + (plan.map { [.text($0)] } ?? [])
    ) { row in
      let (dataSet, periods) = (row.text(0) ?? "", row.text(1) ?? "")
      if groups.last?.dataSet != dataSet || groups.last?.periods != periods {
        groups.append(Progress(dataSet: dataSet, periods: periods))
      }
      groups[groups.count - 1].counts[row.text(2) ?? ""] = row.int(3) ?? 0
      groups[groups.count - 1].pulled += row.int(4) ?? 0
      groups[groups.count - 1].refused += row.int(5) ?? 0
    }
    return groups
  }

  /// How many slices are waiting, leased, or due for a retry later, and milliseconds until the next retry.
  package func open(_ pair: Pair, plan: String? = nil) throws -> (
    waiting: Int, leased: Int, retry: Int, nextMilliseconds: Int?
  ) {
    let row = try database.rows(
      """
      SELECT sum(CASE WHEN state = 'waiting' THEN 1 ELSE 0 END), sum(CASE WHEN state = 'leased' THEN 1 ELSE 0 END),
        sum(CASE WHEN state = 'retry' THEN 1 ELSE 0 END),
        min(CASE WHEN state = 'retry' THEN next_attempt WHEN state = 'leased' THEN lease_until END) - \(now)
      FROM slices WHERE integration_pair_id = $1 AND state IN ('waiting', 'leased', 'retry')
        \(plan == nil ? "" : "AND plan = $2")
      """, [.int(pair.id)] + (plan.map { [.text($0)] } ?? []))[0]
    return (row.int(0) ?? 0, row.int(1) ?? 0, row.int(2) ?? 0, row.int(3))
  }

  /// How many slices a second are done now. `nil` if no slice was done recently, or no lease is valid.
  ///
  /// It combines how long recent slices took their workers with how many workers there are now. So pauses do not count,
  /// and changes in the number of workers do. Slices of one pipeline begin at the same time.
  package func rate(_ pair: Pair, within seconds: Int) throws -> Double? {
    let row = try database.rows(
      """
      SELECT sum(slices), sum(milliseconds), (
          SELECT count(*) FROM (
            SELECT 1 FROM slices WHERE integration_pair_id = $1 AND state = 'leased' AND lease_until > \(now)
            GROUP BY worker, started) AS current)
      FROM (
        SELECT count(*) AS slices, max(finished) - min(started) AS milliseconds FROM slices
        WHERE integration_pair_id = $1 AND \(Self.ended) AND finished >= \(now) - $2
        GROUP BY worker, started) AS runs
      """, [.int(pair.id), .int(seconds * 1000)])[0]
    guard let count = row.int(0), count > 0, let milliseconds = row.int(1), let working = row.int(2), working > 0 else {
      return nil
    }
    return Double(count) / max(Double(milliseconds) / 1000, 1) * Double(working)
  }
}
