import D2Client
import D2Common
import D2Store

/// Reads the source's organisation units page by page, reports the changes, and stores them in one transaction.
struct OrgUnitSync {
  let store: Store
  let pair: Pair
  let client: DHIS2Client
  let log: Log
  /// The environment, for the folder of temporary files.
  let environment: [String: String]
  private var table: OrgUnitTable { OrgUnitTable(store, pair) }

  private static let levelKey = "ous_level"
  private static let rootKey = "ous_root"
  /// A user with fewer rights, or a wrong server, looks as if units were removed. If this share of the active ones is
  /// exceeded, the user must confirm it.
  private static let mostRemoved = 0.5
  private static let fewUnits = 10

  /// Syncs the units. The selection is stored and applies to later runs too, because a regular script must not widen
  /// it.
  ///
  /// - Throws: `ServerError`, `StoreError`, `CommandFailure`.
  func run(level: String?, root: String?, all: Bool, force: Bool) throws -> ExitStatus {
    let isAnew = all || level != nil || root != nil
    let level = isAnew ? level : pair.source.text(Self.levelKey)
    let root = isAnew ? root : pair.source.text(Self.rootKey)
    let scope = OrgUnitTable.Scope(
      level: try level.map { try OrgUnitLevel.find($0, option: "--level ", client) }, root: try root.map(self.root))
    let filters = [scope.level.map { "level:eq:\($0)" }, scope.root.map { "path:like:\($0)" }].compactMap { $0 }
    let pages = MetadataPages(
      "organisationUnits", fields: "id,name,code,path,level,parent[id]", filters: filters, client)
    return try store.database.keepingSession {
      try pages.read(begin: table.stage, page: table.stage)
      let counts = try table.countRemoved(scope)
      guard counts.incoming > 0 else {
        log.error("\(client.server) has no organisation unit of this selection: nothing was written")
        return .incomplete
      }
      if counts.removed > Self.fewUnits, Double(counts.removed) > Double(counts.active) * Self.mostRemoved, !force {
        log.error(
          "\(client.server) shows \(counted(counts.incoming, "unit")), but lacks \(counts.removed) of the \(counts.active) active ones: may this user see less? Nothing was written; --force takes it over"
        )
        return .incomplete
      }
      return try takeOver(scope, incoming: counts.incoming, isAnew: isAnew)
    }
  }

  private func takeOver(_ scope: OrgUnitTable.Scope, incoming: Int, isAnew: Bool) throws -> ExitStatus {
    // Nothing is changed before the commit, so the lines are held back until then.
    let held = try SpoolFile(environment: environment)
    var counts: [OrgUnitTable.Change.Kind: Int] = [:]
    var gone: [String] = []
    let written = try table.transaction {
      try table.changes(scope) { change in
        counts[change.kind, default: 0] += 1
        if change.kind == .removed, gone.count < Self.mostNamed { gone.append(change.name) }
        try held.line(change.json.ofDryRun(store.isDryRun).text)
      }
      let written = counts.isEmpty ? 0 : try table.takeOver(scope)
      try store.markSynced("ous_synced", pair)
      // Stored as found, because their names may change.
      if isAnew { try store.remember([Self.levelKey: scope.level.map { String($0) }, Self.rootKey: scope.root], pair) }
      return written
    }
    var output = LineOutput.standardOutput()
    try held.copy(into: &output)
    try output.flush()
    let parts = OrgUnitTable.Change.Kind.allCases.compactMap { kind in counts[kind].map { "\($0) \(kind.rawValue)" } }
    log.info(
      "\(counted(incoming, "organisation unit")) at \(client.server): "
        + (parts.isEmpty ? "no change" : parts.joined(separator: ", "))
        + "; \(counted(written, "row")) written")
    if let removed = counts[.removed] { try warn(ofRemoved: removed, gone) }
    return .success
  }

  /// The most names in a message.
  private static let mostNamed = 5

  /// Warns about removed units: no increment sees what a merge moved, and none removes data at the destination.
  private func warn(ofRemoved count: Int, _ names: [String]) throws {
    let list = names.joined(separator: ", ") + (count > names.count ? ", …" : "")
    let them = count == 1 ? "it" : "them"
    log.warning(
      "\(counted(count, "organisation unit"))\(verbForm(count, "is", "are")) gone at the source (\(list)): what the destination holds of \(them) stays there"
    )
    let around = AroundRemoved(try table.all(), removals: try table.removals())
    guard !around.units.isEmpty else { return }
    let tops = around.places.flatMap { $0.places.flatMap(\.units) }
    let known = Dictionary(around.units.map { ($0.unit.uid, $0.unit.name) }, uniquingKeysWith: { first, _ in first })
    let places = tops.prefix(Self.mostNamed).map { known[$0] ?? $0 }.joined(separator: ", ")
    log.warning(
      "if the source merged \(them) into other units, no increment sees the values that moved: plan the slices around \(them) again (\(places)\(tops.count > Self.mostNamed ? ", …" : "")): "
        + "d2-slices plan --pair \(ShellWord.quoted(pair.label)) --around-removed")
  }

  // MARK: Selections

  /// A unit by its uid, or by its name if that is unique.
  private func root(_ text: String) throws -> String {
    if UID.canBe(text), try KnownIDs([text], in: "organisationUnits", client).ids.contains(text) { return text }
    // A filter's operand ends at a colon. So the longest part is searched for, and the rest is compared here.
    let piece = text.split { ":[],".contains($0) }.max { $0.count < $1.count } ?? ""
    let matches = try MetadataPages(
      "organisationUnits", fields: "id,name,path,level", filters: ["name:like:\(piece)"], client
    ).all().filter { $0["name"]?.string == text }
    guard matches.count == 1, let id = matches[0]["id"]?.string else {
      let candidates = matches.map {
        "\($0["id"]?.string ?? "") (level \($0["level"]?.int ?? 0), \($0["path"]?.string ?? ""))"
      }
      throw CommandFailure(
        .usage,
        matches.isEmpty
          ? "--root \(text.quoted): no organisation unit of this uid or name at \(client.server)"
          : "--root \(text.quoted): \(matches.count) organisation units have this name: \(candidates.joined(separator: "; ")): give the uid"
      )
    }
    return id
  }
}
