import D2Client
import D2Common

/// A data set of a pair in the store.
package struct DataSet: Sendable, Equatable {
  package let uid: String
  package var name: String
  package var code: String?
  /// DHIS2's name of its period type: `Monthly`. `nil` in rows of the Python tool without one.
  package var periodType: String?
  /// How many periods after the last closed one are open for entry.
  package var openFuturePeriods: Int
  package var includesDeleted: Bool
  package var isActive: Bool
  /// The marks, by kind. A kind without delivered increments may have none.
  package var marks: [DataKind: Mark] = [:]
  package var isRemoved: Bool

  /// The time up to which a data set is delivered.
  package struct Mark: Sendable, Equatable {
    /// The destination has everything that the source had at this time, by the source's clock; `nil` if no increment
    /// was delivered.
    package var through: UTCTime?
    /// When the last run that moved the mark was planned, in milliseconds since 1970 by the database's clock. That run
    /// does not include units that became active later.
    package var coveredAt: Int?

    package init(through: UTCTime? = nil, coveredAt: Int? = nil) {
      (self.through, self.coveredAt) = (through, coveredAt)
    }
  }

  package init(
    uid: String, name: String, code: String? = nil, periodType: String?, openFuturePeriods: Int = 0,
    includesDeleted: Bool = false, isActive: Bool = true, isRemoved: Bool = false
  ) {
    self.uid = uid
    self.name = name
    self.code = code
    self.periodType = periodType
    self.openFuturePeriods = openFuturePeriods
    self.includesDeleted = includesDeleted
    self.isActive = isActive
    self.isRemoved = isRemoved
  }

  /// Whether deleted items are requested too. DHIS2 cannot report deleted registrations.
  package func asksForDeleted(_ kind: DataKind) -> Bool { kind == .dataValues && includesDeleted }

  /// - Throws: `CommandFailure`, 78 if the store has no period type for it.
  package func type(inPair label: String) throws(CommandFailure) -> PeriodType {
    guard let type = periodType.flatMap({ PeriodType(rawValue: $0) }) else {
      throw CommandFailure(
        .configuration,
        "the store does not know the period type of data set \(uid): run d2-datasets sync --pair \(ShellWord.quoted(label))"
      )
    }
    return type
  }

  package var json: JSONValue {
    [
      "id": .string(uid), "name": .string(name), "code": .string(orNull: code),
      "periodType": .string(orNull: periodType),
      "openFuturePeriods": .int(openFuturePeriods), "includeDeleted": .bool(includesDeleted),
      "active": .bool(isActive), "syncedThrough": .string(orNull: marks[.dataValues]?.through?.iso8601),
      "registrationsThrough": .string(orNull: marks[.registrations]?.through?.iso8601), "removed": .bool(isRemoved),
    ]
  }
}

extension DataKind {
  /// The columns with the mark in a data set's row.
  package var markColumns: (through: String, covered: String) {
    switch self {
    case .dataValues: ("synced_through", "covered_at")
    case .registrations: ("registrations_through", "registrations_covered_at")
    }
  }
}

extension DataSet: Named {
  package var distinction: String { periodType ?? "period type unknown" }
}

