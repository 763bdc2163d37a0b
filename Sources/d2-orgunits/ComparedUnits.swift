import D2Client
import D2Common
import D2Store

/// The organisation units of both servers, in a nameless temporary file, so that 100,000 units need no memory.
///
/// The table `here` has the source's units and the work for each; `there` has the destination's.
final class ComparedUnits {
  /// The work for a unit.
  enum Work: String { case add, update }

  /// A unit of the source that is wanted at the destination.
  struct Unit {
    let uid: String
    let name: String
    let path: String
    let parent: String?
    /// The JSON to post; `nil` before it is known.
    let payload: String?
    /// Whether another unit of the destination has its code, and will get another one.
    let awaitsCode: Bool
  }

  let database: SQLiteDatabase

  init() throws {
    database = try SQLiteDatabase(temporaryFor: "organisation units")
    let columns = """
      uid text PRIMARY KEY, name text, short text, code text, parent text, opening text, closing text, path text,
      level integer
      """
    try database.executeScript(
      """
      CREATE TABLE here (\(columns), wanted boolean, work text, problem text, reason text, payload text,
        holder text, freed boolean DEFAULT FALSE, done boolean DEFAULT FALSE);
      CREATE TABLE there (\(columns));
      CREATE INDEX there_parent ON there (parent);
      CREATE INDEX there_code ON there (code);
      CREATE INDEX here_parent ON here (parent);
      CREATE INDEX here_work ON here (level, path) WHERE work IS NOT NULL;
      CREATE INDEX here_holder ON here (holder) WHERE holder IS NOT NULL;
      """)
  }

  // MARK: Reading both servers

  static let fields = "id,name,shortName,code,openingDate,closedDate,path,level,parent[id]"

  func forget(_ side: PairSide) throws { try database.execute("DELETE FROM \(side == .source ? "here" : "there")") }

  /// Adds a page of one server's units. Returns how many were new.
  ///
  /// - Parameter wants: whether a unit of the source is wanted, given its uid and the uids above it.
  func take(_ page: [JSONValue], of side: PairSide, wants: ([String]) -> Bool = { _ in false }) throws -> Int {
    let rows: [[SQLValue]] = page.compactMap { unit in
      guard let uid = unit["id"]?.string, UID.canBe(uid) else { return nil }
      func text(_ value: JSONValue?) -> SQLValue { SQLValue(value?.string) }
      // Servers write dates as local midnight, without a zone.
      func day(_ name: String) -> SQLValue { SQLValue(unit[name]?.string.map { String($0.prefix(10)) }) }
      let path = unit["path"]?.string ?? "/\(uid)"
      let row = [
        .text(uid), text(unit["name"]), text(unit["shortName"]), text(unit["code"]), text(unit["parent"]?["id"]),
        day("openingDate"), day("closedDate"), .text(path), SQLValue(unit["level"]?.int),
      ]
      return side == .source ? row + [.bool(wants(path.split(separator: "/").map(String.init)))] : row
    }
    let columns = ["uid", "name", "short", "code", "parent", "opening", "closing", "path", "level"]
    return try database.insert(
      into: side == .source ? "here" : "there", columns: side == .source ? columns + ["wanted"] : columns, rows: rows)
  }

  /// Restricts the wanted units to one unit and those below it.
  ///
  /// - Parameter text: its uid, code or name.
  /// - Throws: `CommandFailure`, 64 for a text that matches no unit, or several.
  func restrict(below text: String) throws {
    for column in ["uid", "code", "name"] {
      let found = try database.rows("SELECT uid, path FROM here WHERE \(column) = $1 LIMIT 10", [.text(text)])
      guard found.count < 2 else {
        let candidates = found.map { "\($0.text(0)!) (\($0.text(1) ?? ""))" }.joined(separator: "; ")
        throw CommandFailure(.usage, "--below \(text.quoted): several units are called so: \(candidates): give the uid")
      }
      guard let path = found.first?.text(1) else { continue }
      try database.execute(
        "UPDATE here SET wanted = FALSE WHERE path <> $1 AND substr(path, 1, length($1) + 1) <> $1 || '/'",
        [.text(path)])
      guard try count("wanted") > 0 else {
        throw CommandFailure(.usage, "--below \(text.quoted): no unit at or below it is one of this pair's active ones")
      }
      return
    }
    throw CommandFailure(.usage, "--below \(text.quoted): the source has no unit of this uid, code or name")
  }

  // MARK: What is to be done

  private static let isNew = "work = 'add' AND problem IS NULL"

