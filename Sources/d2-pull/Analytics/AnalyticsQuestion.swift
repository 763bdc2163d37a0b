import D2Client
import D2Common

/// The request of an analytics pull, with all names resolved: grids of data items, periods and organisation units.
struct AnalyticsQuestion {
  let options: PullOptions
  let analytics: AnalyticsOptions
  let client: DHIS2Client
  let log: Log

  /// - Returns: the grids, what their uids become in the output, and whether the output lacks data elements of a group
  ///   or data set.
  /// - Throws: `ServerError`; `CommandFailure`, 64 if nothing is left to request.
  func grids(_ asked: inout AskedIDs) throws -> (grids: [AnalyticsGrid], ids: OutputIDs, leavesOut: Bool) {
    try checkFilters()
    let periods = try periods(&asked)
    var items = AnalyticsItems(options: options, analytics: analytics, client: client, log: log)
    let found = try AnalyticsUnits(options: options, analytics: analytics, client: client).units(&asked)
    let units = found.compactMap { $0["id"]?.string }
    let grids = try items.grids(&asked)
    var ids = items.outputIDs
    ids.add(orgUnits: found, analytics.unitScheme)
    let empty = [("data", grids.isEmpty), ("periods", periods.isEmpty), ("organisation units", units.isEmpty)]
      .filter(\.1).map(\.0)
    guard empty.isEmpty else {
      throw CommandFailure(
        .usage, "nothing is left to ask \(client.server) for: no \(empty.joined(separator: ", no ")) of those asked for"
      )
    }
    let complete = grids.map { grid in
      var grid = grid
      (grid.periods, grid.units) = (periods, units)
      return grid
    }
    return (complete, ids, items.leavesOut)
  }

  /// The kinds of dimensions that a filter may name, and of their items.
  static let dimensions = [
    ("categories", "categoryOptions"), ("categoryOptionGroupSets", "categoryOptionGroups"),
    ("organisationUnitGroupSets", "organisationUnitGroups"), ("dataElementGroupSets", "dataElementGroups"),
  ]

  /// Checks the ids in filters. The server omits items that it does not know, and items of another dimension. Then it
  /// sums everything.
  private func checkFilters() throws {
    let filters = analytics.passedOn.filter { $0.name == "filter" }.compactMap { filter in
      let sides = filter.value.split(separator: ":", maxSplits: 1).map(String.init)
      return sides.count == 2 ? (dimension: sides[0], items: sides[1].split(separator: ";").map(String.init)) : nil
    }
    guard !filters.isEmpty else { return }
    var plurals = ["ao": "categoryOptionCombos"]
    for (dimensions, members) in Self.dimensions {
      let left = filters.map(\.dimension).unique.filter { plurals[$0] == nil }
      for id in left.isEmpty ? [] : try KnownIDs(left, in: dimensions, client).ids { plurals[id] = members }
    }
    for (dimension, items) in filters {
      guard let plural = plurals[dimension] else {
        throw CommandFailure(
          .usage,
          "--filter: \(dimension) is unknown to \(client.server): take the uid of a category or a group set, or ao")
      }
      let known = try KnownIDs(items.unique, in: plural, client).ids
      let unknown = items.unique.filter { !known.contains($0) }
      try CommandFailure.require(
        unknown.isEmpty,
        "--filter: \(Enumeration.few(unknown, log)) \(unknown.count == 1 ? "is" : "are") unknown in \(dimension) at \(client.server): take the uids of its options or groups"
      )
    }
  }

  /// The period ids in the server's spelling, without repeats, from ids and from relative periods.
  private func periods(_ asked: inout AskedIDs) throws -> [String] {
    let ids = options.periods.filter { RelativePeriod($0) == nil }
    asked.report(CalendarOptions.period, ids.filter { !PeriodID.isPlausible($0) }, "not a period id")
    let named = try canonical(ids.filter { PeriodID.isPlausible($0) }, &asked)
    let relative = options.periods.compactMap { RelativePeriod($0) }
    guard !relative.isEmpty else { return named.unique }
    let clock = try PeriodClock(client, relative, from: options.relativeDate, log)
    return (named + relative.flatMap { $0.periods(by: clock).map(\.id) }).unique
  }

  /// Puts ids into one spelling, so that no period is requested twice. A version would refuse periods that it does not
  /// know, together with the rest of the request.
  private func canonical(_ ids: [String], _ asked: inout AskedIDs) throws -> [String] {
    let info = try client.serverInfo()
    guard info.isGregorian else { return ids }
    let minor = info.version?.minor ?? .max
    let tooNew = ids.filter { id in Period(id: id).map { $0.type.firstMinor > minor } ?? false }
    asked.report(CalendarOptions.period, tooNew, "not known to DHIS2 \(info.version.map { "\($0)" } ?? "") yet")
    return ids.filter { !tooNew.contains($0) }.map { Period(id: $0)?.id ?? $0 }
  }
}
