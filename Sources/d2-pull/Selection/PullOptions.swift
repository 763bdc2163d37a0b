import D2Client
import D2Common
import D2Store

/// The options of one run of d2-pull.
struct PullOptions: Sendable {
  // MARK: What to read

  static let dataSets = Option(
    "--data-set", values: "UID", splits: false, help: "Read these data sets, one request each.")
  static let dataElements = ExportSubject.dataElements
  static let dataElementGroups = ExportSubject.dataElementGroups
  static let orgUnits = ExportSubject.orgUnits
  static let orgUnitGroups = ExportSubject.orgUnitGroups
  static let children = Flag("--children", help: "Include all units below the organisation units.")
  static let startDate = Option(
    "--start-date", as: .date, help: "Read all periods that lie wholly between this day and --end-date.")
  static let endDate = Option("--end-date", as: .date, help: "End with this day (with --start-date).")
  private static let includeDeleted = Flag("--include-deleted", help: "Read deleted values too, with \"deleted\":true.")
  static let attributeOptionCombos = Option(
    "--attribute-option-combo", values: "UID", help: "Read only these attribute option combos.")
  static let limit = Option("--limit", as: .number(in: 0...Int.max), help: "Read at most N values in all.")
  static let registrations = Flag("--registrations", help: "Read complete data set registrations instead of values.")

  static let selection = OptionGroup(
    "What to read",
    [
      dataSets, dataElements, dataElementGroups, orgUnits, orgUnitGroups, children,
      CalendarOptions.period.described(
        "Read these periods: DHIS2 ids (202401, 2024Q1, 2024W5) or relative ones (LAST_3_MONTHS). With --pair: each data set's own periods that overlap them."
      ),
      CalendarOptions.relativeDate, startDate, endDate, Changes.lastUpdated, Changes.lastUpdatedDuration,
      includeDeleted, attributeOptionCombos,
      limit, registrations, withRegistrations, withoutRegistrations,
    ])

  static let withRegistrations = Flag(
    "--with-registrations",
    help: "Add complete data set registrations (lines without a data element) after the values.")

  static let withoutRegistrations = Flag(
    "--without-registrations", help: "Read values only, even if the pair moves registrations too.")

  // MARK: How values are written

  /// Parameters of the Web API, by option name.
  static let schemes: [Option<String?>] = [
    .scheme("--id-scheme", "Write ids as UID, CODE, NAME or ATTRIBUTE:uid."),
    .scheme("--data-element-id-scheme", "Write the ids of data elements in this scheme."),
    .scheme("--org-unit-id-scheme", "Write the ids of organisation units in this scheme."),
    .scheme("--category-option-combo-id-scheme", "Write the ids of category option combos in this scheme."),
    .scheme("--attribute-option-combo-id-scheme", "Write the ids of attribute option combos in this scheme."),
    .scheme("--data-set-id-scheme", "Write the ids of data sets in this scheme, also in \"dataSet\"."),
  ]

  static let tagDataSet = Flag(
    "--tag-data-set",
    help: "Append \"dataSet\" to each value, as with several data sets: servers from 2.43 on ask for it.")

  private static let endLine = Flag(
    "--end-line",
    help:
      "End the output with a line that says what was asked for and that it is complete. d2-push --replace needs it."
  )

  static let output = OptionGroup("Output", schemes + [tagDataSet, endLine])

  // MARK: How they are fetched

  private enum Compression: String, CaseIterable { case gzip, none }

