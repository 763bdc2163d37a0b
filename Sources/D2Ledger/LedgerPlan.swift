import D2Common
import D2Client
import D2Store

/// Adds slices to the ledger: each subject (data set, time) combined with each of its places (organisation units).
///
/// The database combines the two lists itself, because there may be half a million slices.
package struct LedgerPlan {
  /// What the slices move, for one data set.
  package struct Subject: Sendable {
    package var kind = DataKind.dataValues
    package var dataSet: String
    package var periods: String
    package var since = ""
    package var includesDeleted = false
    /// How much of what only the destination has may be deleted; `nil` if nothing is deleted.
    package var replaces: Quota?
    /// A day number; later ones are claimed first.
    package var newest: Int
    /// The number of its list of places.
    package var places: Int
    package var window: Int?

    package init(dataSet: String, periods: String, newest: Int, places: Int = 0) {
      self.dataSet = dataSet
      self.periods = periods
      self.newest = newest
      self.places = places
    }

    /// A subject for all time of a data set.
    package init(_ set: DataSet, _ kind: DataKind, places: Int, today: CalendarDate) {
      self.init(dataSet: set.uid, periods: "", newest: today.dayNumber, places: places)
      self.kind = kind
      includesDeleted = set.asksForDeleted(kind)
    }
  }

  /// The outcome of a plan.
  package struct Outcome: Sendable, Equatable {
    /// Slices that were new.
    package var added = 0
    /// All slices of this plan.
    package var planned = 0
    /// Slices that were done, refused or parked, and are waiting again.
    package var again = 0

    package init(added: Int = 0, planned: Int = 0, again: Int = 0) {
      self.added = added
      self.planned = planned
      self.again = again
    }
  }

  /// Lists of places; a subject refers to its list by number.
  private var places: [[OrgUnitCover.Places]] = []
  private var subjects: [Subject] = []

  package init() {}

  /// A slice holds up to this many units that are read without their children.
  private static let mostUnits = 50

  /// Adds a list of places, and returns its number.
  package mutating func add(places list: [OrgUnitCover.Places]) -> Int {
    // A subtree is a slice of its own, so that several workers can share the work. Single units are combined.
    places.append(
      list.flatMap { place -> [OrgUnitCover.Places] in
        RequestSize.groups(of: place.units, bytesEach: { _ in 1 }, limit: place.children ? 1 : Self.mostUnits).map {
          OrgUnitCover.Places(units: $0, children: place.children, priority: place.priority)
        }
      })
    return places.count - 1
  }

  package mutating func add(_ subject: Subject) { subjects.append(subject) }

  package var count: Int { subjects.reduce(0) { $0 + places[$1.places].count } }

  /// Writes the slices that are missing. Existing slices of a window are reset, because their data is wanted again.
  ///
  /// - Parameters:
  ///   - name: the name of the plan, for workers that move only its slices; it replaces an earlier plan of that name.
  ///   - again: whether to reset slices that are done, if no slice of the plan is open. So an interrupted plan resumes,
  ///     and a finished one begins again.
  package func write(_ pair: Pair, to ledger: Ledger, name: String? = nil, again: Bool = false) throws -> Outcome {
    try ledger.database.exclusively(pair: pair.id) { try writeLocked(pair, to: ledger, name: name, again: again) }
  }

  /// The same inside `Database.exclusively`, so that nothing changes between the input of the plan and the plan.
  ///
  /// - Parameter startedBefore: resets slices that were begun before this time, in milliseconds since 1970 by the
  ///   database's clock.
  package func writeLocked(
    _ pair: Pair, to ledger: Ledger, name: String?, again: Bool, startedBefore: Int? = nil
  ) throws -> Outcome {
    let database = ledger.database
    let isEnded = "AND t.state IN ('done', 'refused', 'failed')"
    @discardableResult
    func update(_ change: String, _ condition: String = "", _ parameters: SQLValue...) throws -> Int {
      try database.execute(
        "UPDATE slices AS t SET \(change) \(Self.matches) \(condition)", [.int(pair.id)] + parameters)
    }
    try stage(database)
    var outcome = Outcome(planned: count)
    if let name {
      try database.execute(
        "UPDATE slices SET plan = NULL WHERE integration_pair_id = $1 AND plan = $2", [.int(pair.id), .text(name)])
    }
    try update("\(Self.anew), window_id = s.window_id", "AND s.window_id IS NOT NULL")
    // The plan's settings for existing slices apply to their next attempt.
    try update(
      "include_deleted = s.include_deleted, replaces = s.replaces, rank = p.rank, newest = s.newest",
      """
      AND (t.include_deleted <> s.include_deleted OR t.replaces IS DISTINCT FROM s.replaces OR t.rank <> p.rank
        OR t.newest <> s.newest)
      """)
    if again, try !hasOpen(pair, database) { outcome.again = try update(Self.anew, isEnded) }
    if let startedBefore {
      outcome.again += try update(Self.anew, "\(isEnded) AND coalesce(t.started, 0) < $2", .int(startedBefore))
    }
    // Slices that one pipeline can move together get consecutive numbers: those of the same units with consecutive
    // periods.
    outcome.added = try database.execute(
      """
      INSERT INTO slices (integration_pair_id, window_id, kind, dataset_id, periods, since, orgunits, children,
        include_deleted, replaces, rank, newest)
      SELECT CAST($1 AS integer), s.window_id, s.kind, s.dataset_id, s.periods, s.since, p.orgunits, p.children,
        s.include_deleted, s.replaces, p.rank, s.newest
      \(Self.cross) WHERE TRUE
      ORDER BY p.rank, min(s.id) OVER (PARTITION BY s.dataset_id, s.kind, s.since), p.id, s.newest DESC
      ON CONFLICT DO NOTHING
      """, [.int(pair.id)])
    if let name { try update("plan = $2", "", .text(name)) }
    return outcome
  }

  static let anew =
    """
    state = 'waiting', verified = FALSE, token = NULL, attempts = 0, failures = 0, next_attempt = NULL,
      last_error = NULL
    """
  private static let cross = "FROM d2_plan_subjects s JOIN d2_plan_places p ON p.list = s.list"
  /// The slices of the plan that are already in the ledger.
  private static let matches =
    """
    \(cross) WHERE t.integration_pair_id = $1 AND t.dataset_id = s.dataset_id AND t.periods = s.periods
      AND t.orgunits = p.orgunits AND t.children = p.children AND t.since = s.since AND t.kind = s.kind
    """

  private func hasOpen(_ pair: Pair, _ database: any Database) throws -> Bool {
    try database.rows(
      """
      SELECT EXISTS (SELECT 1 FROM slices t JOIN d2_plan_subjects s ON t.dataset_id = s.dataset_id
          AND t.periods = s.periods AND t.since = s.since AND t.kind = s.kind
        JOIN d2_plan_places p ON p.list = s.list AND t.orgunits = p.orgunits AND t.children = p.children
        WHERE t.integration_pair_id = $1 AND t.state IN ('waiting', 'leased', 'retry'))
      """, [.int(pair.id)])[0].bool(0) ?? false
  }

  private func stage(_ database: any Database) throws {
    try database.execute(
      """
      CREATE TEMPORARY TABLE IF NOT EXISTS d2_plan_subjects (id integer, list integer, kind text, dataset_id text,
        periods text, since text, include_deleted boolean, replaces text, newest integer,
        window_id integer)
      """)
    try database.execute(
      """
      CREATE TEMPORARY TABLE IF NOT EXISTS d2_plan_places (id integer, list integer, orgunits text, children boolean,
        rank integer)
      """)
    try database.execute("DELETE FROM d2_plan_subjects")
    try database.execute("DELETE FROM d2_plan_places")
    try database.insert(
      into: "d2_plan_subjects",
      columns: [
        "id", "list", "kind", "dataset_id", "periods", "since", "include_deleted", "replaces", "newest", "window_id",
      ],
      rows: subjects.enumerated().map { place, subject in
        [
          .int(place), .int(subject.places), .text(subject.kind.rawValue), .text(subject.dataSet),
          .text(subject.periods), .text(subject.since), .bool(subject.includesDeleted),
          SQLValue(subject.replaces?.description),
          .int(subject.newest), SQLValue(subject.window),
        ]
      })
    for (list, places) in places.enumerated() {
      try database.insert(
        into: "d2_plan_places", columns: ["id", "list", "orgunits", "children", "rank"],
        rows: places.enumerated().map { place, unit in
          [
            .int(place), .int(list), .text(unit.units.joined(separator: ",")), .bool(unit.children),
            .int(unit.priority ?? Int(Int32.max)),
          ]
        })
    }
  }
}

