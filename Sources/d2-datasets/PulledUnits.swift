import D2Client
import D2Common
import D2Store

/// Which of the source's units are pulled: those at or below an active one of the store, and below no inactive one.
///
/// The store may hold only some levels, so the source is asked where a unit lies.
struct PulledUnits {
  private let asked: AskedUnits
  /// Whether no unit of the store is active.
  let isEmpty: Bool

  init(_ store: Store, _ pair: Pair, _ source: DHIS2Client) throws {
    var (active, disabled): (Set<Substring>, Set<Substring>) = ([], [])
    var count = 0
    try OrgUnitTable(store, pair).forEach { unit in
      count += 1
      if unit.isActive { active.insert(Substring(unit.uid)) }
      if unit.isDisabled { disabled.insert(Substring(unit.uid)) }
    }
    isEmpty = active.isEmpty
    // Without any unit in the store nobody knows what is pulled.
    let isUnknown = count == 0
    asked = AskedUnits(source) { [active, disabled] path in
      isUnknown || path.contains(where: active.contains) && !path.contains(where: disabled.contains)
    }
  }

  /// Those of some units that are pulled, in the order of their uids. What the source does not show is not.
  ///
  /// - Throws: `ServerError`.
  func among(_ uids: [String]) throws -> [(uid: String, name: String)] { try asked.among(uids).wanted }
}