  static let spool = Flag(
    "--spool",
    help: "Hold each answer in a temporary file until it is complete, and fetch a broken one again.")
  private static let readAhead = Option(
    "--read-ahead", as: .sizeOrNone,
    help:
      "Read this much ahead of a slow reader, in memory and a temporary file (default 1G; 0: the server waits)."
  )
  private static let defaultReadAhead = 1 << 30
  static let noCheck = Flag(
    "--no-check",
    help: "Do not look for unknown ids, and do not repeat requests whose answers look like failed queries.")
  private static let compression = Option(
    "--compression", as: .one(of: Compression.self), help: "Ask for gzip (default) or for plain JSON.")
  static let count = Flag(
    "--count",
    help:
      "Estimate the number of values without moving them: count if there are few, else extrapolate from some units. With --explain it shows the requests too."
  )
  static let explain = Flag(
    "--explain", help: "Show the requests, one a line, without making them.")
  static let summary = Option(
    "--summary", value: "FILE", help: "Write values, requests, bytes, seconds and retries to FILE as a JSON object.")

  static let fetching = OptionGroup(
    "Fetching", [spool, readAhead, noCheck, compression, count, explain, summary])

  // MARK: What was asked for

  let server: ServerOptions
  var dataSets: [String]
  var dataElements: [String]
  var dataElementGroups: [String]
  var orgUnits: [String]
  var orgUnitGroups: [String]
  var children: Bool
  var periods: [String]
  /// The day from which relative periods count; `nil` for the server's today.
  let relativeDate: CalendarDate?
  var dates: (start: String, end: String)?
  var attributeOptionCombos: [String]
  let limit: Int?
  var kind: DataKind
  /// Whether to read registrations too.
  var withRegistrations: Bool
  /// Whether to ignore the pair's own setting.
  var withoutRegistrations: Bool
  /// The changes to read; `nil` for all values.
  var changes: Changes?
  /// Values that changed before this time are not written, whatever the server sends.
  var notBefore: UTCTime?
  /// Values that earlier increments delivered are not written either.
  var delivered: DeliveredValues?
  /// Parameters that are passed to the server unchanged.
  var passedOn: [(name: String, value: String)]
  var tagsDataSet: Bool
  /// The ids of data sets in the output, by uid, if they are not uids.
  var dataSetNames: [String: String] = [:]
  /// Whether to write a last line that confirms the complete output.
  var writesEndLine: Bool
  let spools: Bool
  /// How many bytes may be read ahead of the reader of the output.
  let readAhead: Int
  /// Whether to write the requests instead of sending them.
  let explains: Bool
  /// Whether to estimate the result instead.
  let counts: Bool
  let checks: Bool
  let today: CalendarDate
  /// The folder in which the commands of a worker take turns; `nil` outside of a worker.
  let turnFolder: String?
  let summaryFile: String?
  /// Set if sums are requested, and not the entered values.
  var analytics: AnalyticsOptions?

