import D2Store

/// The organisation units of which an increment brings everything, and not only what changed.
enum NewUnits {
  /// - Parameters:
  ///   - units: all of the pair.
  ///   - covered: when the last increment was planned, in milliseconds since 1970 by the database's clock.
  static func find(in units: [OrgUnit], since covered: Int) -> [OrgUnit] {
    let new = units.filter { $0.isActive && $0.activeSince > covered }
    // Then those above it were asked for alone. What is active now but was there before may have been inactive, or
    // below such a one.
    let wasSplit = units.contains { $0.isDisabled || ($0.activeSince > covered && $0.addedAt <= covered) }
    if wasSplit { return new }
    // Below one that was asked for with all below it, units of a level that the store did not have are nothing new,
    // only more of its rows. Others are: they may have been moved there from where nobody asked.
    let old = Set(units.filter { $0.isActive && $0.activeSince <= covered }.map { Substring($0.uid) })
    let levels = Set(units.filter { $0.addedAt <= covered }.compactMap(\.level))
    return new.filter { unit in
      levels.contains(unit.level ?? 0) || !unit.ancestors.contains(where: old.contains)
    }
  }
}
