import D2Client
import D2Common

/// Finds the organisation units of a question: those that were named, or those of levels and groups below them, as
/// analytics understand it.
struct AnalyticsUnits {
  let options: PullOptions
  let analytics: AnalyticsOptions
  let client: DHIS2Client

  private var fields: String {
    let scheme = analytics.unitScheme
    return scheme == .uid ? "id,path,name" : "id,path,name," + scheme.fields.dropFirst(3)
  }

  /// Their uids, neighbours together.
  ///
  /// - Throws: `ServerError`.
  func uids(_ asked: inout AskedIDs) throws -> [String] {
    let named = try asked.objects(
      PullOptions.orgUnits, options.orgUnits, in: "organisationUnits", fields: fields)
    let isOfLevelsOrGroups = !analytics.levels.isEmpty || !options.orgUnitGroups.isEmpty
    var units = isOfLevelsOrGroups ? [] : named
    // Where none of the named ones is known, all units would be looked through.
    if isOfLevelsOrGroups, options.orgUnits.isEmpty || !named.isEmpty {
      let tops = named.compactMap { $0["id"]?.string }
      let below = UnitsBelow(client, fields: fields)
      let groups = try asked.objects(
        PullOptions.orgUnitGroups, options.orgUnitGroups, in: "organisationUnitGroups", fields: "id")
      for level in analytics.levels { units += try below.units(tops, "level:eq:\(level)") }
      for group in groups.compactMap({ $0["id"]?.string }) {
        units += try below.units(tops, "organisationUnitGroups.id:eq:\(group)")
      }
    }
    let identified = asked.identified(units, analytics.unitScheme, "organisation unit")
    let paths = identified.compactMap { unit in
      unit["id"]?.string.map { (id: $0, path: unit["path"]?.string ?? "") }
    }
    return paths.sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }.map(\.id).unique
  }
}

/// Organisation units of the server that lie below some, and these themselves.
struct UnitsBelow {
  let client: DHIS2Client
  let fields: String

  init(_ client: DHIS2Client, fields: String) {
    self.client = client
    self.fields = fields
  }

  /// Those that a condition holds for; below any, without tops.
  ///
  /// - Parameter filter: as the Web API takes it: `level:eq:3`.
  /// - Throws: `ServerError`.
  func units(_ tops: [String], _ filter: String? = nil) throws -> [JSONValue] {
    var filters = filter.map { [$0] } ?? []
    if tops.count == 1 { filters.append("path:like:\(tops[0])") }
    let wanted = Set(tops)
    return try MetadataPages("organisationUnits", fields: fields, filters: filters, client).all().filter { unit in
      wanted.isEmpty || (unit["path"]?.string ?? "").split(separator: "/").contains { wanted.contains(String($0)) }
    }
  }

  /// Their uids, sorted.
  func ids(_ tops: [String]) throws -> [String] { try units(tops).compactMap { $0["id"]?.string }.sorted() }
}
