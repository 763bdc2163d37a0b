import D2Client
import D2Common

/// The options of `--analytics`, beside those of other pulls: values that the server has summed over its hierarchy and
/// over time.
struct AnalyticsOptions: Sendable {
  /// Options of other pulls that analytics do not support, and the alternatives.
  private static let others: [(option: any AnyOption, reason: String)] = [
    (PullOptions.children, "a sum holds all below a unit; --level N asks for the units of a level"),
    (PullOptions.startDate, "name periods by --period"), (PullOptions.endDate, "name periods by --period"),
    (Changes.lastUpdated, "sums do not tell when they changed: ask for the last periods again"),
    (Changes.lastUpdatedDuration, "sums do not tell when they changed: ask for the last periods again"),
    (PullOptions.attributeOptionCombos, "use --disaggregate, or --filter with a category and its options"),
    (PullOptions.limit, "ask for fewer periods, units or data elements"),
    (PullOptions.registrations, "--reporting-rates makes figures of them"),
    (PullOptions.count, "--explain shows the requests"),
    (PullOptions.noCheck, "the ids are looked up to divide the question"),
  ]

  private static let defaultPartSeconds = 10.0

  let indicators: [String]
  let indicatorGroups: [String]
  let programIndicators: [String]
  /// Empty if data sets mean their data elements.
  let rates: [String]
  let levels: [Int]
  let disaggregates: Bool
  let skipsRounding: Bool
  /// The ids of data items and of organisation units in the output. The server always answers with uids, because the
  /// ids that it writes in other schemes differ by version and by kind of item (docs/dhis2-servers.md, trap 33).
  private(set) var itemScheme = IDScheme.uid
  private(set) var unitScheme = IDScheme.uid
  /// Parameters that are passed to the server unchanged, in each request.
  private(set) var passedOn: [(name: String, value: String)]
  let maxAgeSeconds: Double?
  let partSeconds: Double

  /// - Returns: `nil` without --analytics.
  /// - Throws: `CommandFailure`, 64 for options that exclude each other.
  init?(_ arguments: Arguments) throws(CommandFailure) {
    guard arguments[AnalyticsSubject.analytics] else {
      let needing = arguments.first(
        of: AnalyticsSubject.group.options.filter { $0.name != AnalyticsSubject.analytics.name })
      try CommandFailure.require(needing == nil, "\(needing?.name ?? "") goes with --analytics")
      return nil
    }
    for (option, reason) in Self.others where arguments.has(option) {
      throw CommandFailure(.usage, "\(option.name) does not go with --analytics: \(reason)")
    }
    let others = PairPull.selecting.filter { $0.name != CalendarOptions.relativeDate.name }
    if let flag = arguments.first(of: others)?.name {
      throw CommandFailure(
        .usage, "\(flag) does not go with --analytics: name units by --org-unit, periods by --period")
    }
    indicators = arguments[AnalyticsSubject.indicators].unique
    indicatorGroups = arguments[AnalyticsSubject.indicatorGroups].unique
    programIndicators = arguments[AnalyticsSubject.programIndicators].unique
    let chosen = arguments[AnalyticsSubject.rates].map(\.rawValue).unique
    rates = arguments[AnalyticsSubject.allRates] ? AnalyticsSubject.ReportingRate.allCases.map(\.rawValue) : chosen
    levels = arguments[AnalyticsSubject.levels].unique
    disaggregates = arguments[AnalyticsSubject.disaggregate]
    skipsRounding = arguments[AnalyticsSubject.skipRounding]
    maxAgeSeconds = arguments[AnalyticsSubject.maxAge]
    partSeconds = max(0.01, arguments[AnalyticsSubject.partTime] ?? Self.defaultPartSeconds)
    passedOn =
      try Self.filters(arguments)
      + (arguments[AnalyticsSubject.aggregationType].map { [("aggregationType", $0.rawValue)] } ?? [])
    try take(schemes: Query.parameters(PullOptions.schemes, [], arguments))
    try Self.check(arguments, rates: rates)
  }

  private static func check(_ arguments: Arguments, rates: [String]) throws(CommandFailure) {
    try AnalyticsSubject.requireItems(arguments, dataSets: PullOptions.dataSets, to: "read")
    try CommandFailure.require(
      rates.isEmpty || arguments.has(PullOptions.dataSets), "reporting rates are of data sets: give --data-set")
    try AnalyticsSubject.requireUnits(arguments)
    try AnalyticsSubject.requirePeriods(arguments)
    try CommandFailure.require(
      !arguments[PullOptions.tagDataSet]
        || (arguments[PullOptions.dataSets].flatMap(\.listed).count == 1 && rates.isEmpty),
      "with --analytics, --tag-data-set needs one --data-set, of which the data elements are read")
  }

  private static func filters(_ arguments: Arguments) throws(CommandFailure) -> [(name: String, value: String)] {
    for filter in arguments[AnalyticsSubject.filters] {
      let sides = filter.split(separator: ":", maxSplits: 1)
      guard sides.count == 2, !["dx", "pe", "ou", "co"].contains(sides[0]) else {
        throw CommandFailure(.usage, "--filter \(filter.quoted): a dimension and its items, as UID:UID;UID")
      }
    }
    return arguments[AnalyticsSubject.filters].map { ("filter", $0) }
  }

  /// Takes the id schemes of a command line.
  ///
  /// - Parameter asked: parameters of the Web API: `idScheme`, `dataElementIdScheme`; others are not looked at.
  /// - Throws: `CommandFailure`, 64 for schemes that sums cannot have.
  mutating func take(schemes asked: [(name: String, value: String)]) throws(CommandFailure) {
    for (name, value) in asked where name.hasSuffix("Scheme") {
      guard ["idScheme", "dataElementIdScheme", "orgUnitIdScheme"].contains(name) else {
        throw CommandFailure(
          .usage,
          "with --analytics, combos come with uids: give --id-scheme, --data-element-id-scheme or --org-unit-id-scheme")
      }
      guard IDScheme(value) != nil else {
        throw CommandFailure(.usage, "an id scheme is UID, CODE, NAME or ATTRIBUTE:uid, and not \(value.quoted)")
      }
    }
    itemScheme = IDScheme(of: "dataElementIdScheme", in: asked)
    unitScheme = IDScheme(of: "orgUnitIdScheme", in: asked)
  }
}
