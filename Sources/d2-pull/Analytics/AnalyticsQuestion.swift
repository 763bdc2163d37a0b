import D2Client
import D2Common

/// What a pull of analytics asks for, with all names resolved: grids of data items, periods and organisation units.
struct AnalyticsQuestion {
  let options: PullOptions
  let analytics: AnalyticsOptions
  let client: DHIS2Client
  let log: Log

  /// - Throws: `ServerError`; `CommandFailure`, 64 if nothing is left to ask for.
  func grids(_ asked: inout AskedIDs) throws -> [AnalyticsGrid] {
    try checkFilters()
    let periods = try periods(&asked)
    let units = try AnalyticsUnits(options: options, analytics: analytics, client: client).uids(&asked)
    let items = try AnalyticsItems(options: options, analytics: analytics, client: client, log: log).grids(&asked)
    let empty = [("data", items.isEmpty), ("periods", periods.isEmpty), ("organisation units", units.isEmpty)]
      .filter(\.1).map(\.0)
    guard empty.isEmpty else {
      throw CommandFailure(
        .usage, "nothing is left to ask \(client.server) for: no \(empty.joined(separator: ", no ")) of those asked for"
      )
    }
    return items.map { grid in
      var grid = grid
      (grid.periods, grid.units) = (periods, units)
      return grid
    }
  }

  /// Kinds of dimensions that a filter may name, and of what they hold.
  static let dimensions = [
    ("categories", "categoryOptions"), ("categoryOptionGroupSets", "categoryOptionGroups"),
    ("organisationUnitGroupSets", "organisationUnitGroups"), ("dataElementGroupSets", "dataElementGroups"),
  ]

  /// The server leaves out an item that it does not know, and the sums would be others.
  private func checkFilters() throws {
    var items = analytics.passedOn.filter { $0.name == "filter" }.flatMap { filter in
      filter.value.split(separator: ":", maxSplits: 1).last?.split(separator: ";").map(String.init) ?? []
    }
    for plural in Self.dimensions.map(\.1) + ["categoryOptionCombos"] where !items.isEmpty {
      let known = try KnownIDs(items.unique, in: plural, client).ids
      items.removeAll { known.contains($0) }
    }
    try CommandFailure.require(
      items.isEmpty,
      "--filter: \(Enumeration.few(items, log)) \(items.count == 1 ? "is" : "are") unknown to \(client.server): take the uids of options or groups"
    )
  }

  /// Their ids as the server spells them, each once, whether one was named by its id or by how long it is ago.
  private func periods(_ asked: inout AskedIDs) throws -> [String] {
    let ids = options.periods.filter { RelativePeriod($0) == nil }
    asked.report(CalendarOptions.period, ids.filter { !PeriodID.isPlausible($0) }, "not a period id")
    let named = try canonical(ids.filter { PeriodID.isPlausible($0) }, &asked)
    let relative = options.periods.compactMap { RelativePeriod($0) }
    guard !relative.isEmpty else { return named.unique }
    let clock = try PeriodClock(client, relative, from: options.relativeDate, log)
    return (named + relative.flatMap { $0.periods(by: clock).map(\.id) }).unique
  }

  /// In two spellings a period would be asked for twice. What a version does not know it would refuse, with all that is
  /// asked for beside it.
  private func canonical(_ ids: [String], _ asked: inout AskedIDs) throws -> [String] {
    let info = try client.serverInfo()
    guard info.isGregorian else { return ids }
    let minor = info.version?.minor ?? .max
    let tooNew = ids.filter { id in Period(id: id).map { $0.type.firstMinor > minor } ?? false }
    asked.report(CalendarOptions.period, tooNew, "not known to DHIS2 \(info.version.map { "\($0)" } ?? "") yet")
    return ids.filter { !tooNew.contains($0) }.map { Period(id: $0)?.id ?? $0 }
  }
}
