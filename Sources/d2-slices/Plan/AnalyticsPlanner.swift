import D2Client
import D2Common
import D2Ledger
import D2Store

/// Makes slices of sums, period by period, for analytics. Sums have no time of change, so an increment consists of the
/// last periods again.
struct AnalyticsPlanner {
  static let group = OptionGroup(
    "Sums instead of values",
    [
      AnalyticsSubject.analytics, ExportSubject.dataElements, ExportSubject.dataElementGroups,
      AnalyticsSubject.indicators, AnalyticsSubject.indicatorGroups, AnalyticsSubject.programIndicators,
      AnalyticsSubject.allRates, AnalyticsSubject.rates, ExportSubject.orgUnits, ExportSubject.orgUnitGroups,
      AnalyticsSubject.levels, AnalyticsSubject.disaggregate, AnalyticsSubject.filters,
      AnalyticsSubject.aggregationType, AnalyticsSubject.skipRounding, AnalyticsSubject.maxAge,
      AnalyticsSubject.partTime,
    ])

  /// The limit for a key of the ledger; PostgreSQL allows 2,704 bytes in an index.
  private static let mostBytes = 2000

  let store: Store
  let pair: Pair
  let arguments: Arguments
  let log: Log

  /// - Throws: `CommandFailure`, 64 if an option does not work with sums.
  func plan() throws -> LedgerPlan.Outcome {
    try check()
    let sets =
      arguments.has(PairOptions.dataSets)
      ? try DataSetTable(store, pair).chosen(arguments[PairOptions.dataSets], of: pair).map(\.uid) : []
    let words = AnalyticsSubject.words(arguments, dataSets: sets)
    let text = words.joined(separator: " ")
    try CommandFailure.require(words.allSatisfy { !$0.contains(" ") }, "options of --analytics hold no blanks: \(text)")
    try CommandFailure.require(
      text.utf8.count <= Self.mostBytes,
      "that is too much for one plan (\(text.utf8.count) bytes of options): name groups, or make several plans")
    let client = try pair.client(of: .source, arguments, log)
    let ofTypes = Dictionary(grouping: try periods(client), by: \.type)
    let groups = ofTypes.values.flatMap { (arguments[Planner.span] ?? .month).groups($0) }
    var plan = LedgerPlan()
    let places = plan.add(places: [.init(units: try units(client), children: false, priority: nil)])
    for group in groups {
      let periods = group.count == 1 ? group[0].id : "\(group[0].id)..\(group.last!.id)"
      plan.add(
        LedgerPlan.Subject(dataSet: text, periods: periods, newest: group[0].start.dayNumber, places: places))
    }
    return try plan.write(
      pair, to: Ledger(store), name: arguments[Planner.name],
      again: arguments[Planner.again] || arguments[Planner.incremental])
  }

  private func check() throws(CommandFailure) {
    let others: [any AnyOption] = [
      Planner.only, Planner.overlap, Planner.registrations, RemovedPlanner.option, Planner.replace, Planner.maxDelete,
    ]
    if let option = arguments.first(of: others + CalendarOptions.flags) {
      throw CommandFailure(
        .usage, "\(option.name) does not go with --analytics: name units by --org-unit, periods by --period")
    }
    try AnalyticsSubject.requirePeriods(arguments)
    try AnalyticsSubject.requireItems(arguments, dataSets: PairOptions.dataSets, to: "sum up")
    try AnalyticsSubject.requireUnits(arguments)
  }

  /// The periods in chronological order, without repeats.
  private func periods(_ client: DHIS2Client) throws -> [Period] {
    var periods: [Period] = []
    let relative = arguments[CalendarOptions.period].compactMap { RelativePeriod($0) }
    let date = arguments[CalendarOptions.relativeDate]
    let clock = try relative.isEmpty ? nil : PeriodClock(client, relative, from: date, log)
    for text in arguments[CalendarOptions.period] {
      if let relative = RelativePeriod(text), let clock {
        periods += relative.periods(by: clock)
      } else if let period = Period(id: text) {
        periods.append(period)
      } else {
        throw CommandFailure(
          .usage,
          "--period \(text.quoted): a period id such as 202401 or 2024Q1, or a relative one such as LAST_3_MONTHS")
      }
    }
    var seen: Set<String> = []
    return periods.filter { seen.insert($0.id).inserted }.sorted { $0.start < $1.start }
  }

  /// The units from the options, or by default the tops of the source's hierarchy.
  private func units(_ client: DHIS2Client) throws -> [String] {
    let named = arguments[ExportSubject.orgUnits]
    guard named.isEmpty else { return named }
    return try client.objects(in: "organisationUnits", fields: "id", filter: "level:eq:1")
      .compactMap { $0["id"]?.string }.sorted()
  }
}