  /// - Parameter stored: the server of a pair, which adds to the selection what the command line leaves open.
  /// - Throws: `CommandFailure`, 64 if the selection is not possible.
  init(_ arguments: Arguments, _ log: Log, server stored: ConfiguredServer? = nil) throws(CommandFailure) {
    try CommandFailure.require(
      arguments.operands.isEmpty,
      "unexpected argument \(arguments.operands[0].quoted): d2-pull takes options only (d2-pull --help)")
    server = try Self.server(arguments, log, stored)
    dataSets = arguments[Self.dataSets].flatMap(\.listed).unique
    dataElements = arguments[Self.dataElements].unique
    dataElementGroups = arguments[Self.dataElementGroups].unique
    orgUnits = arguments[Self.orgUnits].unique
    orgUnitGroups = arguments[Self.orgUnitGroups].unique
    children = arguments[Self.children]
    periods = arguments[CalendarOptions.period].unique
    relativeDate = arguments[CalendarOptions.relativeDate]
    try CommandFailure.require(
      relativeDate == nil || periods.contains { RelativePeriod($0) != nil }, CalendarOptions.relativeDateNeedsPeriod)
    attributeOptionCombos = arguments[Self.attributeOptionCombos].unique
    kind = arguments[Self.registrations] ? .registrations : .dataValues
    withRegistrations = arguments[Self.withRegistrations]
    withoutRegistrations = arguments[Self.withoutRegistrations]
    try CommandFailure.require(
      !withRegistrations || !withoutRegistrations, "--with-registrations or --without-registrations, not both")
    limit = arguments[Self.limit]
    tagsDataSet = arguments[Self.tagDataSet]
    writesEndLine = arguments[Self.endLine]
    spools = arguments[Self.spool]
    readAhead = arguments[Self.readAhead] ?? Self.defaultReadAhead
    explains = arguments[Self.explain]
    counts = arguments[Self.count]
    checks = !arguments[Self.noCheck]
    today = arguments.today
    turnFolder = WorkerTurn.folder(arguments.environment)
    // The worker of a slice needs the summary of a pull, not of an estimate.
    let named = arguments[Self.summary]
    summaryFile = counts ? named : SummaryFile.path(named: named, command: "pull", environment: arguments.environment)
    analytics = try AnalyticsOptions(arguments)
    dates = try Self.dates(arguments)
    changes = Changes(arguments)
    passedOn = Query.parameters(Self.schemes, [Self.includeDeleted], arguments)
    try CommandFailure.require(
      analytics == nil || !withRegistrations, "--with-registrations is for values, not for --analytics")
    if analytics != nil { return }
    if arguments[Self.compression] != Compression.none { passedOn.append(("compression", "gzip")) }
    try CommandFailure.require(
      !withRegistrations || kind == .dataValues && limit == nil,
      "--with-registrations reads values and registrations: leave out --registrations and --limit")
    if stored == nil {
      if withRegistrations, dataElements.isEmpty { tagsDataSet = true }
      if let flag = arguments.first(of: PairPull.flags)?.name {
        throw CommandFailure(.usage, "\(flag) goes with --pair, which knows the data sets' period types, or --slice")
      }
      try check()
    }
  }

  private static func dates(_ arguments: Arguments) throws(CommandFailure) -> (start: String, end: String)? {
    switch (arguments[startDate]?.description, arguments[endDate]?.description) {
    case (nil, nil): return nil
    case (let start?, let end?):
      guard start <= end else { throw CommandFailure(.usage, "--start-date \(start) is after --end-date \(end)") }
      return (start, end)
    default: throw CommandFailure(.usage, "--start-date and --end-date go together")
    }
  }

  /// The connection to the server.
  ///
  /// - Parameter stored: the server of a pair, if there is one.
  /// - Throws: `CommandFailure`, 64.
  static func server(
    _ arguments: Arguments, _ log: Log, _ stored: ConfiguredServer?
  ) throws(CommandFailure) -> ServerOptions {
    if let stored { return try ServerOptions(arguments, log, stored) }
    return try ServerOptions(arguments, log, side: arguments[PairSide.option] ?? .source)
  }

  /// Copies the selection of analytics from other options.
  mutating func takeSums(of other: PullOptions) {
    (dataSets, dataElements, dataElementGroups) = (other.dataSets, other.dataElements, other.dataElementGroups)
    (orgUnits, orgUnitGroups, periods) = (other.orgUnits, other.orgUnitGroups, other.periods)
    analytics = other.analytics
  }

  /// The path of the Web API for the data.
  var path: String { analytics == nil ? kind.path : AnalyticsGrid.path }

  /// Whether only changed values are requested.
  var isIncrement: Bool { changes != nil }

  /// Whether only the named organisation units are requested.
  var hasNoUnitsBelow: Bool { !orgUnits.isEmpty && !children }

  /// Decides which values are written.
  var sieve: ValueSieve {
    ValueSieve(notBefore: notBefore, nullableKeys: MissingIDs.keys(self), delivered: delivered)
  }

  /// Whether all data sets, elements and groups share requests. Otherwise each data set has its own.
  var isOneSubject: Bool { kind == .registrations || !dataElements.isEmpty || !dataElementGroups.isEmpty }

