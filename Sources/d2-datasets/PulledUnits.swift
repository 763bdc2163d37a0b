import D2Client
import D2Common
import D2Store

/// Decides which of the source's units are pulled: those at or below an active unit of the store, but not below an
/// inactive one.
///
/// The store may have only some levels, so it asks the source for the position of units.
struct PulledUnits {
  private let asked: AskedUnits
  /// Whether the store has no active unit.
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
    // If the store has no units, it is unknown what is pulled.
    let isUnknown = count == 0
    asked = AskedUnits(source) { [active, disabled] path in
      isUnknown || path.contains(where: active.contains) && !path.contains(where: disabled.contains)
    }
  }

  /// The pulled units among some, sorted by uid. Units that the source does not show are not included.
  ///
  /// - Throws: `ServerError`.
  func among(_ uids: [String]) throws -> [(uid: String, name: String)] { try asked.among(uids).wanted }
}
