import D2Client
import D2Common

/// The organisation units of an exchange's request: units, and levels and groups below them.
struct ExchangeUnits {
  private(set) var units: [String] = []
  private(set) var levels: [String] = []
  private(set) var groups: [String] = []

  /// - Throws: `ServerError`; `CommandFailure`, 64 for a level that the server lacks.
  init(_ words: [String], _ ids: ExchangeIDs) throws {
    for word in words.unique {
      if word.hasPrefix("LEVEL-") {
        levels.append(try Self.level(String(word.dropFirst(6)), ids.client))
      } else if word.hasPrefix("OU_GROUP-") {
        groups.append(String(word.dropFirst(9)))
      } else if !word.hasPrefix(Self.own) {
        units.append(word)
      }
    }
    groups = try ids.resolved(groups, in: "organisationUnitGroups")
    units = try ids.resolved(units, in: "organisationUnits")
    let own = words.filter { $0.hasPrefix(Self.own) }.unique
    if !own.isEmpty { units = (units + (try Self.ofUser(own, ids.client))).unique }
  }

  /// The units as options of d2-pull.
  var words: [String] {
    let parts: [(any AnyOption, [String])] = [
      (PullOptions.orgUnits, units), (AnalyticsSubject.levels, levels), (PullOptions.orgUnitGroups, groups),
    ]
    return parts.filter { !$0.1.isEmpty }.flatMap { [$0.0.name, $0.1.joined(separator: ",")] }
  }

  /// A level from its number, or from the uid that newer apps write.
  private static func level(_ text: String, _ client: DHIS2Client) throws -> String {
    guard Int(text) == nil else { return text }
    let found = try client.objects([text], in: "organisationUnitLevels", fields: "id,level").first?["level"]?.int
    guard let found else { throw CommandFailure(.usage, "LEVEL-\(text): \(client.server) has no such level") }
    return String(found)
  }

  // MARK: The user's own

  private static let own = "USER_ORGUNIT"

  /// The units that the user enters data for, their children and their grandchildren, by the rules of analytics.
  private static func ofUser(_ words: [String], _ client: DHIS2Client) throws -> [String] {
    let me = try client.json("/api/me?fields=organisationUnits%5Bid%5D")
    let tops = me.uids("organisationUnits")
    let children = words.contains { $0 != own } ? try below(tops, client) : []
    let grandchildren = words.contains(own + "_GRANDCHILDREN") ? try below(children, client) : []
    var found: [String] = []
    for word in words {
      switch word.dropFirst(own.count) {
      case "": found += tops
      case "_CHILDREN": found += children
      case "_GRANDCHILDREN": found += grandchildren
      default: throw CommandFailure(.usage, "\(word) is not known to d2: name the units by --org-unit")
      }
    }
    guard !found.isEmpty else {
      throw CommandFailure(
        .usage, "\(words.joined(separator: ", ")): the user at \(client.server) has no such organisation units")
    }
    client.log.info("\(words.joined(separator: ", ")): \(counted(found.count, "unit")) of this user")
    return found
  }

  private static func below(_ units: [String], _ client: DHIS2Client) throws -> [String] {
    try client.objects(units, in: "organisationUnits", fields: "id,children[id]")
      .flatMap { $0.uids("children") }
  }
}
