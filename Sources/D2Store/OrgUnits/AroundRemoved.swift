import D2Common

/// The units around organisation units that the source no longer has. A merge moves their values to other units,
/// usually to neighbours, without changing `lastUpdated`. No increment sees that, so all data of the neighbours must be
/// moved again.
package struct AroundRemoved {
  /// The active siblings and the parent of removed units. Each has the time of the latest removal near it, in
  /// milliseconds since 1970 by the database's clock.
  package let units: [(unit: OrgUnit, at: Int)]
  private let times: [String: Int]
  /// The times for the units above them.
  private let above: [Substring: Int]
  private let all: [OrgUnit]

  /// - Parameters:
  ///   - all: the units of the store.
  ///   - removals: when the removal of each unit was detected.
  package init(_ all: [OrgUnit], removals: [String: Int]) {
    self.all = all
    let active = all.filter(\.isActive).map { (unit: $0, path: Self.path(of: $0)) }
    // Units with the same parent have the same neighbours.
    let removed = Dictionary(grouping: all.filter { $0.isRemoved && removals[$0.uid] != nil }) { unit in
      Self.path(of: unit).dropLast().joined(separator: "/") + " " + (unit.parent ?? "")
    }
    let near = removed.values.flatMap { units in
      let time = units.compactMap { removals[$0.uid] }.max() ?? 0
      return Self.neighbours(of: units[0], among: active).map { ($0.uid, time) }
    }
    let times = Dictionary(near, uniquingKeysWith: max)
    self.times = times
    units = all.compactMap { unit in times[unit.uid].map { (unit, $0) } }
    above = Dictionary(units.flatMap { unit, time in unit.ancestors.map { ($0, time) } }, uniquingKeysWith: max)
  }

  private static func path(of unit: OrgUnit) -> [Substring] { (unit.path ?? "").split(separator: "/") }

  /// The nearest existing unit above, and the units directly below it. If the store has only some levels, the nearest
  /// units of these.
  private static func neighbours(of removed: OrgUnit, among active: [(unit: OrgUnit, path: [Substring])]) -> [OrgUnit] {
    let path = path(of: removed)
    for depth in stride(from: path.count - 1, to: 0, by: -1) {
      let below = active.filter { $0.path.count >= depth && $0.path.prefix(depth).elementsEqual(path.prefix(depth)) }
      let near = below.filter { $0.path.count <= depth + 1 }
      if !near.isEmpty { return near.map(\.unit) }
      if !below.isEmpty { return below.map(\.unit) }
    }
    return path.isEmpty ? active.map(\.unit).filter { $0.parent != nil && $0.parent == removed.parent } : []
  }

  /// The time of the latest removal near some places; `nil` if there was none.
  package func time(_ places: [String], children: Bool) -> Int? {
    places.flatMap { [times[$0], children ? above[Substring($0)] : nil] }.compactMap { $0 }.max()
  }

  /// The places to read again, by the time of the latest removal near them.
  package var places: [(at: Int, places: [OrgUnitCover.Places])] {
    Dictionary(grouping: units) { $0.at }.sorted { $0.key < $1.key }.map { time, units in
      (at: time, places: OrgUnitCover.cover(units.map { $0.unit }, among: all))
    }
  }
}

extension OrgUnitTable {
  /// When removals at the source were detected, in milliseconds since 1970 by the database's clock; rounded up, for
  /// SQLite to the second.
  package func removals() throws -> [String: Int] {
    let time =
      switch database.dialect {
      case .postgresql: "(extract(epoch FROM removed) * 1000)::bigint + 1"
      case .sqlite: "CAST(strftime('%s', removed) AS integer) * 1000 + 1000"
      }
    var times: [String: Int] = [:]
    try database.execute(
      "SELECT dhis2_id, \(time) FROM orgunits WHERE integration_pair_id = $1 AND removed IS NOT NULL AND dhis2_id IS NOT NULL",
      [.int(pair)]
    ) { row in
      if let uid = row.text(0), let time = row.int(1) { times[uid] = time }
    }
    return times
  }
}
