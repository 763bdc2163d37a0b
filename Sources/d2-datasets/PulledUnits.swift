import D2Client
import D2Common
import D2Store

/// Which of the source's units are pulled: those at or below an active one of the store, and below no inactive one.
///
/// The store may hold only some levels, so the source is asked where a unit lies.
struct PulledUnits {
  private let source: DHIS2Client
  private let active: Set<Substring>
  private let disabled: Set<Substring>
  /// Whether the store has no unit at all: then nothing is known of what is pulled.
  let isUnknown: Bool
  /// Whether no unit is pulled.
  var isEmpty: Bool { active.isEmpty }

  init(_ store: Store, _ pair: Pair, _ source: DHIS2Client) throws {
    var (active, disabled): (Set<Substring>, Set<Substring>) = ([], [])
    var count = 0
    try OrgUnitTable(store, pair).forEach { unit in
      count += 1
      if unit.isActive { active.insert(Substring(unit.uid)) }
      if unit.isDisabled { disabled.insert(Substring(unit.uid)) }
    }
    (self.source, self.active, self.disabled, isUnknown) = (source, active, disabled, count == 0)
  }

  /// Those of some units that are pulled, in the order of their uids. What the source does not show is not.
  ///
  /// - Throws: `ServerError`.
  func among(_ uids: [String]) throws -> [(uid: String, name: String)] {
    var found: [(uid: String, name: String)] = []
    try source.forEachObject(uids, in: "organisationUnits", fields: "id,name,path") { unit in
      guard let uid = unit["id"]?.string, isPulled((unit["path"]?.string ?? uid).split(separator: "/")) else { return }
      found.append((uid, unit["name"]?.string ?? uid))
    }
    return found.sorted { $0.uid < $1.uid }
  }

  private func isPulled(_ path: [Substring]) -> Bool {
    isUnknown || path.contains(where: active.contains) && !path.contains(where: disabled.contains)
  }
}