// MARK: Windows

extension Ledger {
  /// Whether a data set's window still has open slices. Refused or parked slices do not delay the next window.
  package func hasWindowUnderWay(_ pair: Pair, _ dataSet: String, _ kind: DataKind = .dataValues) throws -> Bool {
    try database.rows(
      """
      SELECT EXISTS (SELECT 1 FROM sync_windows w JOIN slices s ON s.window_id = w.id
        WHERE w.integration_pair_id = $1 AND w.dataset_id = $2 AND w.kind = $3 AND w.state = 'open'
          AND s.state IN ('waiting', 'leased', 'retry'))
      """, [.int(pair.id), .text(dataSet), .text(kind.rawValue)])[0].bool(0) ?? false
  }

  /// Slices of increments are kept for thirty days. Windows are kept at least as long, and as long as slices refer to
  /// them.
  private static let keptMilliseconds = 30 * 86_400_000

  /// Opens a window. It includes what earlier windows left undone.
  ///
  /// - Parameters:
  ///   - until: the source's time before anything of the window is read.
  ///   - isWhole: whether it covers all active units; only then the mark moves.
  package func openWindow(
    _ pair: Pair, _ dataSet: String, _ kind: DataKind = .dataValues, until: UTCTime, planned: Int, isWhole: Bool
  ) throws -> Int {
    let isOfSet = "integration_pair_id = $1 AND dataset_id = $2 AND kind = $3"
    let set: [SQLValue] = [.int(pair.id), .text(dataSet), .text(kind.rawValue)]
    let oldest = SQLValue.int(planned - Self.keptMilliseconds)
    try database.execute("UPDATE sync_windows SET state = 'superseded' WHERE \(isOfSet) AND state = 'open'", set)
    // The new window reads again what failed or was refused. Slices that were done long ago are only history.
    try database.execute(
      """
      DELETE FROM slices WHERE \(isOfSet) AND since <> ''
        AND (state IN ('refused', 'failed') OR (state = 'done' AND finished < $4))
      """, set + [oldest])
    try database.execute(
      """
      DELETE FROM sync_windows WHERE \(isOfSet) AND state <> 'open' AND planned < $4
        AND NOT EXISTS (SELECT 1 FROM slices WHERE window_id = sync_windows.id)
      """, set + [oldest])
    let opened = try database.rows(
      """
      INSERT INTO sync_windows (integration_pair_id, dataset_id, kind, until, planned, is_whole)
      VALUES ($1, $2, $3, $4, $5, $6) RETURNING id
      """, set + [.text(until.iso8601), .int(planned), .bool(isWhole)])
    return opened[0].int(0)!
  }

  /// The time in milliseconds since 1970 by the database's clock.
  package func databaseTime() throws -> Int { try database.rows("SELECT \(now)")[0].int(0)! }
}