  /// Whether it is for one data set and one organisation unit, and only the time restricts it further.
  var isOfOnePlace: Bool {
    dataSets.count == 1 && orgUnits.count == 1 && !isIncrement
      && [dataElements, dataElementGroups, orgUnitGroups, attributeOptionCombos].allSatisfy(\.isEmpty)
  }

  /// The options for the registrations of the same data sets, units and times.
  var ofRegistrations: PullOptions {
    var options = self
    options.kind = .registrations
    options.tagsDataSet = false
    options.delivered = nil
    options.passedOn.removeAll { $0.name == "includeDeleted" }
    options.changes = changes?.earlier(bySeconds: Self.moreOverlapSeconds)
    return options
  }

  /// How much more the increments of registrations overlap than those of values.
  private static let moreOverlapSeconds = Int(
    DataKind.registrations.overlapSeconds - DataKind.dataValues.overlapSeconds)

  /// The selection as the slices of an end line.
  ///
  /// - Throws: `CommandFailure`, 64 if it is only a part of a data set.
  func endLineScope() throws(CommandFailure) -> [Slice] {
    let isPart =
      isIncrement || limit != nil || dataSets.isEmpty || children && orgUnits.isEmpty
      || ![dataElements, dataElementGroups, orgUnitGroups, attributeOptionCombos].allSatisfy(\.isEmpty)
    let isOfAllTime = dates.map { $0 == ExportRequest.allTime } ?? true
    try CommandFailure.require(
      !isPart && isOfAllTime,
      "--end-line tells of whole data sets: select by --data-set, --org-unit and --period alone, or by --pair or a slice"
    )
    return dataSets.map { dataSet in
      var slice = Slice()
      slice.kind = kind
      slice.dataSet = dataSet
      slice.periods = periods.joined(separator: ",")
      slice.orgUnits = orgUnits
      slice.children = children
      return slice
    }
  }

  /// Whether each value names its data set.
  var isTagged: Bool { (tagsDataSet || dataSets.count > 1) && !isOneSubject }

  /// Checks that servers can answer the selection.
  func check() throws(CommandFailure) {
    func require(_ holds: Bool, _ message: String) throws(CommandFailure) {
      try CommandFailure.require(holds, message)
    }
    let hasElements = !dataElements.isEmpty || !dataElementGroups.isEmpty
    if kind == .registrations {
      try require(!dataSets.isEmpty, "--registrations needs --data-set")
      try require(!hasElements, "--registrations are of data sets: leave out data elements and their groups")
      try require(!isIncrement, "registrations know no lastUpdated: select them by --period or dates")
    } else {
      try require(
        !withRegistrations || !dataSets.isEmpty && !hasElements, "--with-registrations needs --data-set, and it alone")
      try require(
        !dataSets.isEmpty || hasElements, "say what to read: --data-set, --data-element or --data-element-group")
      try require(
        dataElementGroups.isEmpty || (dataSets.isEmpty && dataElements.isEmpty),
        "--data-element-group goes alone: servers up to 2.42 would leave out the data sets and elements beside it")
    }
    try require(
      dataSets.isEmpty || dataElements.isEmpty || dataSets.count + dataElements.count <= 50,
      "--data-set together with --data-element: at most 50 in all, since they must go in one request; ask for them apart"
    )
    try require(
      !orgUnits.isEmpty || !orgUnitGroups.isEmpty,
      "say for which organisation units: --org-unit or --org-unit-group")
    try require(!children || orgUnitGroups.isEmpty, "--children does not go with --org-unit-group (E2007)")
    try require(periods.isEmpty || dates == nil, "--period and --start-date exclude each other (E2003)")
    try require(
      !periods.isEmpty || dates != nil || isIncrement,
      "say for which time: --period, --start-date with --end-date, or --last-updated")
    try require(
      !tagsDataSet || (!dataSets.isEmpty && dataElements.isEmpty),
      "--tag-data-set needs values selected by --data-set alone")
  }
}
