import D2Client
import D2Common
import D2Store

/// The ledger of slices in the store. It leases slices to workers, and records their outcomes.
///
/// Leases use the database's clock, the only one that workers on several hosts share. On PostgreSQL a claim skips the
/// rows that other workers are claiming (`SKIP LOCKED`). On SQLite a writer waits for the other.
package final class Ledger {
  package let store: Store
  /// For queries in other files.
  package let database: any Database

  package init(_ store: Store) {
    self.store = store
    database = store.database
  }

  /// For workers: does not wait until each change is on the disk. If a crash loses the last changes, a slice that was
  /// claimed or done is waiting or leased again. Then d2 moves it again.
  package func hurry() throws {
    if database.dialect == .postgresql { try database.execute("SET synchronous_commit = 'off'") }
  }

  /// Which of two waiting slices with the same priority comes first.
  package enum Order: String, Sendable, CaseIterable { case newest, oldest }

  /// The time in milliseconds since 1970 by the database's clock, as SQL.
  package var now: String { database.dialect.now }
  /// Pulled and pushed, with refusals or without, as SQL.
  package static let ended = "state IN ('done', 'refused')"

  package static let columns =
    """
    id, integration_pair_id, kind, dataset_id, periods, since, orgunits, children, include_deleted, state, verified, worker,
    token, attempts, started, finished, last_status, last_error, rejects, replaces, failures,
    \(countColumns.joined(separator: ", "))
    """
  private static let countColumns = Slice.Counts.numbers.map(\.column) + ["reasons"]

  package static func slice(_ row: SQLRow) -> Slice {
    var slice = Slice()
    slice.id = row.int(0) ?? 0
    slice.pair = row.int(1) ?? 0
    slice.kind = DataKind(stored: row.text(2))
    slice.dataSet = row.text(3) ?? ""
    slice.periods = row.text(4) ?? ""
    slice.since = row.text(5) ?? ""
    slice.orgUnits = (row.text(6) ?? "").split(separator: ",").map(String.init)
    slice.children = row.bool(7) ?? true
    slice.includesDeleted = row.bool(8) ?? false
    slice.state = row.text(9).flatMap { Slice.State(rawValue: $0) } ?? .waiting
    slice.isVerified = row.bool(10) ?? false
    slice.worker = row.text(11)
    slice.token = row.text(12)
    slice.attempts = row.int(13) ?? 0
    slice.startedAt = row.int(14)
    slice.finishedAt = row.int(15)
    slice.lastStatus = row.int(16)
    slice.lastError = row.text(17)
    slice.rejects = row.text(18)
    slice.replaces = row.text(19).flatMap { Quota($0) }
    slice.failures = row.int(20) ?? 0
    for (place, number) in Slice.Counts.numbers.enumerated() {
      slice.counts[keyPath: number.path] = row.int(21 + place)
    }
    slice.counts.reasons = row.text(21 + Slice.Counts.numbers.count)
    return slice
  }

  // MARK: Leases

  /// If the workers of a slice die this often, the slice is parked, because it may be the cause.
  private static let mostDeaths = 20

  /// Leases the next slice of a pair to a worker; `nil` if no slice is waiting now.
  ///
  /// - Parameters:
  ///   - token: proves the lease of the worker; unique.
  ///   - leaseSeconds: how long the lease lasts without a renewal.
  ///   - plan: the plan whose slices may be claimed; `nil` for all.
  ///   - last: a data set whose slices are claimed only if there are no others.
  package func claim(
    _ pair: Pair, worker: String, token: String, leaseSeconds: Double, order: Order, plan: String? = nil,
    last: String? = nil
  ) throws -> Slice? {
    try wakeUp()
    let isPostgreSQL = database.dialect == .postgresql
    var parameters: [SQLValue] = [.int(pair.id), .text(worker), .text(token), .int(Int(leaseSeconds * 1000))]
    func parameter(_ text: String) -> String {
      parameters.append(.text(text))
      return "$\(parameters.count)"
    }
    let isOfPlan = plan.map { "AND plan = \(parameter($0))" } ?? ""
    let comesLast = last.map { "CASE WHEN dataset_id = \(parameter($0)) THEN 1 ELSE 0 END, " } ?? ""
    let sql = """
      UPDATE slices SET \(leasing)
      WHERE id = (
        SELECT id FROM slices WHERE integration_pair_id = $1 AND state = 'waiting' \(isOfPlan)
        ORDER BY \(comesLast)rank, newest \(order == .newest ? "DESC" : ""), id LIMIT 1 \(isPostgreSQL ? "FOR UPDATE SKIP LOCKED" : ""))
      RETURNING \(Self.columns)
      """
    return try writing { try database.rows(sql, parameters).first.map(Self.slice) }
  }

  /// The changes of a claim. Parameters 2 to 4 are the worker, the token and the milliseconds of the lease.
  private var leasing: String {
    """
    state = 'leased', worker = $2, token = $3, lease_until = \(now) + $4, attempts = attempts + 1, started = \(now)
    """
  }

  /// How far apart the numbers of neighbours may be.
  private static let furthestNeighbour = 1024

  /// Leases the next slice of a pair together with others that one pipeline can move with it. They have the same data
  /// set, units and plan, but other periods. All get one token.
  ///
  /// - Parameters:
  ///   - most: the limit of their number. If an earlier attempt was begun, the limit is smaller, and smaller with each
  ///     attempt: the slice may be what ends its workers.
  ///   - plan: the plan whose slices may be claimed; `nil` for all.
  ///   - last: a data set whose slices are claimed only if there are no others.
  /// - Returns: the slices in their order; empty if no slice is waiting now.
  package func claimRun(
    _ pair: Pair, worker: String, token: String, leaseSeconds: Double, order: Order, most: Int, plan: String? = nil,
    last: String? = nil
  ) throws -> [Slice] {
    guard
      let first = try claim(
        pair, worker: worker, token: token, leaseSeconds: leaseSeconds, order: order, plan: plan, last: last)
    else { return [] }
    let more = (most >> min(2 * (first.attempts - 1), 20)) - 1
    guard more > 0, !first.periods.isEmpty else { return [first] }
    let sql = """
      UPDATE slices SET \(leasing)
      WHERE id IN (
        SELECT s.id FROM slices s JOIN slices f ON f.id = $1
        WHERE s.id BETWEEN $5 AND $6 AND s.state = 'waiting' AND s.attempts + 1 = f.attempts
          AND s.integration_pair_id = f.integration_pair_id AND s.dataset_id = f.dataset_id AND s.kind = f.kind
          AND s.orgunits = f.orgunits AND s.children = f.children AND s.since = f.since AND s.periods <> ''
          AND s.include_deleted = f.include_deleted AND s.rank = f.rank
          AND coalesce(s.replaces, '') = coalesce(f.replaces, '')
          AND coalesce(s.plan, '') = coalesce(f.plan, '') AND coalesce(s.window_id, 0) = coalesce(f.window_id, 0)
        ORDER BY s.newest \(order == .newest ? "DESC" : ""), s.id LIMIT $7
        \(database.dialect == .postgresql ? "FOR UPDATE OF s SKIP LOCKED" : ""))
      RETURNING \(Self.columns), newest
      """
    let parameters: [SQLValue] = [
      .int(first.id), .text(worker), .text(token), .int(Int(leaseSeconds * 1000)),
      .int(first.id - Self.furthestNeighbour), .int(first.id + Self.furthestNeighbour), .int(more),
    ]
    let rows = try writing { try database.rows(sql, parameters) }
    let neighbours = rows.map { (newest: $0.int($0.count - 1) ?? 0, slice: Self.slice($0)) }
      .sorted { order == .newest ? $0.newest > $1.newest : $0.newest < $1.newest }
    return [first] + neighbours.map(\.slice)
  }

  /// Requeues slices whose lease has expired, or whose retry is due.
  private func wakeUp() throws {
    let retries = "FROM slices WHERE state = 'retry' AND next_attempt <= \(now)"
    let deaths = "FROM slices WHERE state = 'leased' AND lease_until <= \(now)"
    func wake(_ slices: String, _ change: String, _ parameters: [SQLValue] = []) throws {
      let skip = database.dialect == .postgresql ? "FOR UPDATE SKIP LOCKED" : ""
      let sql = "UPDATE slices SET \(change) WHERE id IN (SELECT id \(slices) LIMIT 1000 \(skip))"
      try writing { try database.execute(sql, parameters) }
    }
    // A query costs little; write only if it finds something.
    let due = try database.rows("SELECT EXISTS (SELECT 1 \(retries)), EXISTS (SELECT 1 \(deaths))")[0]
    if due.bool(0) == true { try wake(retries, "state = 'waiting'") }
    if due.bool(1) == true {
      try wake(
        deaths,
        """
        state = CASE WHEN attempts - failures >= $1 THEN 'failed' ELSE 'waiting' END, token = NULL,
          last_error = 'its worker was gone before the slice was done'
        """, [.int(Self.mostDeaths)])
    }
  }

  /// Runs a change. SQLite must know at the beginning of a transaction that it will write. PostgreSQL makes each
  /// statement a transaction.
  @discardableResult
  private func writing<Result>(_ body: () throws -> Result) throws -> Result {
    database.dialect == .sqlite ? try database.transaction(body) : try body()
  }

  /// Renews a lease. False if it was lost.
  package func renew(_ id: Int, token: String, leaseSeconds: Double) throws -> Bool {
    try change("lease_until = \(now) + $3", holds, [.int(id), .text(token), .int(Int(leaseSeconds * 1000))]) > 0
  }

  /// Renews the leases of all slices that a token holds. Returns how many there are.
  package func renewAll(token: String, leaseSeconds: Double) throws -> Int {
    try change("lease_until = \(now) + $2", isHeld(byParameter: 1), [.text(token), .int(Int(leaseSeconds * 1000))])
  }

  /// Whether a worker still holds the slice.
  private var holds: String { "id = $1 AND \(isHeld(byParameter: 2))" }

  /// Whether the lease of a slice belongs to a token, and has not expired.
  private func isHeld(byParameter token: Int) -> String {
    "state = 'leased' AND token = $\(token) AND lease_until > \(now)"
  }

  /// Changes slices. Returns how many.
  @discardableResult
  private func change(_ change: String, _ condition: String, _ parameters: [SQLValue]) throws -> Int {
    try writing { try database.execute("UPDATE slices SET \(change) WHERE \(condition)", parameters) }
  }

  /// The outcome of a slice.
  package struct End: Sendable {
    package var id: Int
    package var status: Int
    package var counts: Slice.Counts
    package var rejects: String?
    /// The reason for refused values, if the run does not accept refusals. Then the slice is done with refusals, and
    /// the mark does not move.
    package var refusal: String?

    package init(_ id: Int, status: Int, _ counts: Slice.Counts, rejects: String?, refusal: String? = nil) {
      self.id = id
      self.status = status
      self.counts = counts
      self.rejects = rejects
      self.refusal = refusal
    }
  }

  /// Records that a slice was pulled and pushed. If it was the last one of its window, the data set's mark moves. False
  /// if the lease was lost.
  package func finish(
    _ id: Int, token: String, status: Int, _ counts: Slice.Counts, rejects: String?, refusal: String? = nil
  ) throws -> Bool {
    try !finish([End(id, status: status, counts, rejects: rejects, refusal: refusal)], token: token).isEmpty
  }

  /// Records the same for several slices at once. Returns those whose lease was not lost.
  package func finish(_ ends: [End], token: String) throws -> Set<Int> {
    try database.transaction { Set(try ends.filter { try note($0, token: token) }.map(\.id)) }
  }

  private func note(_ end: End, token: String) throws -> Bool {
    let window = try lockWindow(of: end.id)
    let state = end.refusal == nil ? Slice.State.done : .refused
    let parameters: [SQLValue] =
      [
        .int(end.id), .text(token), .int(end.status), SQLValue(end.rejects), .text(state.rawValue),
        SQLValue(end.refusal.map { String($0.prefix(Self.mostErrorCharacters)).withoutNUL }),
      ] + Self.parameters(end.counts)
    let changed = try database.execute(
      """
      UPDATE slices SET state = $5, verified = FALSE, token = NULL, finished = \(now), last_status = $3, rejects = $4,
        last_error = $6, \(Self.assignments(first: 7))
      WHERE \(holds)
      """, parameters)
    guard changed > 0 else { return false }
    if let window {
      // Queued values are not delivered yet. If the queue loses them, a later increment must read them again.
      if end.counts.queued ?? 0 > 0 {
        try database.execute("UPDATE sync_windows SET is_whole = FALSE WHERE id = $1", [.int(window)])
      }
      try closeWindow(window)
    }
    return true
  }

  /// Locks the window of a slice. Otherwise two workers that finish its last two slices could each see the other one as
  /// open.
  private func lockWindow(of slice: Int) throws -> Int? {
    guard let window = try database.rows("SELECT window_id FROM slices WHERE id = $1", [.int(slice)]).first?.int(0)
    else { return nil }
    if database.dialect == .postgresql {
      try database.execute("SELECT id FROM sync_windows WHERE id = $1 FOR UPDATE", [.int(window)])
    }
    return window
  }

  /// Moves the mark of a window's data set, if all of its slices are done and it covers all units.
  private func closeWindow(_ window: Int) throws {
    let closed = try database.execute(
      """
      UPDATE sync_windows SET state = 'done'
      WHERE id = $1 AND state = 'open' AND NOT EXISTS (SELECT 1 FROM slices WHERE window_id = $1 AND state <> 'done')
      """, [.int(window)])
    guard closed > 0 else { return }
    let kind = try database.rows("SELECT kind FROM sync_windows WHERE id = $1", [.int(window)]).first?.text(0)
    let (mark, covered) = DataKind(stored: kind).markColumns
    try database.execute(
      """
      UPDATE sync_datasets AS d SET \(mark) = w.until, \(covered) = w.planned, updated = CURRENT_TIMESTAMP
      FROM sync_windows w
      WHERE w.id = $1 AND w.is_whole = TRUE AND d.integration_pair_id = w.integration_pair_id
        AND d.dataset_id = w.dataset_id AND (d.\(mark) IS NULL OR d.\(mark) < w.until)
      """, [.int(window)])
  }

  private static let mostErrorCharacters = 2000

  /// Records that an attempt failed. The slice gets a retry after a pause, or is parked. False if the lease was lost.
  ///
  /// - Parameters:
  ///   - counts: whether the failure was the slice's own fault, as far as is known. A server that is down does not
  ///     count.
  ///   - pauseSeconds: the time until the retry.
  ///   - mostAttempts: after this many failed attempts, the slice is parked. Attempts whose worker died do not count.
  package func fail(
    _ id: Int, token: String, status: Int, error: String, counts: Bool, pauseSeconds: Double, mostAttempts: Int,
    _ figures: Slice.Counts = Slice.Counts(), rejects: String? = nil
  ) throws -> Bool {
    let parameters: [SQLValue] =
      [
        .int(id), .text(token), .int(status), .text(String(error.prefix(Self.mostErrorCharacters)).withoutNUL),
        .bool(counts), .int(Int(pauseSeconds * 1000)), .int(mostAttempts), SQLValue(rejects),
      ] + Self.parameters(figures)
    return try writing {
      try database.execute(
        """
        UPDATE slices SET state = CASE WHEN $5 AND failures + 1 >= $7 THEN 'failed' ELSE 'retry' END, token = NULL,
          attempts = CASE WHEN $5 THEN attempts ELSE attempts - 1 END,
          failures = CASE WHEN $5 THEN failures + 1 ELSE failures END, next_attempt = \(now) + $6, finished = \(now),
          last_status = $3, last_error = $4, rejects = $8, \(Self.assignments(first: 9))
        WHERE \(holds)
        """, parameters) > 0
    }
  }

  private static let untouched = "state = 'waiting', token = NULL, attempts = attempts - 1"

  /// Gives a slice back unchanged, because the worker ends before it has finished.
  package func release(_ id: Int, token: String) throws -> Bool {
    try change(Self.untouched, holds, [.int(id), .text(token)]) > 0
  }

  /// Gives back all slices that a token holds.
  package func releaseAll(token: String) throws {
    try change(Self.untouched, isHeld(byParameter: 1), [.text(token)])
  }

  private static func assignments(first: Int) -> String {
    countColumns.enumerated().map { "\($1) = $\(first + $0)" }.joined(separator: ", ")
  }

  private static func parameters(_ counts: Slice.Counts) -> [SQLValue] {
    Slice.Counts.numbers.map { SQLValue(counts[keyPath: $0.path]) } + [SQLValue(counts.reasons?.withoutNUL)]
  }
}
