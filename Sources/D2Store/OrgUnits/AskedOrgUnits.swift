import D2Client
import D2Common

/// The source's units for the levels and groups in the words of `--only`.
package struct AskedOrgUnits: Sendable {
  /// The words as typed.
  private let text: String
  /// The units of the levels and groups, as far as the server shows them.
  private let found: [OrgUnit]
  /// A list of units of the store; the result is limited to these subtrees.
  private let below: String?

  /// Asks the source for them.
  ///
  /// - Parameter source: created only if there are levels or groups.
  /// - Returns: `nil` if the words name only units.
  /// - Throws: `ServerError`; `CommandFailure`, 64 for an unknown level or group.
  package static func ask(_ text: String?, _ source: @autoclosure () throws -> DHIS2Client) throws -> AskedOrgUnits? {
    guard let text else { return nil }
    let words = OrgUnitWords(text)
    return words.needsServer ? try AskedOrgUnits(text, words, source()) : nil
  }

  private init(_ text: String, _ words: OrgUnitWords, _ client: DHIS2Client) throws {
    let levels = try words.levels.map { try OrgUnitLevel.find($0, option: "LEVEL-", client) }
    let (groups, rests) = try OrgUnitGroup.find(words.groups, client)
    var found: [String: OrgUnit] = [:]
    for level in levels {
      let filters = ["level:eq:\(level)"]
      let units = try MetadataPages("organisationUnits", fields: Self.fields, filters: filters, client).all()
        .compactMap { OrgUnit(asked: $0) }
      if units.isEmpty {
        let levels = try OrgUnitLevel.all(client)
        throw CommandFailure(
          .usage, "\(client.server) shows no organisation unit of level \(level); its levels are \(levels)")
      }
      for unit in units { found[unit.uid] = unit }
    }
    for group in groups {
      let units = try client.units(of: group.uid, in: "organisationUnitGroups", fields: Self.fields)
        .compactMap { OrgUnit(asked: $0) }
      try CommandFailure.require(
        !units.isEmpty, "\(client.server) shows no organisation unit in the group \(group.uid) (\(group.name))")
      for unit in units { found[unit.uid] = unit }
    }
    self.text = text
    self.found = found.values.sorted { ($0.path ?? "", $0.uid) < ($1.path ?? "", $1.uid) }
    let lists = (words.units.map { [$0] } ?? []) + rests
    below = lists.isEmpty ? nil : lists.joined(separator: ",")
  }

  private static let fields = "id,name,code,path,level,parent[id]"

  // MARK: In the pair

  /// The units that a pair has, or that are below or above one of the pair's.
  ///
  /// - Parameter units: all units of the store, in order of priority.
  /// - Returns: the units of the store and those that only the server has, in order of priority; and the chosen ones.
  /// - Throws: `CommandFailure`, 64 if none is left, or a unit in the words is not in the store.
  func chosen(
    among units: [OrgUnit], _ pair: Pair, _ log: Log
  ) throws(CommandFailure) -> (all: [OrgUnit], chosen: [OrgUnit]) {
    var bounds: Set<Substring>?
    if let below {
      bounds = Set(try NameSelection(units, kind: "organisation unit").find([below]).map { Substring($0.uid) })
    }
    let known = Dictionary(units.map { (Substring($0.uid), $0) }) { first, _ in first }
    let above = Set(units.filter(\.isActive).flatMap(\.ancestors))
    var chosen: [OrgUnit] = []
    var added: [OrgUnit] = []
    var outside = 0
    for unit in found {
      let line = unit.ancestors + [Substring(unit.uid)]
      if let bounds, !line.contains(where: bounds.contains) { continue }
      guard let nearest = line.reversed().lazy.compactMap({ known[$0] }).first else {
        if above.contains(Substring(unit.uid)) { chosen.append(unit) } else { outside += 1 }
        continue
      }
      // A user has disabled it, or a unit above it.
      guard nearest.isActive else { continue }
      chosen.append(nearest.uid == unit.uid ? nearest : unit.with(priorityOf: nearest))
      if nearest.uid != unit.uid { added.append(chosen[chosen.count - 1]) }
    }
    if outside > 0 {
      let those = counted(outside, "unit") + " of the source" + verbForm(outside, "is", "are")
      log.info("\(text.quoted): \(those) outside of \(pair.label)'s organisation units")
    }
    try CommandFailure.require(
      !chosen.isEmpty,
      "\(text.quoted): the source has \(counted(found.count, "unit")) of it, but none among the active organisation units of \(pair.label) (d2-orgunits list)"
    )
    return (try Self.merge(units, added, pair), chosen)
  }

  private static func merge(_ units: [OrgUnit], _ added: [OrgUnit], _ pair: Pair) throws(CommandFailure) -> [OrgUnit] {
    guard !added.isEmpty else { return units }
    // The siblings of an inactive unit below an added one would not be read.
    let uids = Set(added.map { Substring($0.uid) })
    if let inactive = units.first(where: { $0.isDisabled && $0.ancestors.contains(where: uids.contains) }) {
      throw CommandFailure(
        .usage,
        "organisation unit \(inactive.uid) (\(inactive.name)) is inactive, and the store lacks units around it: run d2-orgunits sync --pair \(pair.word) --all, or enable it"
      )
    }
    let all = (units + added).enumerated().sorted { left, right in
      (left.element.priority ?? .max, left.offset) < (right.element.priority ?? .max, right.offset)
    }
    return all.map(\.element)
  }
}

extension OrgUnit {
  /// A unit from a server's answer.
  fileprivate init?(asked json: JSONValue) {
    guard let uid = json["id"]?.string, UID.canBe(uid) else { return nil }
    self.init(
      uid: uid, name: json["name"]?.string ?? uid, code: json["code"]?.string, path: json["path"]?.string,
      parent: json["parent"]?["id"]?.string, level: json["level"]?.int, priority: nil, isActive: true,
      isRemoved: false)
  }

  fileprivate func with(priorityOf other: OrgUnit) -> OrgUnit {
    OrgUnit(
      uid: uid, name: name, code: code, path: path, parent: parent, level: level, priority: other.priority,
      isActive: isActive, isRemoved: isRemoved, activeSince: other.activeSince, addedAt: other.addedAt)
  }
}

/// A group of organisation units, by any of its names.
private struct OrgUnitGroup: Named {
  let uid: String
  let name: String
  let code: String?
  var distinction: String { code.map { "code \($0)" } ?? "without a code" }

  /// - Parameter lists: each list begins with the name of a group, and units follow.
  /// - Throws: `CommandFailure`, 64 if there is no such group; `ServerError`.
  static func find(_ lists: [String], _ client: DHIS2Client) throws -> (groups: [OrgUnitGroup], rests: [String]) {
    guard !lists.isEmpty else { return ([], []) }
    let all = try MetadataPages("organisationUnitGroups", fields: "id,name,code", client).all().compactMap { json in
      json["id"]?.string.map {
        OrgUnitGroup(uid: $0, name: json["name"]?.string ?? $0, code: json["code"]?.string)
      }
    }
    let selection = NameSelection(all, kind: "organisation unit group", place: "at \(client.server)")
    let found = try lists.map { try selection.first(of: $0) }
    return (found.map(\.thing), found.compactMap(\.rest))
  }
}
