import D2Client
import D2Common
import D2Store

/// What an aggregate data exchange would send, as command lines of d2-pull: one for each of its requests.
struct ExchangePull {
  static let option = Option(
    "--exchange", value: "UID|NAME",
    help: "Read what this aggregate data exchange of the server would send. --period replaces its own periods.")

  /// What the exchange itself says, and a command line must not.
  private static let fixed: [any AnyOption] = [
    PullOptions.dataSets, PullOptions.dataElements, PullOptions.dataElementGroups, PullOptions.orgUnits,
    PullOptions.orgUnitGroups, AnalyticsSubject.indicators, AnalyticsSubject.indicatorGroups,
    AnalyticsSubject.programIndicators, AnalyticsSubject.rates, AnalyticsSubject.allRates, AnalyticsSubject.levels,
    AnalyticsSubject.filters, AnalyticsSubject.aggregationType, SliceOption.option,
  ]

  let arguments: Arguments
  let exchange: DataExchange
  let client: DHIS2Client
  let log: Log

  /// - Throws: `ServerError`; `CommandFailure`, 64 if there is no such exchange, or other options say what to read.
  init(_ name: String, _ arguments: Arguments, _ client: DHIS2Client, _ log: Log) throws {
    for option in Self.fixed where arguments.has(option) {
      throw CommandFailure(.usage, "\(option.name) does not go with --exchange, which says itself what to read")
    }
    self.arguments = arguments
    self.client = client
    self.log = log
    exchange = try DataExchange(named: name, client)
  }

  /// Pulls what each request asks for, one after the other. What cannot be asked for is named and left out.
  ///
  /// - Parameter words: the command line.
  func run(_ words: [String]) async throws -> ExitStatus {
    let asked = try exchange.requests.map { (request: $0.name, asks: try self.asked($0)) }
    let lines = asked.flatMap { request, asks in asks.lines.map { (request: request, words: $0) } }
    var status: ExitStatus = asked.allSatisfy(\.asks.isWhole) ? .success : .incomplete
    var values = 0
    for (number, line) in lines.enumerated() {
      log.info("request \(line.request.quoted): d2-pull \(line.words.map(ShellWord.quoted).joined(separator: " "))")
      do {
        // One end line stands after all requests.
        let isLast = number == lines.count - 1 && status == .success
        let run = try pull(Self.without(Self.option.name, words) + line.words, after: values, isLast: isLast)
        if try await run.run() != .success { status = .incomplete }
        values += run.values
      } catch let failure as CommandFailure where failure.exitStatus == .usage {
        log.error("request \(line.request.quoted) is left out: \(failure.message)")
        status = .incomplete
      }
    }
    return status
  }

  private func pull(_ words: [String], after values: Int, isLast: Bool) throws -> PullRun {
    let arguments = try Arguments(
      words, Pull.description, environment: self.arguments.environment, now: self.arguments.now)
    var options = try PullOptions(arguments, log, server: Pull.serverOfPair(arguments))
    if !isLast { options.writesEndLine = false }
    return PullRun(options, nil, DHIS2Client(options.server, log), log, valuesBefore: values)
  }

  /// A command line without an option and its value.
  private static func without(_ name: String, _ words: [String]) -> [String] {
    var rest: [String] = []
    var skips = false
    for word in words {
      if skips {
        skips = false
      } else if word == name {
        skips = true
      } else if !word.hasPrefix(name + "=") {
        rest.append(word)
      }
    }
    return rest
  }

  /// What DHIS2 itself refuses, or d2-pull has no words for.
  private func faults(_ request: DataExchange.Request) -> [String] {
    var faults: [String] = []
    if let scheme = request.inputScheme, IDScheme(scheme) == nil {
      faults.append("its ids are given as \(scheme), which is not an id scheme that d2 knows")
    }
    if let type = request.aggregationType, AnalyticsSubject.AggregationType(rawValue: type) == nil {
      faults.append("it asks for the aggregation type \(type), which d2 does not know")
    }
    for filter in request.filters where ["dx", "pe", "ou"].contains(filter.dimension) {
      faults.append("it filters by \(filter.dimension), and DHIS2 refuses a filter by what it groups by (E7103)")
    }
    for filter in request.filters where filter.dimension == "co" { faults.append("it filters by co") }
    return faults
  }

  /// The command lines that ask for what a request does, and whether they ask for all of it.
  private func asked(_ request: DataExchange.Request) throws -> (lines: [[String]], isWhole: Bool) {
    let ids = ExchangeIDs(scheme: request.inputScheme.flatMap { IDScheme($0) } ?? .uid, client: client)
    var faults = self.faults(request)
    let filters = faults.isEmpty ? try self.filters(request, ids, &faults) : []
    guard faults.isEmpty else {
      log.error("request \(request.name.quoted) of \(exchange.name) is left out: \(faults.joined(separator: "; "))")
      return ([], false)
    }
    let items = try ExchangeItems(request.items, ids)
    if !items.unknown.isEmpty {
      let few = Enumeration.few(items.unknown, log)
      log.error(
        "request \(request.name.quoted): left out \(counted(items.unknown.count, "data item")), \(few): no data element, indicator, program indicator, reporting rate or group that the user may see"
      )
    }
    guard !items.isEmpty else { return ([], false) }
    var rest = try ExchangeUnits(request.orgUnits, ids).words
    if !arguments.has(CalendarOptions.period) {
      rest += [CalendarOptions.period.name, request.periods.joined(separator: ",")]
    }
    rest += filters
    if let type = request.aggregationType { rest += [AnalyticsSubject.aggregationType.name, type] }
    if !PullOptions.schemes.contains(where: { arguments.has($0) }) {
      rest += request.outputSchemes.flatMap { [$0.option, $0.scheme] }
    }
    let lines = Self.questions(items).map { [AnalyticsSubject.analytics.name] + $0 + rest }
    return (lines, items.unknown.isEmpty)
  }

  /// Data sets with different reporting rates need a question each: together they would ask for each rate of each.
  private static func questions(_ items: ExchangeItems) -> [[String]] {
    let rates = items.rates.map { sets, rates in
      [
        PullOptions.dataSets.name, sets.joined(separator: ","), AnalyticsSubject.rates.name,
        rates.joined(separator: ","),
      ]
    }
    return [items.words + (rates.first ?? [])] + rates.dropFirst()
  }

  // MARK: Filters

  /// Filters as options of d2-pull. One of which an id is unknown is a fault: without it the sums would be others.
  private func filters(
    _ request: DataExchange.Request, _ ids: ExchangeIDs, _ faults: inout [String]
  ) throws -> [String] {
    var words: [String] = []
    for filter in request.filters {
      guard let text = try self.filter(filter.dimension, filter.items, ids) else {
        faults.append("an id of its filter by \(filter.dimension) is unknown")
        continue
      }
      words += [AnalyticsSubject.filters.name, text]
    }
    return words
  }

  private func filter(_ dimension: String, _ items: [String], _ ids: ExchangeIDs) throws -> String? {
    func written(_ dimension: String, _ items: [String]) -> String {
      dimension + ":" + items.joined(separator: ";")
    }
    guard ids.scheme != .uid else { return written(dimension, items) }
    for (dimensions, members) in dimension == "ao" ? [("", "categoryOptionCombos")] : AnalyticsQuestion.dimensions {
      guard let uid = try dimensions.isEmpty ? dimension : ids.uids([dimension], in: dimensions)[dimension] else {
        continue
      }
      let found = try ids.uids(items, in: members)
      let uids = items.compactMap { found[$0] }
      return uids.count == items.count ? written(uid, uids) : nil
    }
    return nil
  }
}
