import D2Client
import D2Common

/// What one run of d2-pull was asked for.
struct PullOptions: Sendable {
  let server: ServerOptions
  var dataSets: [String]
  var dataElements: [String]
  var dataElementGroups: [String]
  var orgUnits: [String]
  var orgUnitGroups: [String]
  var children: Bool
  var periods: [String]
  var dates: (start: String, end: String)?
  var attributeOptionCombos: [String]
  let limit: Int?
  var kind: DataKind
  /// Only what changed.
  var changes: Changes?
  /// Values that changed before do not go out, whatever the server sends.
  var notBefore: UTCTime?
  /// Parameters that go to the server as they are.
  var passedOn: [(name: String, value: String)]
  var tagsDataSet: Bool
  /// What data sets are called in the output, by uid, where that is something else.
  var dataSetNames: [String: String] = [:]
  let spools: Bool
  /// Whether the requests are written instead of made.
  let explains: Bool
  /// Whether what would come is estimated instead.
  let counts: Bool
  let checks: Bool
  let summaryFile: String?

  /// - Parameter stored: the server of a pair, which adds to the selection what the command line leaves open.
  /// - Throws: `CommandFailure`, 64 where the selection cannot be asked for.
  init(_ arguments: Arguments, _ log: Log, server stored: ConfiguredServer? = nil) throws(CommandFailure) {
    guard arguments.operands.isEmpty else {
      throw CommandFailure(
        .usage, "unexpected argument \"\(arguments.operands[0])\": d2-pull takes options only (d2-pull --help)")
    }
    server =
      if let stored { try ServerOptions(arguments, log, stored) } else {
        try ServerOptions(arguments, log, side: arguments[PairSide.option] ?? .source)
      }
    dataSets = arguments.list("--data-set").unique
    dataElements = arguments.list("--data-element").unique
    dataElementGroups = arguments.list("--data-element-group").unique
    orgUnits = arguments.list("--org-unit").unique
    orgUnitGroups = arguments.list("--org-unit-group").unique
    children = arguments.has("--children")
    periods = arguments.list("--period").unique
    attributeOptionCombos = arguments.list("--attribute-option-combo").unique
    kind = arguments.has("--registrations") ? .registrations : .dataValues
    limit = try arguments.int("--limit", in: 0...Int.max)
    tagsDataSet = arguments.has("--tag-data-set")
    spools = arguments.has("--spool")
    explains = arguments.has("--explain")
    counts = arguments.has("--count")
    guard !explains || !counts else {
      throw CommandFailure(.usage, "--count shows the requests too (as \"urls\"): leave out --explain")
    }
    checks = !arguments.has("--no-check")
    // What a slice's worker looks for is what was pulled.
    let named = arguments.string("--summary")
    summaryFile = counts ? named : SummaryFile.path(named: named, command: "pull")
    dates = try Self.dates(arguments)
    changes = try Changes(arguments)
    passedOn = try Self.passedOn(arguments)
    if stored == nil {
      if let flag = PairPull.flags.first(where: { arguments.has($0) }) {
        throw CommandFailure(.usage, "\(flag) goes with --pair, which knows the data sets' period types, or --slice")
      }
      try check()
    }
  }

  private static func dates(_ arguments: Arguments) throws(CommandFailure) -> (start: String, end: String)? {
    switch (arguments.string("--start-date"), arguments.string("--end-date")) {
    case (nil, nil): return nil
    case (let start?, let end?):
      for (option, text) in [("--start-date", start), ("--end-date", end)] {
        guard CalendarDate(iso8601: text) != nil else {
          throw CommandFailure(.usage, "\(option) \"\(text)\": a date such as 2024-01-31")
        }
      }
      guard start <= end else { throw CommandFailure(.usage, "--start-date \(start) is after --end-date \(end)") }
      return (start, end)
    default: throw CommandFailure(.usage, "--start-date and --end-date go together")
    }
  }

  private static func passedOn(_ arguments: Arguments) throws(CommandFailure) -> [(name: String, value: String)] {
    var parameters: [(name: String, value: String)] = []
    for (option, name) in [
      ("--id-scheme", "idScheme"),
      ("--data-element-id-scheme", "dataElementIdScheme"), ("--org-unit-id-scheme", "orgUnitIdScheme"),
      ("--category-option-combo-id-scheme", "categoryOptionComboIdScheme"),
      ("--attribute-option-combo-id-scheme", "attributeOptionComboIdScheme"),
      ("--data-set-id-scheme", "dataSetIdScheme"),
    ] {
      if let value = arguments.string(option) { parameters.append((name, value)) }
    }
    if arguments.has("--include-deleted") { parameters.append(("includeDeleted", "true")) }
    if try arguments.choice("--compression", ["gzip", "none"]) != "none" { parameters.append(("compression", "gzip")) }
    return parameters
  }

  /// Whether only changed values are asked for.
  var isIncrement: Bool { changes != nil }

  /// Which values go out.
  var sieve: ValueSieve { ValueSieve(notBefore: notBefore, nullableKeys: MissingIDs.keys(self)) }

  /// Whether each value says its data set.
  var isTagged: Bool {
    (tagsDataSet || dataSets.count > 1) && kind == .dataValues && dataElements.isEmpty && dataElementGroups.isEmpty
  }

  /// Whether the selection is one that servers answer.
  func check() throws(CommandFailure) {
    if kind == .registrations {
      guard !dataSets.isEmpty else { throw CommandFailure(.usage, "--registrations needs --data-set") }
      guard dataElements.isEmpty, dataElementGroups.isEmpty else {
        throw CommandFailure(.usage, "--registrations are of data sets: leave out data elements and their groups")
      }
      guard !isIncrement else {
        throw CommandFailure(.usage, "registrations know no lastUpdated: select them by --period or dates")
      }
    } else {
      guard !dataSets.isEmpty || !dataElements.isEmpty || !dataElementGroups.isEmpty else {
        throw CommandFailure(.usage, "say what to read: --data-set, --data-element or --data-element-group")
      }
      guard dataElementGroups.isEmpty || (dataSets.isEmpty && dataElements.isEmpty) else {
        throw CommandFailure(
          .usage,
          "--data-element-group goes alone: servers up to 2.42 would leave out the data sets and elements beside it")
      }
    }
    guard dataSets.isEmpty || dataElements.isEmpty || dataSets.count + dataElements.count <= 50 else {
      throw CommandFailure(
        .usage,
        "--data-set together with --data-element: at most 50 in all, since they must go in one request; ask for them apart"
      )
    }
    guard !orgUnits.isEmpty || !orgUnitGroups.isEmpty else {
      throw CommandFailure(.usage, "say for which organisation units: --org-unit or --org-unit-group")
    }
    guard !children || orgUnitGroups.isEmpty else {
      throw CommandFailure(.usage, "--children does not go with --org-unit-group (E2007)")
    }
    guard periods.isEmpty || dates == nil else {
      throw CommandFailure(.usage, "--period and --start-date exclude each other (E2003)")
    }
    guard !periods.isEmpty || dates != nil || isIncrement else {
      throw CommandFailure(.usage, "say for which time: --period, --start-date with --end-date, or --last-updated")
    }
    guard !tagsDataSet || (!dataSets.isEmpty && dataElements.isEmpty) else {
      throw CommandFailure(.usage, "--tag-data-set needs values selected by --data-set alone")
    }
  }
}

extension Array where Element: Hashable {
  /// Each element once, in the order of first appearance.
  var unique: [Element] {
    var seen: Set<Element> = []
    return filter { seen.insert($0).inserted }
  }
}
