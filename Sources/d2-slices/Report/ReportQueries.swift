import D2Client
import D2Store
import D2Ledger

/// What a report shows of a slice's state, the worst first: what is done and was compared too is verified.
enum ShownState: String, Sendable, CaseIterable {
  case failed, refused, retry, leased, waiting, done, verified
}

/// How many slices are in each state.
struct StateCounts: Sendable, Equatable {
  private var counts = (Int32(0), Int32(0), Int32(0), Int32(0), Int32(0), Int32(0), Int32(0))

  init() {}

  subscript(state: ShownState) -> Int {
    get {
      switch state {
      case .failed: Int(counts.0)
      case .retry: Int(counts.1)
      case .leased: Int(counts.2)
      case .waiting: Int(counts.3)
      case .done: Int(counts.4)
      case .verified: Int(counts.5)
      case .refused: Int(counts.6)
      }
    }
    set {
      let count = Int32(clamping: newValue)
      switch state {
      case .failed: counts.0 = count
      case .retry: counts.1 = count
      case .leased: counts.2 = count
      case .waiting: counts.3 = count
      case .done: counts.4 = count
      case .verified: counts.5 = count
      case .refused: counts.6 = count
      }
    }
  }

  var total: Int { ShownState.allCases.reduce(0) { $0 + self[$1] } }
  var finished: Int { self[.done] + self[.verified] }
  var open: Int { self[.retry] + self[.leased] + self[.waiting] }
  /// The worst state that there is.
  var worst: ShownState? { ShownState.allCases.first { self[$0] > 0 } }

  /// Rounded down: 100 only where nothing is left.
  var percent: Int { total == 0 ? 100 : finished * 100 / total }

  static func += (left: inout StateCounts, right: StateCounts) {
    for state in ShownState.allCases { left[state] += right[state] }
  }

  static func == (left: StateCounts, right: StateCounts) -> Bool {
    ShownState.allCases.allSatisfy { left[$0] == right[$0] }
  }
}

/// What became of values; of slices that were attempted.
struct ValueCounts: Sendable, Equatable {
  var pulled = 0
  /// Imported, updated or deleted.
  var taken = 0
  var ignored = 0
  var refused = 0
  var notSent = 0
  var queued = 0
  var wireBytes = 0

  init() {}

  static func += (left: inout ValueCounts, right: ValueCounts) {
    left.pulled += right.pulled
    left.taken += right.taken
    left.ignored += right.ignored
    left.refused += right.refused
    left.notSent += right.notSent
    left.queued += right.queued
    left.wireBytes += right.wireBytes
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
    /// When the first and the last of those that are done, with refusals or without, were, in milliseconds since 1970.
    var finished: ClosedRange<Int>?
  }

  /// Hands on the groups of a pair, in the order of data sets. They are read in the order of an index, so that neither
  /// database sorts.
  func forEachGroup(_ pair: Pair, _ body: (Group) throws -> Void) throws {
    for isIncrement in [false, true] {
      try database.execute(Self.groups(increments: isIncrement), [.int(pair.id)]) { row in
        var states = StateCounts()
        for (place, state) in ShownState.allCases.enumerated() { states[state] = row.int(3 + place) ?? 0 }
        var values = ValueCounts()
        let next = 3 + ShownState.allCases.count
        values.pulled = row.int(next) ?? 0
        values.taken = row.int(next + 1) ?? 0
        values.ignored = row.int(next + 2) ?? 0
        values.refused = row.int(next + 3) ?? 0
        values.notSent = row.int(next + 4) ?? 0
        values.queued = row.int(next + 5) ?? 0
        values.wireBytes = row.int(next + 6) ?? 0
        let first = row.int(next + 7)
        try body(
          Group(
            dataSet: row.text(0) ?? "", periods: isIncrement ? "" : row.text(1) ?? "", isIncrement: isIncrement,
            newest: row.int(2) ?? 0, states: states, values: values,
            finished: first.map { $0...max($0, row.int(next + 8) ?? $0) }))
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
    let sums = [
      "pulled", "coalesce(imported, 0) + coalesce(updated, 0) + coalesce(deleted, 0)", "ignored", "refused", "not_sent",
      "queued", "wire_bytes",
    ].map { "sum(CASE WHEN \(attempted) THEN \($0) END)" }
    return """
      SELECT dataset_id, max(periods), max(newest), \((counts + sums).joined(separator: ", ")),
        min(CASE WHEN \(ended) THEN finished END), max(CASE WHEN \(ended) THEN finished END)
      FROM slices WHERE integration_pair_id = $1 AND since \(increments ? "<>" : "=") ''
      GROUP BY \(increments ? "dataset_id" : "dataset_id, periods") ORDER BY dataset_id
      """
  }

  /// Whose figures are those of an attempt that counts: what waits again is done anew.
  private static let attempted = "state IN ('done', 'refused', 'failed', 'retry')"

  /// What was done in some stretch of time.
  struct Stretch: Sendable, Equatable {
    /// Its beginning, in milliseconds since 1970.
    var start: Int
    var slices: Int
    var pulled: Int
    var refused: Int

    init(start: Int, slices: Int = 0, pulled: Int = 0, refused: Int = 0) {
      self.start = start
      self.slices = slices
      self.pulled = pulled
      self.refused = refused
    }
  }

  /// What was done, by stretches of so many milliseconds that begin at multiples of it; those in which nothing was are
  /// left out.
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

  /// The slices whose last attempt took longest, the slowest first.
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
  /// Hands on the slices of which values were refused, in no order. Of each only what tells which it is,
  /// the counts of refused values, the reasons and the rejects are filled in.
  func forEachRefusing(_ pair: Pair, _ body: (Slice) throws -> Void) throws {
    try forEachTroubled(pair, "refused > 0 AND \(Self.attempted)", body)
  }

  /// Hands on the slices that are parked or wait for another attempt. Of each only what tells which it is, and the
  /// error, are filled in.
  func forEachFailing(_ pair: Pair, _ body: (Slice) throws -> Void) throws {
    try forEachTroubled(pair, "state IN ('failed', 'retry')", body)
  }

  /// Rows as they come: all may be in trouble, and sorting half a million would take more memory than telling them
  /// apart.
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
