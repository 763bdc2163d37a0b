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
      let tops = named.compactMap { $0["path"]?.string }
      let groups = try asked.objects(
        PullOptions.orgUnitGroups, options.orgUnitGroups, in: "organisationUnitGroups", fields: "id")
      for level in analytics.levels { units += try below(tops, "level:eq:\(level)") }
      for group in groups.compactMap({ $0["id"]?.string }) {
        units += try below(tops, "organisationUnitGroups.id:eq:\(group)")
      }
    }
    let identified = asked.identified(units, analytics.unitScheme, "organisation unit")
    let paths = identified.compactMap { unit in
      unit["id"]?.string.map { (id: $0, path: unit["path"]?.string ?? "") }
    }
    return paths.sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }.map(\.id).unique
  }

  /// The units that a condition holds for, and that lie below one of some.
  private func below(_ tops: [String], _ filter: String) throws -> [JSONValue] {
    var filters = [filter]
    if tops.count == 1 { filters.append("path:like:\(tops[0].split(separator: "/").last ?? "")") }
    return try MetadataPages("organisationUnits", fields: fields, filters: filters, client).all().filter { unit in
      guard !tops.isEmpty else { return true }
      let path = unit["path"]?.string ?? ""
      return tops.contains { path == $0 || path.hasPrefix($0 + "/") }
    }
  }
}