  /// Finds the units that the destination lacks, and with `updates` also those that differ. Marks those that cannot be
  /// copied.
  func plan(updates: Bool, allowsSameName: Bool) throws {
    try database.execute(
      "UPDATE here SET work = 'add' WHERE wanted AND NOT EXISTS (SELECT 1 FROM there t WHERE t.uid = here.uid)")
    if updates {
      try database.execute(
        "UPDATE here SET work = 'update' FROM there t WHERE wanted AND t.uid = here.uid AND \(Self.differs)")
    }
    try database.execute(
      """
      UPDATE here SET holder = t.uid
      FROM there t WHERE work IS NOT NULL AND t.code = here.code AND t.uid <> here.uid
      """)
    if !allowsSameName {
      try database.execute(
        """
        UPDATE here SET problem = 'sameName', reason = t.uid || ' below the same parent has this name'
        FROM there t WHERE \(Self.isNew) AND t.parent = here.parent AND lower(t.name) = lower(here.name)
        """)
    }
    try database.execute(
      """
      UPDATE here SET problem = 'otherRoot', reason = 'it is a root, and the destination has another one'
      WHERE work IS NOT NULL AND problem IS NULL AND parent IS NULL AND EXISTS (SELECT 1 FROM there)
        AND NOT EXISTS (SELECT 1 FROM there t WHERE t.uid = here.uid AND t.parent IS NULL)
      """)
    try holdBack()
  }

  /// Refuses units that depend on a refused unit: they are below it, or need its code.
  func holdBack() throws {
    while try holdBackOrphans() + holdBackCodes() > 0 {}
  }

  /// Refuses units whose parent is not at the destination and will not be, and everything below them.
  private func holdBackOrphans() throws -> Int {
    try database.execute(
      """
      UPDATE here SET problem = 'parentMissing',
        reason = 'its parent '
          || coalesce((SELECT p.name || ' (' || p.uid || ')' FROM here p WHERE p.uid = here.parent), here.parent)
          || ' is not at the destination'
      WHERE work IS NOT NULL AND NOT done AND problem IS NULL AND parent IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM there t WHERE t.uid = here.parent)
        AND NOT EXISTS (SELECT 1 FROM here p WHERE p.uid = here.parent AND p.work = 'add' AND p.problem IS NULL)
      """)
  }

  /// Refuses units whose code belongs to another unit at the destination, which keeps it. Two units that swap their
  /// codes are allowed.
  private func holdBackCodes() throws -> Int {
    try database.execute(
      """
      UPDATE here SET problem = 'codeTaken',
        reason = 'the code ' || here.code || ' is that of ' || t.name || ' (' || t.uid || ')'
          || CASE WHEN h.problem IS NOT NULL THEN ', which cannot be changed itself'
            WHEN h.code IS NOT NULL AND h.code <> t.code THEN
              ', which has another code at the source: change both, with --update' ELSE '' END
      FROM there t LEFT JOIN here h ON h.uid = t.uid AND h.wanted
      WHERE here.holder IS NOT NULL AND NOT here.done AND here.problem IS NULL AND t.uid = here.holder
        AND NOT (h.work IS 'update' AND h.problem IS NULL AND h.code IS NOT NULL AND h.code <> t.code)
      """)
  }

  /// Where the source has no value, the destination keeps its own. An exception is a unit that is open again, which is
  /// opened there too.
  private static let differs =
    """
    (here.name IS DISTINCT FROM t.name OR here.short IS DISTINCT FROM t.short OR here.closing IS DISTINCT FROM t.closing
      OR here.code IS NOT NULL AND here.code IS DISTINCT FROM t.code
      OR here.opening IS NOT NULL AND here.opening IS DISTINCT FROM t.opening
      OR here.parent IS NOT NULL AND here.parent IS DISTINCT FROM t.parent)
    """

  func count(_ condition: String) throws -> Int {
    try database.rows("SELECT count(*) FROM here WHERE \(condition)")[0].int(0) ?? 0
  }

  /// How many units can be done, as far as is known.
  func planned(_ work: Work) throws -> Int { try count("work = '\(work.rawValue)' AND problem IS NULL") }

  /// The next units to process, parents first.
  ///
  /// - Parameter hasPayload: whether to select units that the destination has validated, or the others.
  func next(_ work: Work, hasPayload: Bool, _ most: Int) throws -> [Unit] {
    try database.rows(
      """
      SELECT \(Self.unitColumns) FROM here
      WHERE work = '\(work.rawValue)' AND problem IS NULL AND NOT done AND payload IS \(hasPayload ? "NOT" : "") NULL
      ORDER BY level, path LIMIT \(most)
      """
    ).map(Self.unit)
  }

  /// The next units that must lose their codes first, because others get them before these get theirs.
  func nextToFree(_ most: Int) throws -> [Unit] {
    try database.rows(
      """
      SELECT \(Self.unitColumns) FROM here
      WHERE uid IN (SELECT w.holder FROM here w WHERE w.holder IS NOT NULL AND w.problem IS NULL)
        AND work = 'update' AND problem IS NULL AND NOT freed ORDER BY uid LIMIT \(most)
      """
    ).map(Self.unit)
  }

  private static let unitColumns = "uid, name, path, parent, payload, holder"

