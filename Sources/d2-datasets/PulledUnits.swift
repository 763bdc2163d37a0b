import D2Common
import D2Store

/// Which units are pulled, as far as the store knows them.
struct PulledUnits {
  let names: [String: String]
  private let inactive: Set<String>

  init(_ store: Store, _ pair: Pair) throws {
    let units = try OrgUnitTable(store, pair).all()
    let disabled = Set(units.filter(\.isDisabled).map { Substring($0.uid) })
    names = Dictionary(units.map { ($0.uid, $0.name) }, uniquingKeysWith: { $1 })
    inactive = Set(units.filter { !$0.isActive || $0.ancestors.contains(where: disabled.contains) }.map(\.uid))
  }

  /// A unit that is not in the store may lie below one that is.
  func mayHold(_ uid: String) -> Bool { !inactive.contains(uid) }
}
