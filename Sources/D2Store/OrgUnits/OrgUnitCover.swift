import D2Common

/// Covers the organisation units of a pair with few requests: with whole subtrees, except those that contain an
/// inactive unit.
package struct OrgUnitCover: Sendable {
  /// Units of one priority that can be requested together.
  package struct Places: Sendable, Equatable {
    package var units: [String]
    package let children: Bool
    /// The priority of the units; units without one come last.
    package let priority: Int?

    package init(units: [String], children: Bool, priority: Int?) {
      self.units = units
      self.children = children
      self.priority = priority
    }
  }

  /// In order of priority.
  package let places: [Places]

  /// - Parameters:
  ///   - units: all units of the store, in order of priority.
  ///   - only: the names of some units, each with all units below it; `nil` for all active units.
  ///   - asked: the source's units, if there are levels or groups among the names.
  /// - Throws: `CommandFailure`, 64 for an unknown name, or if no unit is active.
  package init(
    _ units: [OrgUnit], only: String?, asked: AskedOrgUnits? = nil, _ pair: Pair, _ log: Log
  ) throws(CommandFailure) {
    var units = units
    let chosen: [OrgUnit]
    if let asked {
      (units, chosen) = try asked.chosen(among: units, pair, log)
    } else if let only {
      chosen = try NameSelection(units, kind: "organisation unit").find([only])
      if let unit = chosen.first(where: { !$0.isActive }) {
        throw CommandFailure(
          .usage,
          "organisation unit \(unit.uid) (\(unit.name)) is inactive: d2-orgunits enable --pair \(pair.word) \(unit.uid)"
        )
      }
    } else {
      chosen = units.filter(\.isActive)
    }
    guard !chosen.isEmpty else {
      throw CommandFailure(
        .usage, "no organisation unit of \(pair.label) is active: run d2-orgunits sync --pair \(pair.word) first")
    }
    places = Self.cover(chosen, among: units)
    if let (above, below) = Self.gap(places, among: units) {
      throw CommandFailure(
        .usage,
        "a unit below \(above.uid) (\(above.name)) is inactive, but the store lacks units between it and \(below.uid) (\(below.name)): run d2-orgunits sync --pair \(pair.word) --all, or enable what is inactive"
      )
    }
    guard !places.isEmpty else {
      throw CommandFailure(
        .usage,
        "organisation unit \(chosen[0].uid) (\(chosen[0].name)) is below one that is inactive (d2-orgunits list --pair \(pair.word))"
      )
    }
  }

  /// A gap in the cover: a unit that is requested without its children, and one below it, with units in between that
  /// the store lacks. The values of those would not be read.
  static func gap(_ places: [Places], among units: [OrgUnit]) -> (above: OrgUnit, below: OrgUnit)? {
    let single = Set(places.filter { !$0.children }.flatMap(\.units).map { Substring($0) })
    guard !single.isEmpty else { return nil }
    let known = Set(units.map { Substring($0.uid) })
    // Everything below these is requested, or nothing.
    let ends = Set(places.filter(\.children).flatMap(\.units).map { Substring($0) })
      .union(units.filter(\.isDisabled).map { Substring($0.uid) })
    for unit in units where !unit.isRemoved {
      let ancestors = unit.ancestors.prefix { !ends.contains($0) }
      guard let first = ancestors.firstIndex(where: single.contains) else { continue }
      if ancestors[first...].contains(where: { !known.contains($0) }) {
        let above = units.first { Substring($0.uid) == ancestors[first] }
        if let above { return (above, unit) }
      }
    }
    return nil
  }

  /// Covers the chosen units and all units below them, except units that a user disabled and everything below these. A
  /// unit below another is requested with that, whatever its own priority.
  package static func cover(_ chosen: [OrgUnit], among units: [OrgUnit]) -> [Places] {
    // No whole subtree can be requested above a unit that must be left out.
    var split: Set<Substring> = []
    var disabled: Set<Substring> = []
    for unit in units where unit.isDisabled {
      split.formUnion(unit.ancestors)
      disabled.insert(Substring(unit.uid))
    }
    let roots = Set(chosen.map { Substring($0.uid) })
    let wanted = units.filter { unit in
      unit.isActive && (roots.contains(Substring(unit.uid)) || unit.ancestors.contains(where: roots.contains))
        && !unit.ancestors.contains(where: disabled.contains)
    }
    let whole = Set(wanted.map { Substring($0.uid) }).subtracting(split)
    var places: [Places] = []
    var first = 0
    var last: Int??
    for unit in wanted where !unit.ancestors.contains(where: whole.contains) {
      if last != unit.priority { first = places.count }
      last = unit.priority
      let children = whole.contains(Substring(unit.uid))
      if let place = places[first...].firstIndex(where: { $0.children == children }) {
        places[place].units.append(unit.uid)
      } else {
        places.append(Places(units: [unit.uid], children: children, priority: unit.priority))
      }
    }
    return places
  }
}
