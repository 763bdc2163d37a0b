import D2Client
import D2Common

/// Finds the organisation units of a request: the units that the user names, or those of levels and groups below them,
/// by the rules of analytics.
struct AnalyticsUnits {
  let options: PullOptions
  let analytics: AnalyticsOptions
  let client: DHIS2Client

  private var fields: String {
    let scheme = analytics.unitScheme
    return scheme == .uid ? "id,path,name" : "id,path,name," + scheme.fields.dropFirst(3)
  }

  /// The units, each once, with neighbours together.
  ///
  /// - Throws: `ServerError`.
  func units(_ asked: inout AskedIDs) throws -> [JSONValue] {
    let named = try asked.objects(
      PullOptions.orgUnits, options.orgUnits, in: "organisationUnits", fields: fields)
    let isOfLevelsOrGroups = !analytics.levels.isEmpty || !options.orgUnitGroups.isEmpty
    var units = isOfLevelsOrGroups ? [] : named
    // If none of the named units is known, this would search all units.
    if isOfLevelsOrGroups, options.orgUnits.isEmpty || !named.isEmpty {
      let tops = named.compactMap { $0["id"]?.string }
      let below = UnitsBelow(client, fields: fields)
      let groups = try asked.objects(
        PullOptions.orgUnitGroups, options.orgUnitGroups, in: "organisationUnitGroups", fields: "id")
      for level in analytics.levels { units += try below.units(tops, "level:eq:\(level)") }
      for group in groups.compactMap({ $0["id"]?.string }) {
        units += try below.units(tops, ofGroup: group)
      }
    }
    let identified = asked.identified(units, analytics.unitScheme, "organisation unit")
    let byID = Dictionary(identified.map { ($0["id"]?.string ?? "", $0) }) { first, _ in first }
    func path(_ unit: JSONValue) -> String.UTF8View { (unit["path"]?.string ?? "").utf8 }
    return byID.values.sorted { path($0).lexicographicallyPrecedes(path($1)) }
  }
}

/// Finds the server's organisation units in some subtrees, including the tops.
struct UnitsBelow {
  let client: DHIS2Client
  let fields: String

  init(_ client: DHIS2Client, fields: String) {
    self.client = client
    self.fields = fields
  }

  /// The units that match a filter; below any unit if there are no tops.
  ///
  /// - Parameter filter: in the Web API's form: `level:eq:3`.
  /// - Throws: `ServerError`.
  func units(_ tops: [String], _ filter: String? = nil) throws -> [JSONValue] {
    var filters = filter.map { [$0] } ?? []
    if tops.count == 1 { filters.append("path:like:\(tops[0])") }
    return Self.within(tops, try MetadataPages("organisationUnits", fields: fields, filters: filters, client).all())
  }

  /// The units of a group, by its uid; below any unit if there are no tops.
  ///
  /// - Throws: `ServerError`.
  func units(_ tops: [String], ofGroup group: String) throws -> [JSONValue] {
    Self.within(tops, try client.units(of: group, in: "organisationUnitGroups", fields: fields))
  }

  private static func within(_ tops: [String], _ units: [JSONValue]) -> [JSONValue] {
    let wanted = Set(tops)
    return units.filter { unit in
      wanted.isEmpty || (unit["path"]?.string ?? "").split(separator: "/").contains { wanted.contains(String($0)) }
    }
  }

  /// The uids of the units, sorted.
  func ids(_ tops: [String]) throws -> [String] { try units(tops).compactMap { $0["id"]?.string }.sorted() }
}