/// The data sets of one pair.
package struct DataSetTable {
  private let database: any Database
  private let pair: Int

  package init(_ store: Store, _ pair: Pair) {
    database = store.database
    self.pair = pair.id
  }

  /// All data sets, oldest row first.
  package func all() throws -> [DataSet] {
    try database.rows(
      """
      SELECT dataset_id, dataset_name, dataset_code, reporting_frequency, open_future_periods, include_deleted, is_active,
        removed, \(DataKind.allCases.map { "\($0.markColumns.through), \($0.markColumns.covered)" }.joined(separator: ", "))
      FROM sync_datasets WHERE integration_pair_id = $1 AND dataset_id <> '' ORDER BY id
      """, [.int(pair)]
    ).map { row in
      var set = DataSet(
        uid: row.text(0)!, name: row.text(1) ?? "", code: row.known(2), periodType: row.known(3),
        openFuturePeriods: row.int(4) ?? 0, includesDeleted: row.bool(5) ?? false, isActive: row.bool(6) ?? false,
        isRemoved: row.text(7) != nil)
      for (kind, column) in zip(DataKind.allCases, [8, 10]) {
        let through = row.text(column).flatMap { UTCTime($0) }
        set.marks[kind] = DataSet.Mark(through: through, coveredAt: row.int(column + 1))
      }
      return set
    }
  }

  /// The names, by uid.
  package func names() throws -> [String: String] {
    Dictionary(try all().map { ($0.uid, $0.name) }, uniquingKeysWith: { $1 })
  }

  /// The data sets to move: those that the user names, or else all active ones.
  ///
  /// - Parameter words: the user's words; `all` means all active ones.
  /// - Throws: `StoreError`; `CommandFailure`, 64 if none is active, or a word matches none.
  package func chosen(_ words: [String], of pair: Pair) throws -> [DataSet] {
    let sets = try all()
    guard words.isEmpty || words == ["all"] else {
      let found = try NameSelection(sets, kind: "data set").find(words)
      // An unset shell variable must not become a job without data sets.
      guard !found.isEmpty else { throw CommandFailure(.usage, "--data-set names no data set") }
      return found
    }
    let active = sets.filter(\.isActive)
    guard !active.isEmpty else {
      throw CommandFailure(
        .usage, "no data set of \(pair.label) is active: run d2-datasets sync --pair \(pair.word) first")
    }
    return active
  }

  /// Sets the time up to which a data set is delivered. Units that became active later get their whole history. Returns
  /// whether the mark changed.
  package func mark(_ set: DataSet, through: UTCTime?, _ kind: DataKind) throws -> Bool {
    let (mark, covered) = kind.markColumns
    return try database.execute(
      """
      UPDATE sync_datasets SET \(mark) = $3, \(covered) = $4, updated = CURRENT_TIMESTAMP
      WHERE integration_pair_id = $1 AND dataset_id = $2 AND \(mark) IS DISTINCT FROM $3
      """,
      [.int(pair), .text(set.uid), SQLValue(through?.iso8601), SQLValue(through.map { $0.seconds * 1000 })]) > 0
  }

  /// Writes a data set if it differs from its row, except for its marks, which workers move. Returns whether it did.
  package func write(_ set: DataSet) throws -> Bool {
    let kept = [
      "dataset_name", "dataset_code", "reporting_frequency", "open_future_periods", "include_deleted", "is_active",
    ]
    return try database.execute(
      """
      INSERT INTO sync_datasets AS d (integration_pair_id, dataset_id, \(kept.joined(separator: ", ")), synced_through,
        removed, created, updated)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, CASE WHEN $10 THEN CURRENT_TIMESTAMP END, CURRENT_TIMESTAMP,
        CURRENT_TIMESTAMP)
      ON CONFLICT (integration_pair_id, dataset_id) DO UPDATE SET
        \(kept.map { "\($0) = excluded.\($0)" }.joined(separator: ", ")),
        removed = excluded.removed, updated = CURRENT_TIMESTAMP
      WHERE \(kept.map { "d.\($0) IS DISTINCT FROM excluded.\($0)" }.joined(separator: " OR "))
        OR (d.removed IS NULL) <> (excluded.removed IS NULL)
      """,
      [
        .int(pair), .text(set.uid), .text(set.name.withoutNUL), SQLValue(set.code?.withoutNUL),
        SQLValue(set.periodType), .int(set.openFuturePeriods), .bool(set.includesDeleted), .bool(set.isActive),
        SQLValue(set.marks[.dataValues]?.through?.iso8601), .bool(set.isRemoved),
      ]) > 0
  }

  package func transaction<Result>(_ body: () throws -> Result) throws -> Result {
    try database.exclusively(pair: pair, body)
  }
}
