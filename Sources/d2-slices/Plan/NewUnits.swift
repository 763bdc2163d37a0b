import D2Store

/// The organisation units from which an increment reads everything, and not only the changes.
enum NewUnits {
  /// - Parameters:
  ///   - units: all units of the pair.
  ///   - covered: when the last increment was planned, in milliseconds since 1970 by the database's clock.
  static func find(in units: [OrgUnit], since covered: Int) -> [OrgUnit] {
    let new = units.filter { $0.isActive && $0.activeSince > covered }
    // Then the units above were read without their children. A unit that is active now but was there before may have
    // been inactive, or below an inactive unit.
    let wasSplit = units.contains { $0.isDisabled || ($0.activeSince > covered && $0.addedAt <= covered) }
    if wasSplit { return new }
    // Below a unit that was read with its children, units of a level that the store lacked before are not new: only
    // their rows are. Other units are new. They may have been moved there from a place that was never read.
    let old = Set(units.filter { $0.isActive && $0.activeSince <= covered }.map { Substring($0.uid) })
    let levels = Set(units.filter { $0.addedAt <= covered }.compactMap(\.level))
    return new.filter { unit in
      levels.contains(unit.level ?? 0) || !unit.ancestors.contains(where: old.contains)
    }
  }
}
