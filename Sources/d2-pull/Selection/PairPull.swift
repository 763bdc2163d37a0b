import D2Client
import D2Common
import D2Store

/// A selection from the store instead of the command line.
protocol StoredSelection: Sendable {
  /// The server to read from.
  var server: ConfiguredServer { get }
  /// Data sets that another command of the worker will request. They are looked up together with this one's.
  var siblings: [String] { get }
  /// Whether the pair's registrations are moved together with its values.
  var movesRegistrations: Bool { get }
  /// Records the written values for later increments.
  func noteDelivered()

  /// The selections, including what the options add.
  ///
  /// - Throws: `ServerError`, `CommandFailure`.
  func selections(_ options: PullOptions, _ client: DHIS2Client, _ log: Log) throws -> [PullOptions]
}

extension StoredSelection {
  var siblings: [String] { [] }
  func noteDelivered() {}
}

/// The selection of a pair: the source, its active data sets, its organisation units and the calendar.
struct PairPull: StoredSelection {
  static let only = Option(
    "--only", "-l", value: "UNIT,…",
    help:
      "Read only these active units of the pair, each with all below it: a name, code or uid, LEVEL-4 or GROUP:name. LEVEL-4,Bo means the units of level 4 below Bo."
  )
  static let incremental = Flag(
    "--incremental", "-i",
    help: "Read only what changed since the last delivery of each data set (d2-datasets list: syncedThrough).")
  private static let overlap = Option(
    "--overlap", as: .duration,
    help:
      "Go back this much further with -i (default 1h), for imports that were not stored yet and for clocks that differ."
  )

  static let group = OptionGroup(
    "What to read from a pair in the store",
    [PairOptions.pair, PairSide.option, SliceOption.option, only] + CalendarOptions.flags
      + [incremental, overlap, Store.option])

  /// Options that need a pair.
  static let flags: [any AnyOption] = [only, incremental, overlap, Store.option] + CalendarOptions.flags

  /// Options that select units and periods of a pair.
  static let selecting: [any AnyOption] = [only, incremental, overlap] + CalendarOptions.options

  let server: ConfiguredServer
  let movesRegistrations: Bool
  private let side: PairSide
  private let label: String
  private let dataSets: [DataSet]
  /// `nil` if the command line names units of the source, or the source must be asked.
  private let cover: OrgUnitCover?
  /// All units of the store, if the options name levels or groups of the source.
  private let units: [OrgUnit]?
  private let pair: Pair
  /// `nil` if the dates or periods of the command line are used as they are.
  private let calendar: CalendarOptions?
  /// Set if `--period` is the only option for the time. A server with another calendar gets its ids as typed.
  private let periods: (typed: [String], failure: CommandFailure?)?
  private let arguments: Arguments
  private let other: ConfiguredServer
  private let isIncrement: Bool
  private let overlapSeconds: Double

  /// Reads the store. - Throws: `StoreError`, `CommandFailure`.
  init(_ arguments: Arguments, _ log: Log) throws {
    let (store, pair) = try PairOptions.open(arguments)
    side = arguments[PairSide.option] ?? .source
    server = side.server(of: pair)
    other = side.other.server(of: pair)
    self.arguments = arguments
    label = pair.label
    self.pair = pair
    movesRegistrations = pair.movesRegistrations
    overlapSeconds = arguments[Self.overlap] ?? DataKind.dataValues.overlapSeconds
    isIncrement = arguments[Self.incremental]
    guard side == .source || !isIncrement else {
      throw CommandFailure(.usage, "-i is for the source: what was delivered says nothing of the destination's clock")
    }
    dataSets = try DataSetTable(store, pair).chosen(arguments[PullOptions.dataSets], of: pair)
    if let set = dataSets.first(where: { !$0.isActive }) {
      throw CommandFailure(
        .usage, "data set \(set.uid) (\(set.name)) is inactive: d2-datasets enable --pair \(pair.word) \(set.uid)")
    }
    if let option = arguments.first(of: [PullOptions.dataElements, PullOptions.dataElementGroups]) {
      throw CommandFailure(.usage, "\(option.name) does not go with --pair, which pulls data sets")
    }
    (calendar, periods) = try Self.times(arguments)
    let namesUnits = arguments.has(PullOptions.orgUnits) || arguments.has(PullOptions.orgUnitGroups)
    guard !namesUnits || !arguments.has(Self.only) else {
      throw CommandFailure(.usage, "give either -l/--only, units of the pair, or --org-unit, any of the source")
    }
    let only = arguments[Self.only]
    units = only.map { OrgUnitWords($0).needsServer } ?? false ? try OrgUnitTable(store, pair).all() : nil
    cover = namesUnits || units != nil ? nil : try OrgUnitCover(OrgUnitTable(store, pair).all(), only: only, pair, log)
  }

  /// The times of the selection. Ids of another calendar need not be Gregorian ones. Whether that matters is known when
  /// the server has reported its calendar.
  private static func times(
    _ arguments: Arguments
  ) throws(CommandFailure) -> (CalendarOptions?, (typed: [String], failure: CommandFailure?)?) {
    let typed = arguments[CalendarOptions.period].unique
    let isAlone = CalendarOptions.flags(in: arguments).map(\.name) == [CalendarOptions.period.name]
    do throws(CommandFailure) {
      let calendar = try calendar(arguments)
      return (calendar, isAlone ? (typed, nil) : nil)
    } catch {
      let takesDates = arguments.has(PullOptions.startDate) || arguments.has(PullOptions.endDate)
      guard isAlone, !takesDates, typed.allSatisfy({ PeriodID.isPlausible($0) }) else { throw error }
      return (nil, (typed, error))
    }
  }

