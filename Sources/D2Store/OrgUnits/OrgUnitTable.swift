import D2Common
import D2Client

/// An organisation unit of a pair in the store.
package struct OrgUnit: Sendable, Equatable {
  package let uid: String
  package let name: String
  package let code: String?
  /// `/root/…/uid`; rows of the Python tool may lack it.
  package let path: String?
  package let parent: String?
  /// 1 for the root.
  package let level: Int?
  /// A smaller number comes earlier; units without one come last.
  package let priority: Int?
  package let isActive: Bool
  /// Whether it is inactive because the source no longer has it.
  package let isRemoved: Bool
  /// When it last became active, in milliseconds since 1970 by the database's clock.
  package var activeSince = 0
  /// When its row was created, by the same clock; 0 if unknown. For SQLite to the second.
  package var addedAt = 0

  package var json: JSONValue {
    [
      "id": .string(uid), "name": .string(name), "code": .string(orNull: code), "level": .int(orNull: level),
      "path": .string(orNull: path), "priority": .int(orNull: priority), "active": .bool(isActive),
      "removed": .bool(isRemoved),
    ]
  }
}

extension OrgUnit {
  /// The uids of the units above it, from the root.
  package var ancestors: ArraySlice<Substring> { (path ?? "").split(separator: "/").dropLast() }

  /// Whether a user made it inactive. Then neither it nor the units below it are pulled.
  package var isDisabled: Bool { !isActive && !isRemoved }
}

extension OrgUnit: Named {
  package var distinction: String { "level \(level.map { String($0) } ?? "?"), \(path ?? "path unknown")" }
}

/// The organisation units of one pair.
package struct OrgUnitTable {
  let database: any Database
  let pair: Int

  package init(_ store: Store, _ pair: Pair) {
    database = store.database
    self.pair = pair.id
  }

  private static let columns =
    "dhis2_id, dhis2_name, dhis2_code, dhis2_path, dhis2_parent, dhis2_level, priority, is_active, removed, active_since"

  private var created: String {
    switch database.dialect {
    case .postgresql: "(extract(epoch FROM created) * 1000)::bigint"
    case .sqlite: "CAST(strftime('%s', created) AS integer) * 1000"
    }
  }

  /// Passes the units to `body`, by priority and then from the root downwards.
  package func forEach(active: Bool = false, _ body: (OrgUnit) throws -> Void) throws {
    try database.execute(
      """
      SELECT \(Self.columns), \(created) FROM orgunits
      WHERE integration_pair_id = $1 AND dhis2_id <> '' \(active ? "AND is_active = TRUE" : "")
      ORDER BY priority IS NULL, priority, dhis2_level IS NULL, dhis2_level, id
      """, [.int(pair)]
    ) { row in
      try body(
        OrgUnit(
          uid: row.text(0)!, name: row.text(1) ?? "", code: row.known(2), path: row.known(3), parent: row.known(4),
          level: row.int(5), priority: row.int(6), isActive: row.bool(7) ?? false, isRemoved: row.text(8) != nil,
          activeSince: row.int(9) ?? 0, addedAt: row.int(10) ?? 0))
    }
  }

  package func all(active: Bool = false) throws -> [OrgUnit] {
    var units: [OrgUnit] = []
    try forEach(active: active) { units.append($0) }
    return units
  }

  /// Makes units active or inactive. Returns how many changed. This is a user's choice, so the next sync keeps it.
  package func setActive(_ isActive: Bool, _ uids: [String]) throws -> Int {
    try update(
      uids, .bool(isActive),
      """
      UPDATE orgunits SET is_active = $3, removed = NULL, updated = CURRENT_TIMESTAMP,
        active_since = CASE WHEN $3 AND NOT COALESCE(is_active, FALSE) THEN \(database.dialect.now) ELSE active_since END
      WHERE integration_pair_id = $1 AND dhis2_id = $2 AND (is_active IS DISTINCT FROM $3 OR removed IS NOT NULL)
      """)
  }

  package func setPriority(_ priority: Int?, _ uids: [String]) throws -> Int {
    try update(
      uids, SQLValue(priority),
      """
      UPDATE orgunits SET priority = $3, updated = CURRENT_TIMESTAMP
      WHERE integration_pair_id = $1 AND dhis2_id = $2 AND priority IS DISTINCT FROM $3
      """)
  }

  /// Runs a statement for each unit (`$2`), with the value as `$3`. Returns how many rows it changed.
  private func update(_ uids: [String], _ value: SQLValue, _ sql: String) throws -> Int {
    try database.exclusively(pair: pair) {
      try uids.reduce(0) { try $0 + database.execute(sql, [.int(pair), .text($1), value]) }
    }
  }
}

