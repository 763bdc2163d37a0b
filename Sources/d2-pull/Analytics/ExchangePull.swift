import D2Client
import D2Common
import D2Store

/// What an aggregate data exchange would send, as command lines of d2-pull: one for each of its requests.
struct ExchangePull {
  static let option = Option(
    "--exchange", value: "UID|NAME",
    help: "What this aggregate data exchange of the server would send. --period asks for other periods than its own.")

  /// What the exchange itself says, and a command line must not.
  private static let fixed: [any AnyOption] = [
    PullOptions.dataSets, PullOptions.dataElements, PullOptions.dataElementGroups, PullOptions.orgUnits,
    PullOptions.orgUnitGroups, AnalyticsSubject.indicators, AnalyticsSubject.indicatorGroups,
    AnalyticsSubject.programIndicators, AnalyticsSubject.rates, AnalyticsSubject.allRates, AnalyticsSubject.levels,
    AnalyticsSubject.filters, SliceOption.option,
  ]

  let arguments: Arguments
  let exchange: DataExchange
  let client: DHIS2Client
  let log: Log

  /// - Throws: `ServerError`; `CommandFailure`, 64 where there is no such exchange, or other options say what to read.
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
    var status = ExitStatus.success
    for request in exchange.requests {
      let (asked, isWhole) = try self.words(request)
      if !isWhole { status = .incomplete }
      guard let asked else { continue }
      log.info("request \(request.name.quoted): d2-pull \(asked.map(ShellWord.quoted).joined(separator: " "))")
      let arguments = try Arguments(
        Self.without(Self.option.name, words) + asked, Pull.description, environment: self.arguments.environment,
        now: self.arguments.now)
      let server = try Pull.serverOfPair(arguments)
      let options = try PullOptions(arguments, log, server: server)
      let outcome = try await PullRun(options, nil, DHIS2Client(options.server, log), log).run()
      if outcome != .success { status = outcome }
    }
    return status
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

  /// What d2-pull has no words for.
  private func faults(_ request: DataExchange.Request) -> [String] {
    var faults: [String] = []
    if let type = request.aggregationType, type != "DEFAULT" {
      faults.append("it asks for another aggregation type (\(type))")
    }
    if let scheme = request.inputScheme { faults.append("its ids are given as \(scheme), and not as uids") }
    for filter in request.filters where ["dx", "pe", "ou", "co"].contains(filter.dimension) {
      faults.append("it filters by \(filter.dimension)")
    }
    for unit in request.orgUnits where unit.hasPrefix("USER_ORGUNIT") {
      faults.append("\(unit) means other units for each user: name them")
    }
    return faults
  }

  /// The words that ask for what a request does, and whether they ask for all of it; `nil` where nothing can be asked.
  private func words(_ request: DataExchange.Request) throws -> (words: [String]?, isWhole: Bool) {
    let faults = self.faults(request)
    guard faults.isEmpty else {
      log.error("request \(request.name.quoted) of \(exchange.name) is left out: \(faults.joined(separator: "; "))")
      return (nil, false)
    }
    let items = try items(request)
    guard !items.words.isEmpty else { return (nil, items.isWhole) }
    var words = [AnalyticsSubject.analytics.name] + items.words
    words += try units(request)
    if !arguments.has(CalendarOptions.period) {
      words += [CalendarOptions.period.name, request.periods.joined(separator: ",")]
    }
    for filter in request.filters {
      words += [AnalyticsSubject.filters.name, filter.dimension + ":" + filter.items.joined(separator: ";")]
    }
    let hasSchemes = PullOptions.schemes.contains { arguments.has($0) }
    return (words + (hasSchemes ? [] : request.outputSchemes.flatMap { [$0.option, $0.scheme] }), items.isWhole)
  }

  // MARK: Items

  /// Data elements (also in one combo each), indicators and program indicators, each behind its option. All
  /// else is named.
  private func items(_ request: DataExchange.Request) throws -> (words: [String], isWhole: Bool) {
    let kinds: [(option: any AnyOption, plural: String)] = [
      (PullOptions.dataElements, "dataElements"), (AnalyticsSubject.indicators, "indicators"),
      (AnalyticsSubject.programIndicators, "programIndicators"),
    ]
    var rest = request.items.unique
    var words: [String] = []
    for (option, plural) in kinds where !rest.isEmpty {
      // An operand begins with its data element; a rate begins with its data set.
      let heads = rest.map { String($0.prefix { $0 != "." }) }
      let known = try KnownIDs(heads.unique, in: plural, client).ids
      let found = zip(rest, heads).filter { known.contains($0.1) }.map(\.0)
      if !found.isEmpty { words += [option.name, found.joined(separator: ",")] }
      rest.removeAll { found.contains($0) }
    }
    if !rest.isEmpty {
      log.error(
        "request \(request.name.quoted): left out \(counted(rest.count, "data item")), \(Enumeration.few(rest, log)): no data element, indicator or program indicator that the user may see"
      )
    }
    return (words, rest.isEmpty)
  }

  // MARK: Units

  /// Units and, below them, levels and groups.
  private func units(_ request: DataExchange.Request) throws -> [String] {
    var units: [String] = []
    var levels: [String] = []
    var groups: [String] = []
    for word in request.orgUnits.unique {
      if word.hasPrefix("LEVEL-") {
        levels.append(try level(String(word.dropFirst(6))))
      } else if word.hasPrefix("OU_GROUP-") {
        groups.append(String(word.dropFirst(9)))
      } else {
        units.append(word)
      }
    }
    let parts: [(any AnyOption, [String])] = [
      (PullOptions.orgUnits, units), (AnalyticsSubject.levels, levels), (PullOptions.orgUnitGroups, groups),
    ]
    return parts.filter { !$0.1.isEmpty }.flatMap { [$0.0.name, $0.1.joined(separator: ",")] }
  }

  /// A level by its number, or by the uid that newer apps write.
  private func level(_ text: String) throws -> String {
    guard Int(text) == nil else { return text }
    let found = try client.objects([text], in: "organisationUnitLevels", fields: "id,level").first?["level"]?.int
    guard let found else { throw CommandFailure(.usage, "LEVEL-\(text): \(client.server) has no such level") }
    return String(found)
  }
}
