import D2Client
import D2Store
import D2Ledger

/// The state of a slice in the report, the worst first. A slice that is done and was compared is verified.
enum ShownState: String, Sendable, CaseIterable {
  case failed, refused, retry, leased, waiting, done, verified

  /// The index of the state, from 0.
  fileprivate var place: Int {
    switch self {
    case .failed: 0
    case .refused: 1
    case .retry: 2
    case .leased: 3
    case .waiting: 4
    case .done: 5
    case .verified: 6
    }
  }
}

/// How many slices are in each state.
struct StateCounts: Sendable, Equatable {
  /// The counts, by the index of each state.
  private var counts = SIMD8<Int32>()

  subscript(state: ShownState) -> Int {
    get { Int(counts[state.place]) }
    set { counts[state.place] = Int32(clamping: newValue) }
  }

  var total: Int { ShownState.allCases.reduce(0) { $0 + self[$1] } }
  var finished: Int { self[.done] + self[.verified] }
  var open: Int { self[.retry] + self[.leased] + self[.waiting] }
  /// The worst state with a slice.
  var worst: ShownState? { ShownState.allCases.first { self[$0] > 0 } }

  /// The percentage, rounded down: 100 only if nothing is left.
  var percent: Int { total == 0 ? 100 : finished * 100 / total }

  static func += (left: inout StateCounts, right: StateCounts) { left.counts &+= right.counts }
}

/// The outcomes of values, for slices that were attempted.
struct ValueCounts: Sendable, Equatable {
  var pulled = 0
  /// Imported, updated or deleted.
  var taken = 0
  /// Deleted because only the destination had them.
  var removed = 0
  var ignored = 0
  var refused = 0
  var notSent = 0
  var queued = 0
  var wireBytes = 0

  /// Each count with its name in JSON, and as SQL of a slice.
  static let all: [(name: String, sql: String, path: WritableKeyPath<ValueCounts, Int> & Sendable)] = [
    ("pulled", "pulled", \.pulled),
    ("taken", "coalesce(imported, 0) + coalesce(updated, 0) + coalesce(deleted, 0)", \.taken),
    ("removed", "removed", \.removed), ("ignored", "ignored", \.ignored), ("refused", "refused", \.refused),
    ("notSent", "not_sent", \.notSent),
    ("queued", "queued", \.queued), ("wireBytes", "wire_bytes", \.wireBytes),
  ]

  static func += (left: inout ValueCounts, right: ValueCounts) {
    for count in all { left[keyPath: count.path] += right[keyPath: count.path] }
  }
}

// MARK: - Summed up by the database

extension Ledger {
  /// The slices of one data set and period, or of its increments.
  struct Group: Sendable {
    var dataSet: String
    var periods: String
    var isIncrement: Bool
    /// The first day of the latest of its periods, in days since 1970.
    var newest: Int
    var states: StateCounts
    var values: ValueCounts
    /// When the first and the last slice were done, with refusals or without, in milliseconds since 1970.
    var finished: ClosedRange<Int>?
  }

  /// Passes the groups of a pair to `body`, in the order of data sets. The query follows the order of an index, so that
  /// neither database sorts.
  func forEachGroup(_ pair: Pair, _ body: (Group) throws -> Void) throws {
    for isIncrement in [false, true] {
      try database.execute(Self.groups(increments: isIncrement), [.int(pair.id)]) { row in
        var states = StateCounts()
        var values = ValueCounts()
        var next = 3
        func nextInt() -> Int? {
          defer { next += 1 }
          return row.int(next)
        }
        for state in ShownState.allCases { states[state] = nextInt() ?? 0 }
        for count in ValueCounts.all { values[keyPath: count.path] = nextInt() ?? 0 }
        let (first, last) = (nextInt(), nextInt())
        try body(
          Group(
            dataSet: row.text(0) ?? "", periods: isIncrement ? "" : row.text(1) ?? "", isIncrement: isIncrement,
            newest: row.int(2) ?? 0, states: states, values: values,
            finished: first.map { $0...max($0, last ?? $0) }))
      }
    }
  }

  private static func groups(increments: Bool) -> String {
    func isState(_ state: ShownState) -> String {
      switch state {
      case .done: "state = 'done' AND verified = FALSE"
      case .verified: "state = 'done' AND verified = TRUE"
      default: "state = '\(state.rawValue)'"
      }
    }
    let counts = ShownState.allCases.map { "count(CASE WHEN \(isState($0)) THEN 1 END)" }
    let sums = ValueCounts.all.map { "sum(CASE WHEN \(attempted) THEN \($0.sql) END)" }
    return """
      SELECT dataset_id, max(periods), max(newest), \((counts + sums).joined(separator: ", ")),
        min(CASE WHEN \(ended) THEN finished END), max(CASE WHEN \(ended) THEN finished END)
      FROM slices WHERE integration_pair_id = $1 AND since \(increments ? "<>" : "=") ''
      GROUP BY \(increments ? "dataset_id" : "dataset_id, periods") ORDER BY dataset_id
      """
  }