// MARK: Keeping them in step

extension OrgUnitTable {
  /// The selection at the source. Only units in it can be found missing.
  package struct Scope: Sendable {
    package var level: Int?
    /// The uid of the top unit.
    package var root: String?

    package init(level: Int?, root: String?) {
      self.level = level
      self.root = root
    }
  }

  /// A difference between the store and the source.
  package struct Change: Sendable {
    package enum Kind: String, Sendable, CaseIterable { case added, renamed, moved, changed, returned, removed }

    package let kind: Kind
    package let uid: String
    package let name: String
    package let path: String?
    /// The name or path that the store had.
    package let before: String?

    package var json: JSONValue {
      var members: [JSONValue.Member] = [
        .init("change", .string(kind.rawValue)), .init("id", .string(uid)), .init("name", .string(name)),
        .init("path", .string(orNull: path)),
      ]
      if let before { members.append(.init(kind == .moved ? "previousPath" : "previousName", .string(before))) }
      return .object(members)
    }
  }

  /// Creates a temporary table for the source's units. So 100,000 units need no memory, and no lock during the
  /// download.
  ///
  /// The table ends with the session, so the whole sync runs in `Database.keepingSession`.
  package func stage() throws {
    try database.execute(
      """
      CREATE TEMPORARY TABLE IF NOT EXISTS d2_incoming_orgunits
        (uid text PRIMARY KEY, name text, code text, path text, parent text, level integer)
      """)
    try database.execute("DELETE FROM d2_incoming_orgunits")
  }

  /// Adds a page of the source's units. Returns how many were new.
  package func stage(_ page: [JSONValue]) throws -> Int {
    let rows: [[SQLValue]] = page.compactMap { unit in
      guard let uid = unit["id"]?.string, UID.canBe(uid) else { return nil }
      func text(_ value: JSONValue?) -> SQLValue { SQLValue(value?.string?.withoutNUL) }
      return [
        .text(uid), text(unit["name"]), text(unit["code"]), text(unit["path"]), text(unit["parent"]?["id"]),
        SQLValue(unit["level"]?.int),
      ]
    }
    return try database.insert(
      into: "d2_incoming_orgunits", columns: ["uid", "name", "code", "path", "parent", "level"], rows: rows)
  }

  /// How many active units the source lacks.
  package func countRemoved(_ scope: Scope) throws -> (removed: Int, active: Int, incoming: Int) {
    let row = try database.rows(
      """
      SELECT count(*), sum(CASE WHEN i.uid IS NULL THEN 1 ELSE 0 END), (SELECT count(*) FROM d2_incoming_orgunits)
      FROM orgunits o LEFT JOIN d2_incoming_orgunits i ON i.uid = o.dhis2_id
      WHERE o.integration_pair_id = $1 AND o.is_active = TRUE AND \(Self.isInScope)
      """, parameters(scope))[0]
    return (row.int(1) ?? 0, row.int(0) ?? 0, row.int(2) ?? 0)
  }

  /// Passes each difference to `body`.
  package func changes(_ scope: Scope, _ body: (Change) throws -> Void) throws {
    try database.execute(
      """
      SELECT i.uid, i.name, i.path, o.id, o.dhis2_name, o.dhis2_path, o.removed, \(Self.otherDiffers)
      FROM d2_incoming_orgunits i
      LEFT JOIN orgunits o ON o.integration_pair_id = $1 AND o.dhis2_id = i.uid
      WHERE o.id IS NULL OR o.removed IS NOT NULL OR \(Self.differs)
      ORDER BY i.level, i.uid
      """, [.int(pair)]
    ) { row in
      func change(_ kind: Change.Kind, before: String? = nil) throws {
        try body(Change(kind: kind, uid: row.text(0)!, name: row.text(1) ?? "", path: row.text(2), before: before))
      }
      if row.text(3) == nil { return try change(.added) }
      if row.text(6) != nil { try change(.returned) }
      let isRenamed = row.text(1) != row.text(4)
      let isMoved = row.text(2) != row.text(5)
      if isRenamed { try change(.renamed, before: row.text(4)) }
      if isMoved { try change(.moved, before: row.text(5)) }
      if !isRenamed, !isMoved, row.bool(7) == true { try change(.changed) }
    }
    try database.execute(
      """
      SELECT o.dhis2_id, o.dhis2_name, o.dhis2_path FROM orgunits o
      WHERE \(Self.isGone) ORDER BY o.dhis2_level, o.dhis2_id
      """, parameters(scope)
    ) { row in
      try body(Change(kind: .removed, uid: row.text(0)!, name: row.text(1) ?? "", path: row.text(2), before: nil))
    }
  }