  /// The calendar options. An increment without them covers all time. Dates and times that are passed to the server
  /// unchanged need no calendar.
  private static func calendar(_ arguments: Arguments) throws(CommandFailure) -> CalendarOptions? {
    let flag = CalendarOptions.flags(in: arguments).first?.name
    let takesDates = arguments.has(PullOptions.startDate) || arguments.has(PullOptions.endDate)
    if let flag, takesDates { throw CommandFailure(.usage, "\(flag) and --start-date exclude each other") }
    let needsNone = arguments.first(of: [incremental, Changes.lastUpdated, Changes.lastUpdatedDuration]) != nil
    if flag == nil, takesDates || needsNone { return nil }
    return try CalendarOptions(arguments)
  }

  // MARK: Selections

  /// The selections, by priority of the organisation units, with periods of each data set's own type.
  ///
  /// - Throws: `ServerError`; `CommandFailure`, 64 if the source's calendar differs from that of the flags or of the
  ///   destination.
  func selections(_ options: PullOptions, _ client: DHIS2Client, _ log: Log) throws -> [PullOptions] {
    // The next increment begins at the server's current time, which this answer contains before anything is read.
    let asTyped = try takesPeriodsAsTyped(client, log) ? periods?.typed : nil
    // Both sides of a pair get the same request, by the source's clock, levels and groups.
    func source() throws -> DHIS2Client {
      side == .source
        ? client : DHIS2Client(try ServerOptions(arguments, log, other, takesCredentials: false), log)
    }
    let calendar = try calendar?.dated(arguments, by: try source(), log)
    let asked = try units.map { units in
      let only = arguments[Self.only]
      return try OrgUnitCover(units, only: only, asked: .ask(only, try source()), pair, log)
    }
    var ofSets: [PullOptions] = []
    for set in dataSets {
      if let selection = try selection(of: set, options, periods: asTyped, calendar, log) {
        ofSets.append(selection)
      } else {
        log.info("data set \(set.name) has no period in these dates that has begun")
      }
    }
    guard !ofSets.isEmpty else {
      throw CommandFailure(.incomplete, "no active data set of \(label) has a period in these dates that has begun")
    }
    guard let cover = asked ?? cover else {
      for selection in ofSets { try selection.check() }
      return ofSets
    }
    return cover.places.flatMap { places in
      ofSets.map { selection in
        var selection = selection
        selection.orgUnits = places.units
        selection.children = places.children
        return selection
      }
    }
  }

  /// The selection for one data set; `nil` if it has none of the requested periods.
  private func selection(
    of set: DataSet, _ options: PullOptions, periods: [String]?, _ calendar: DatedCalendar?, _ log: Log
  ) throws -> PullOptions? {
    var selection = options
    selection.dataSets = [set.uid]
    selection.tagsDataSet = options.kind == .dataValues
    if side == .source, set.asksForDeleted(options.kind),
      !options.passedOn.contains(where: { $0.name == "includeDeleted" })
    {
      selection.passedOn.append(("includeDeleted", "true"))
    }
    if let periods {
      selection.periods = periods
    } else if let calendar {
      let type = try set.type(inPair: label)
      selection.periods = calendar.periods(of: type, openFuturePeriods: set.openFuturePeriods).map(\.id)
      if selection.periods.isEmpty { return nil }
    }
    guard isIncrement else { return selection }
    if options.kind == .registrations {
      throw CommandFailure(.usage, "-i is for values: registrations know no lastUpdated")
    }
    if options.isIncrement { throw CommandFailure(.usage, "-i and --last-updated exclude each other") }
    if let through = set.marks[options.kind]?.through {
      selection.changes = .since(UTCTime(seconds: through.seconds - Int(overlapSeconds)))
    } else {
      log.info(
        "data set \(set.name) was not delivered yet (d2-datasets mark): all of it is pulled, not only what changed")
      if calendar == nil, selection.dates == nil { selection.dates = ExportRequest.allTime }
    }
    return selection
  }

  /// Whether the server has another calendar. Then only `--period` works, as typed.
  ///
  /// Other calendar flags mean Gregorian days; period ids of another calendar could only be guessed from them.
  ///
  /// - Throws: `CommandFailure`, 64 for other flags in this case, or if the other end of the pair has yet another
  ///   calendar.
  private func takesPeriodsAsTyped(_ client: DHIS2Client, _ log: Log) throws -> Bool {
    do {
      let info = try client.serverInfo()
      if !info.isGregorian {
        if let relative = calendar?.relatives.first {
          throw CommandFailure(
            .usage,
            "\(client.server) has the calendar \(info.calendar): \(relative) means other days there. "
              + PairCalendars.whatWorks(pair: label).capitalisedSentence)
        }
        if periods == nil, calendar != nil {
          let flag = CalendarOptions.flags(in: arguments).first.map { "\($0.name) means" } ?? "the current year means"
          throw CommandFailure(
            .usage,
            "\(client.server) has the calendar \(info.calendar): \(flag) other days there. "
              + PairCalendars.whatWorks(pair: label).capitalisedSentence)
        }
        try PairCalendars.check(info.calendar, of: client.server, other: other, arguments, log)
        return true
      }
    } catch let error as ServerError {
      guard error.leavesDataInReach, error.server == client.server else { throw error }
      log.warning("cannot ask for the calendar: \(error); taking it for Gregorian")
    }
    if let failure = periods?.failure { throw failure }
    return false
  }
}