  /// Slices whose figures come from an attempt that counts. Waiting slices are moved again.
  private static let attempted = "state IN ('done', 'refused', 'failed', 'retry')"

  /// What was done in a stretch of time.
  struct Stretch: Sendable, Equatable {
    /// Its beginning, in milliseconds since 1970.
    var start: Int
    var slices = 0
    var pulled = 0
    var refused = 0
  }

  /// What was done, in stretches of this length that begin at its multiples. Empty stretches are left out.
  func stretches(_ pair: Pair, milliseconds: Int) throws -> [Stretch] {
    try database.rows(
      """
      SELECT finished / $2, count(*), sum(pulled), sum(refused) FROM slices
      WHERE integration_pair_id = $1 AND \(Self.ended) AND finished IS NOT NULL GROUP BY 1 ORDER BY 1
      """, [.int(pair.id), .int(milliseconds)]
    ).map {
      Stretch(
        start: ($0.int(0) ?? 0) * milliseconds, slices: $0.int(1) ?? 0, pulled: $0.int(2) ?? 0, refused: $0.int(3) ?? 0)
    }
  }

  /// What was done since a moment, in milliseconds since 1970.
  func done(_ pair: Pair, since start: Int) throws -> Stretch {
    let row = try database.rows(
      """
      SELECT count(*), sum(pulled), sum(refused) FROM slices
      WHERE integration_pair_id = $1 AND \(Self.ended) AND finished >= $2
      """, [.int(pair.id), .int(start)])[0]
    return Stretch(start: start, slices: row.int(0) ?? 0, pulled: row.int(1) ?? 0, refused: row.int(2) ?? 0)
  }

  /// The slices whose last attempt took longest, in descending order.
  func slowest(_ pair: Pair, _ most: Int) throws -> [Slice] {
    try database.rows(
      """
      SELECT \(Self.columns) FROM slices
      WHERE integration_pair_id = $1 AND \(Self.attempted) AND finished >= started
      ORDER BY finished - started DESC, id LIMIT $2
      """, [.int(pair.id), .int(most)]
    ).map(Self.slice)
  }
}

// MARK: - What did not go well

extension Ledger {
  /// Passes the slices with refused values to `body`, in any order. Each slice has only its identity, the counts of
  /// refused values, the reasons and the rejects.
  func forEachRefusing(_ pair: Pair, _ body: (Slice) throws -> Void) throws {
    try forEachTroubled(pair, "refused > 0 AND \(Self.attempted)", body)
  }

  /// Passes the slices that are parked or wait for a retry to `body`. Each slice has only its identity and the error.
  func forEachFailing(_ pair: Pair, _ body: (Slice) throws -> Void) throws {
    try forEachTroubled(pair, "state IN ('failed', 'retry')", body)
  }

  /// Reads the rows in any order. All slices may have problems, and sorting half a million rows would take more memory
  /// than counting them.
  private func forEachTroubled(_ pair: Pair, _ condition: String, _ body: (Slice) throws -> Void) throws {
    try database.execute(
      """
      SELECT id, dataset_id, periods, since, orgunits, children, state, attempts, finished, last_status, last_error,
      refused,
        reasons, rejects, kind
      FROM slices WHERE integration_pair_id = $1 AND \(condition)
      """, [.int(pair.id)]
    ) { row in
      var slice = Slice()
      slice.id = row.int(0) ?? 0
      slice.pair = pair.id
      slice.dataSet = row.text(1) ?? ""
      slice.periods = row.text(2) ?? ""
      slice.since = row.text(3) ?? ""
      slice.orgUnits = (row.text(4) ?? "").split(separator: ",").map(String.init)
      slice.children = row.bool(5) ?? true
      slice.state = row.text(6).flatMap { Slice.State(rawValue: $0) } ?? .waiting
      slice.attempts = row.int(7) ?? 0
      slice.finishedAt = row.int(8)
      slice.lastStatus = row.int(9)
      slice.lastError = row.text(10)
      slice.counts.refused = row.int(11)
      slice.counts.reasons = row.text(12)
      slice.rejects = row.text(13)
      slice.kind = DataKind(stored: row.text(14))
      try body(slice)
    }
  }

  /// The names of some organisation units.
  func unitNames(_ pair: Pair, _ uids: Set<String>) throws -> [String: String] {
    guard !uids.isEmpty else { return [:] }
    let uids = uids.sorted()
    let places = uids.indices.map { "$\($0 + 2)" }.joined(separator: ", ")
    var names: [String: String] = [:]
    try database.execute(
      "SELECT dhis2_id, dhis2_name FROM orgunits WHERE integration_pair_id = $1 AND dhis2_id IN (\(places))",
      [.int(pair.id)] + uids.map { .text($0) }
    ) { row in
      if let uid = row.text(0), let name = row.text(1) { names[uid] = name }
    }
    return names
  }
}
