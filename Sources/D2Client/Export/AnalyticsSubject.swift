import D2Common

/// The options that select what a server's analytics sum up. d2-pull uses them; a slice of the ledger stores them as
/// typed.
package enum AnalyticsSubject {
  /// The figures that a server computes from a data set's registrations.
  package enum ReportingRate: String, CaseIterable, Sendable {
    case REPORTING_RATE, REPORTING_RATE_ON_TIME, ACTUAL_REPORTS, ACTUAL_REPORTS_ON_TIME, EXPECTED_REPORTS
  }

  /// How values are aggregated over units and time, in the Web API's words.
  package enum AggregationType: String, CaseIterable, Sendable {
    case SUM, AVERAGE, AVERAGE_SUM_ORG_UNIT, COUNT, STDDEV, VARIANCE, MIN, MIN_SUM_ORG_UNIT, MAX, MAX_SUM_ORG_UNIT
    case LAST, LAST_AVERAGE_ORG_UNIT, LAST_LAST_ORG_UNIT, LAST_IN_PERIOD, LAST_IN_PERIOD_AVERAGE_ORG_UNIT
    case FIRST, FIRST_AVERAGE_ORG_UNIT, FIRST_FIRST_ORG_UNIT
  }

  package static let analytics = Flag(
    "--analytics", help: "Read sums from the server's analytics tables instead of the entered values.")
  package static let indicators = Option("--indicator", values: "UID", help: "Select these indicators.")
  package static let indicatorGroups = Option(
    "--indicator-group", values: "UID", help: "Select these indicator groups.")
  package static let programIndicators = Option(
    "--program-indicator", values: "UID", help: "Select these program indicators.")
  package static let allRates = Flag(
    "--reporting-rates", help: "Read the five reporting rates of the data sets, not their data elements.")
  package static let rates = Option(
    "--reporting-rate", values: "RATE", as: .one(of: ReportingRate.self),
    help: "Read only these rates: REPORTING_RATE, ACTUAL_REPORTS, EXPECTED_REPORTS, or the first two with _ON_TIME.")
  package static let levels = Option(
    "--level", values: "N", as: .number(in: 1...99),
    help: "Select the units of these levels: below the selected units, or all if you select none.")
  package static let disaggregate = Flag(
    "--disaggregate",
    help: "Keep category option combos and attribute option combos apart instead of summing them.")
  package static let filters = Option(
    "--filter", values: "DIMENSION:ITEM;…", splits: false,
    help: "Include only what belongs to these items of a category or a group set, by uids.")
  package static let aggregationType = Option(
    "--aggregation-type", value: "TYPE", as: .one(of: AggregationType.self),
    help: "Aggregate in this way instead of each data element's own: AVERAGE, LAST, COUNT, MAX, …")
  package static let skipRounding = Flag("--skip-rounding", help: "Read as many decimals as the server has.")
  package static let maxAge = Option(
    "--max-age", as: age, help: "Refuse analytics tables that are older, with status 75: 12h, 2d.")
  package static let partTime = Option(
    "--part-time", as: .duration,
    help: "Ask in parts that the server answers in about TIME each (default 10s).")

  package static let group = OptionGroup(
    "What to read from analytics",
    [
      analytics, indicators, indicatorGroups, programIndicators, allRates, rates, levels, disaggregate, filters,
      aggregationType, skipRounding, maxAge, partTime,
    ])

  private static let age = ValueReader<Double>("TIME", "a time such as 30m, 12h or 2d") { text in
    let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
    guard let unit = text.last.flatMap({ units[$0] }), let number = Double(text.dropLast()),
      (0...1e6).contains(number)
    else { return nil }
    return number * unit
  }

  // MARK: What it needs

  /// - Parameters:
  ///   - dataSets: the command's option for data sets.
  ///   - verb: what the command does: `read`.
  /// - Throws: `CommandFailure`, 64 if no option selects data.
  package static func requireItems(
    _ arguments: Arguments, dataSets: any AnyOption, to verb: String
  ) throws(CommandFailure) {
    let options: [any AnyOption] = [
      dataSets, ExportSubject.dataElements, ExportSubject.dataElementGroups, indicators, indicatorGroups,
      programIndicators,
    ]
    try CommandFailure.require(
      options.contains(where: arguments.has),
      "say what to \(verb): --data-element, --indicator, --program-indicator, --data-set, or groups of them")
  }

  /// - Throws: `CommandFailure`, 64 if no option selects organisation units.
  package static func requireUnits(_ arguments: Arguments) throws(CommandFailure) {
    let options: [any AnyOption] = [ExportSubject.orgUnits, ExportSubject.orgUnitGroups, levels]
    try CommandFailure.require(
      options.contains(where: arguments.has),
      "say for which organisation units: --org-unit, --level or --org-unit-group")
  }

  /// - Throws: `CommandFailure`, 64 if no option selects periods.
  package static func requirePeriods(_ arguments: Arguments) throws(CommandFailure) {
    try CommandFailure.require(
      arguments.has(CalendarOptions.period), "say for which time: --period, as ids or as LAST_3_MONTHS")
  }

  // MARK: As words

  /// The options that a slice stores. Its data sets, units and periods are stored separately.
  private static let kept: [any AnyOption] = [
    ExportSubject.dataElements, ExportSubject.dataElementGroups, indicators, indicatorGroups, programIndicators,
    allRates, rates, ExportSubject.orgUnitGroups, levels, disaggregate, filters, aggregationType,
    skipRounding, maxAge, partTime,
  ]

  /// The selection of a command line, as words of another command line.
  package static func words(_ arguments: Arguments, dataSets: [String]) -> [String] {
    var words = [analytics.name]
    if !dataSets.isEmpty { words += ["--data-set", dataSets.joined(separator: ",")] }
    for option in kept where arguments.has(option) {
      let texts = arguments.texts(of: option)
      switch option.name {
      case _ where option.value == nil: words.append(option.name)
      // A filter may contain commas.
      case filters.name: words += texts.flatMap { [option.name, $0] }
      default: words += [option.name, texts.joined(separator: ",")]
      }
    }
    return words
  }
}
