import D2Client
import D2Common

/// What `--analytics` asks for beside the options of other pulls: values that the server has summed over its hierarchy
/// and over time.
struct AnalyticsOptions: Sendable {
  /// Options of other pulls that analytics cannot answer, and what does instead.
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
  /// None if data sets stand for their data elements.
  let rates: [String]
  let levels: [Int]
  let disaggregates: Bool
  /// Parameters that go to the server as they are, in each request.
  private(set) var passedOn: [(name: String, value: String)]
  let maxAgeSeconds: Double?
  let partSeconds: Double

  /// - Returns: `nil` without --analytics.
  /// - Throws: `CommandFailure`, 64 for options that do not go together.
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
    maxAgeSeconds = arguments[AnalyticsSubject.maxAge]
    partSeconds = max(0.01, arguments[AnalyticsSubject.partTime] ?? Self.defaultPartSeconds)
    passedOn =
      try Self.filters(arguments) + Self.schemes(Query.parameters(PullOptions.schemes, [], arguments))
      + (arguments[AnalyticsSubject.aggregationType].map { [("aggregationType", $0.rawValue)] } ?? [])
      + (arguments[AnalyticsSubject.skipRounding] ? [("skipRounding", "true")] : [])
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

  /// The ids of the output, as analytics call them.
  private static func schemes(
    _ asked: [(name: String, value: String)]
  ) throws(CommandFailure) -> [(name: String, value: String)] {
    let parameters = [
      "idScheme": ["outputIdScheme"], "orgUnitIdScheme": ["outputOrgUnitIdScheme"],
      // Versions differ in which one they know.
      "dataElementIdScheme": ["outputDataItemIdScheme", "outputDataElementIdScheme"],
    ]
    var found: [(name: String, value: String)] = []
    for (name, value) in asked {
      guard let names = parameters[name] else {
        throw CommandFailure(
          .usage,
          "with --analytics, combos come with uids: give --id-scheme, --data-element-id-scheme or --org-unit-id-scheme")
      }
      guard IDScheme(value) != nil else {
        throw CommandFailure(.usage, "an id scheme is UID, CODE, NAME or ATTRIBUTE:uid, and not \(value.quoted)")
      }
      found += names.map { ($0, value) }
    }
    return found
  }

  /// Takes the id schemes of a command line that names its question by a slice.
  mutating func take(schemes asked: [(name: String, value: String)]) throws(CommandFailure) {
    passedOn += try Self.schemes(asked.filter { $0.name.hasSuffix("Scheme") })
  }

  /// The scheme of data items, and that of organisation units.
  var itemScheme: IDScheme { IDScheme(of: "outputDataItemIdScheme", all: "outputIdScheme", in: passedOn) }
  var unitScheme: IDScheme { IDScheme(of: "outputOrgUnitIdScheme", all: "outputIdScheme", in: passedOn) }
}