  /// A transaction, during which no plan of the pair can be made.
  package func transaction<Result>(_ body: () throws -> Result) throws -> Result {
    try database.exclusively(pair: pair, body)
  }

  /// Writes the differences, inside `transaction`. Returns the number of rows.
  package func takeOver(_ scope: Scope) throws -> Int {
    // Removed units first, because a returning unit cannot be among them.
    let removed = try database.execute(
      """
      UPDATE orgunits AS o SET is_active = FALSE, removed = CURRENT_TIMESTAMP, updated = CURRENT_TIMESTAMP
      WHERE \(Self.isGone)
      """, parameters(scope))
    let changed = try database.execute(
      """
      UPDATE orgunits AS o SET dhis2_name = i.name, dhis2_code = i.code, dhis2_path = i.path, dhis2_parent = i.parent,
        dhis2_level = i.level, is_active = CASE WHEN o.removed IS NULL THEN o.is_active ELSE TRUE END, removed = NULL,
        active_since = CASE WHEN o.removed IS NULL AND NOT (o.dhis2_path IS DISTINCT FROM i.path AND \(Self.wasShut))
          THEN o.active_since ELSE \(database.dialect.now) END, updated = CURRENT_TIMESTAMP
      FROM d2_incoming_orgunits i
      WHERE o.integration_pair_id = $1 AND o.dhis2_id = i.uid AND (o.removed IS NOT NULL OR \(Self.differs))
      """, [.int(pair)])
    let added = try database.execute(
      """
      INSERT INTO orgunits (integration_pair_id, dhis2_id, dhis2_name, dhis2_code, dhis2_path, dhis2_parent, dhis2_level,
        is_active, active_since, created, updated)
      SELECT CAST($1 AS integer), i.uid, i.name, i.code, i.path, i.parent, i.level, TRUE, \(database.dialect.now), CURRENT_TIMESTAMP, CURRENT_TIMESTAMP
      FROM d2_incoming_orgunits i
      WHERE NOT EXISTS (SELECT 1 FROM orgunits o WHERE o.integration_pair_id = $1 AND o.dhis2_id = i.uid)
      ORDER BY i.level, i.uid
      """, [.int(pair)])
    return removed + changed + added
  }

  private static let otherDiffers =
    "(o.dhis2_code IS DISTINCT FROM i.code OR o.dhis2_parent IS DISTINCT FROM i.parent OR o.dhis2_level IS DISTINCT FROM i.level)"
  private static let differs =
    "(o.dhis2_name IS DISTINCT FROM i.name OR o.dhis2_path IS DISTINCT FROM i.path OR \(otherDiffers))"

  /// Whether a unit was below one that a user had disabled. Then its data was left out, although the unit itself was
  /// active.
  private static let wasShut =
    """
    EXISTS (SELECT 1 FROM orgunits d WHERE d.integration_pair_id = o.integration_pair_id AND d.is_active = FALSE
      AND d.removed IS NULL AND o.dhis2_path LIKE '%/' || d.dhis2_id || '/%')
    """

  private static let isGone =
    """
    o.integration_pair_id = $1 AND o.is_active = TRUE AND o.dhis2_id IS NOT NULL AND \(isInScope)
      AND NOT EXISTS (SELECT 1 FROM d2_incoming_orgunits i WHERE i.uid = o.dhis2_id)
    """
  private static let isInScope =
    "(CAST($2 AS integer) IS NULL OR o.dhis2_level = $2) AND (CAST($3 AS text) IS NULL OR o.dhis2_path LIKE $3)"

  private func parameters(_ scope: Scope) -> [SQLValue] {
    [.int(pair), SQLValue(scope.level), SQLValue(scope.root.map { "%/\($0)%" })]
  }
}
