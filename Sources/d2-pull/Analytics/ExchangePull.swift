import D2Client
import D2Common
import D2Store

/// Reads what an aggregate data exchange would send, with a d2-pull command line for each of its requests.
struct ExchangePull {
  static let option = Option(
    "--exchange", value: "UID|NAME",
    help: "Read what this aggregate data exchange of the server would send. --period replaces its own periods.")

  /// Options that the exchange defines, so that the command line must not have them.
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

  /// - Throws: `ServerError`; `CommandFailure`, 64 if there is no such exchange, or other options select data.
  init(_ name: String, _ arguments: Arguments, _ client: DHIS2Client, _ log: Log) throws {
    for option in Self.fixed where arguments.has(option) {
      throw CommandFailure(.usage, "\(option.name) does not go with --exchange, which says itself what to read")
    }
    self.arguments = arguments
    self.client = client
    self.log = log
    exchange = try DataExchange(named: name, client)
  }

  /// Runs a pull for each request, one after the other. It reports and leaves out what cannot be requested.
  ///
  /// - Parameter words: the command line.
  func run(_ words: [String]) async throws -> ExitStatus {
    let asked = try exchange.requests.map { (request: $0.name, asks: try self.asked($0)) }
    let lines = asked.flatMap { request, asks in asks.lines.map { (request: request, words: $0) } }
    let isWhole = asked.allSatisfy(\.asks.isWhole)
    let meter = PullMeter(log)
    let summary = SummaryFile.path(
      named: arguments[PullOptions.summary], command: "pull", environment: arguments.environment)
    func report(_ status: ExitStatus) {
      guard !arguments[PullOptions.explain] else { return }
      meter.report(status, to: summary, serverTime: client.serverTimeAtFirstAnswer)
    }
    do {
      let status = try await pull(lines, Self.without(Self.option.name, words), isWhole: isWhole, meter)
      report(status)
      return status
    } catch {
      report(ExitStatus(of: error))
      throw error
    }
  }

  private func pull(
    _ lines: [(request: String, words: [String])], _ words: [String], isWhole: Bool, _ meter: PullMeter
  ) async throws -> ExitStatus {
    var status: ExitStatus = isWhole ? .success : .incomplete
    for (number, line) in lines.enumerated() {
      log.info("request \(line.request.quoted): d2-pull \(line.words.map(ShellWord.quoted).joined(separator: " "))")
      do {
        // One end line follows all requests.
        let isLast = number == lines.count - 1 && status == .success
        let run = try self.run(words + line.words, isLast: isLast, meter)
        if try await run.run() != .success { status = .incomplete }
      } catch let failure as CommandFailure where failure.exitStatus == .usage {
        log.error("request \(line.request.quoted) is left out: \(failure.message)")
        status = .incomplete
      }
    }
    return status
  }

  private func run(_ words: [String], isLast: Bool, _ meter: PullMeter) throws -> PullRun {
    let arguments = try Arguments(
      words, Pull.description, environment: self.arguments.environment, now: self.arguments.now)
    var options = try PullOptions(arguments, log, server: Pull.serverOfPair(arguments))
    if !isLast { options.writesEndLine = false }
    return PullRun(options, nil, DHIS2Client(options.server, log), log, shared: meter)
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

  /// The parts that DHIS2 itself refuses, or that d2-pull has no option for.
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

  /// The command lines for a request, and whether they cover all of it.
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
    let lines = questions(items, request).map { [AnalyticsSubject.analytics.name] + $0 + rest }
    return (lines, items.unknown.isEmpty)
  }

  /// The command lines for the items. Data elements need one of their own if they have another id scheme than the other
  /// items. So do data sets with different reporting rates, because one line would request each rate of each data set.
  private func questions(_ items: ExchangeItems, _ request: DataExchange.Request) -> [[String]] {
    let hasOwn = PullOptions.schemes.contains { arguments.has($0) }
    let areOne = hasOwn || request.elementScheme == request.itemScheme
    func schemes(_ items: String) -> [String] { hasOwn ? [] : Self.schemes(items: items, units: request.unitScheme) }
    let rates = items.rates.map { sets, rates in
      [
        PullOptions.dataSets.name, sets.joined(separator: ","), AnalyticsSubject.rates.name,
        rates.joined(separator: ","),
      ]
    }
    let first = (areOne ? items.words : items.otherWords) + (rates.first ?? [])
    let ofItems = ([first] + rates.dropFirst()).filter { !$0.isEmpty }.map { $0 + schemes(request.itemScheme) }
    guard !areOne, !items.elementWords.isEmpty else { return ofItems }
    return [items.elementWords + schemes(request.elementScheme)] + ofItems
  }

  private static func schemes(items: String, units: String) -> [String] {
    let usual = "UID"
    if items == units { return items == usual ? [] : [PullOptions.schemes[0].name, items] }
    return (items == usual ? [] : [PullOptions.schemes[1].name, items])
      + (units == usual ? [] : [PullOptions.schemes[2].name, units])
  }

  // MARK: Filters

  /// Filters as options of d2-pull. An unknown id in a filter is a fault, because without it the sums would change.
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