  private static func unit(_ row: SQLRow) -> Unit {
    Unit(
      uid: row.text(0)!, name: row.text(1) ?? "", path: row.text(2) ?? "", parent: row.text(3), payload: row.text(4),
      awaitsCode: row.text(5) != nil)
  }

  func free(_ uids: [String]) throws {
    for uid in uids { try database.execute("UPDATE here SET freed = TRUE WHERE uid = $1", [.text(uid)]) }
  }

  func keep(_ payload: String, of uid: String) throws {
    try database.execute("UPDATE here SET payload = $2 WHERE uid = $1", [.text(uid), .text(payload)])
  }

  func refuse(_ uid: String, _ problem: String, _ reason: String) throws {
    try database.execute(
      "UPDATE here SET problem = $2, reason = $3 WHERE uid = $1", [.text(uid), .text(problem), .text(reason)])
  }

  func finish(_ uids: [String]) throws {
    for uid in uids { try database.execute("UPDATE here SET done = TRUE, payload = NULL WHERE uid = $1", [.text(uid)]) }
  }

  /// The nearest ancestor that the destination has; `nil` for a root.
  func nearestThere(above unit: Unit) throws -> String? {
    try unit.path.split(separator: "/").dropLast().reversed().lazy.map(String.init).first(where: isThere)
  }

  func isThere(_ uid: String) throws -> Bool {
    try !database.rows("SELECT 1 FROM there WHERE uid = $1", [.text(uid)]).isEmpty
  }

  // MARK: Lines

  /// Passes a line for each change of some units, or of all planned units, to `body`.
  ///
  /// - Parameter uids: the units; `nil` for all planned ones.
  func changes(of uids: [String]? = nil, _ body: (JSONValue) throws -> Void) throws {
    func hand(_ condition: String, _ parameters: [SQLValue]) throws {
      try database.execute(
        """
        SELECT here.uid, here.name, here.path, work, t.name, t.path, here.closing, t.closing, here.parent, t.parent
        FROM here LEFT JOIN there t ON t.uid = here.uid WHERE work IS NOT NULL AND problem IS NULL \(condition)
        ORDER BY work, here.level, here.path
        """, parameters
      ) { row in try Self.lines(row).forEach(body) }
    }
    guard let uids else { return try hand("", []) }
    for uid in uids { try hand("AND here.uid = $1", [.text(uid)]) }
  }

  private static func lines(_ row: SQLRow) -> [JSONValue] {
    func line(_ change: String, _ more: (String, String?)? = nil) -> JSONValue {
      var members: [JSONValue.Member] = [
        .init("change", .string(change)), .init("id", .string(row.text(0)!)), .init("name", .string(row.text(1) ?? "")),
        .init("path", .string(orNull: row.text(2))),
      ]
      if let more { members.append(.init(more.0, .string(orNull: more.1))) }
      return .object(members)
    }
    guard row.text(3) == Work.update.rawValue else { return [line("added")] }
    var lines: [JSONValue] = []
    if row.text(1) != row.text(4) { lines.append(line("renamed", ("previousName", row.text(4)))) }
    if let parent = row.text(8), parent != row.text(9) { lines.append(line("moved", ("previousPath", row.text(5)))) }
    if let closing = row.text(6) {
      if closing != row.text(7) { lines.append(line("closed", ("closedDate", closing))) }
    } else if row.text(7) != nil {
      lines.append(line("reopened", ("previousClosedDate", row.text(7))))
    }
    return lines.isEmpty ? [line("changed")] : lines
  }

  /// Passes a line for each unit that cannot be copied to `body`.
  func refusals(_ body: (_ line: JSONValue, _ problem: String, _ reason: String) throws -> Void) throws {
    try database.execute(
      "SELECT uid, name, path, problem, reason FROM here WHERE problem IS NOT NULL ORDER BY level, path", []
    ) { row in
      let (problem, reason) = (row.text(3) ?? "", row.text(4) ?? "")
      let line: JSONValue = [
        "change": "refused", "id": .string(row.text(0)!), "name": .string(row.text(1) ?? ""),
        "path": .string(orNull: row.text(2)), "problem": .string(problem), "reason": .string(reason),
      ]
      try body(line, problem, reason)
    }
  }

  /// How many new units are outside of some subtrees.
  func countOutside(_ units: [String]) throws -> Int {
    let units = Set(units.map { Substring($0) })
    var count = 0
    try database.execute("SELECT path FROM here WHERE \(Self.isNew)", []) { row in
      let above = (row.text(0) ?? "").split(separator: "/").dropLast()
      if !above.contains(where: units.contains) { count += 1 }
    }
    return count
  }

  /// How many moved units have others below them.
  func countMovedWithUnitsBelow() throws -> Int {
    try database.rows(
      """
      SELECT count(*) FROM here JOIN there t ON t.uid = here.uid WHERE done AND here.parent <> t.parent
        AND EXISTS (SELECT 1 FROM there b WHERE b.parent = t.uid)
      """)[0].int(0) ?? 0
  }
}
