import D2Client
import D2Common
import D2Ledger
import D2Store

/// Makes slices for a pair: a backlog by the calendar, or the increment of each data set.
struct Planner {
  static let only = Option(
    "--only", "-l", value: "UNIT,…",
    help:
      "Plan only these organisation units, each with all below it: a name, code or uid, LEVEL-4 or GROUP:name. LEVEL-4,Bo means the units of level 4 below Bo."
  )
  static let incremental = Flag(
    "--incremental", "-i",
    help: "Plan what changed since the last delivery of each data set; everything if there was none, and for new units."
  )
  static let overlap = Option(
    "--overlap", as: .duration,
    help:
      "Go back this much before the last delivery with -i (default 1h; registrations 24h), for imports that were not stored yet and for clocks that differ."
  )
  static let registrations = Flag("--registrations", help: "Plan complete data set registrations too.")
  static let span = Option(
    "--span", as: .one(of: PeriodSpan.self),
    help:
      "Put this much time into a slice (default month). Larger slices are faster on slow links, but an interruption costs more."
  )
  static let replace = Flag(
    "--replace",
    help: "After each slice, delete what the destination has of it and the source lacks (d2-push --replace).")
  static let maxDelete = Option(
    "--max-delete", as: .quota,
    help:
      "Fail a slice that would delete more than N values, or P percent of what the destination has (default 1%).")
  static let again = Flag(
    "--again",
    help:
      "Let done and parked slices wait again, if no slice of this plan is open. After an interruption the same command resumes."
  )
  static let name = Option(
    "--plan", value: "NAME", help: "Call this plan NAME, for run --plan NAME; it replaces an older plan of that name.")

  static let options: [any AnyOption] =
    [PairOptions.dataSets, only, CalendarOptions.period] + CalendarOptions.options
    + [incremental, overlap, registrations, replace, maxDelete, span, again, RemovedPlanner.option, name]

  let store: Store
  let pair: Pair
  let arguments: Arguments
  let log: Log
  private var ledger: Ledger { Ledger(store) }

  func run() throws -> ExitStatus {
    if arguments[AnalyticsSubject.analytics] {
      try report(AnalyticsPlanner(store: store, pair: pair, arguments: arguments, log: log).plan())
      return .success
    }
    if let option = arguments.first(of: AnalyticsPlanner.group.options) {
      throw CommandFailure(.usage, "\(option.name) goes with --analytics")
    }
    if arguments[RemovedPlanner.option] {
      try report(RemovedPlanner(store: store, pair: pair, arguments: arguments, log: log).run(dataSets()))
      return .success
    }
    guard !arguments.has(Self.maxDelete) || arguments[Self.replace] else {
      throw CommandFailure(.usage, "--max-delete goes with --replace")
    }
    guard !arguments[Self.replace] || !arguments[Self.incremental] else {
      throw CommandFailure(.usage, "--replace is for a backlog: an increment holds what changed, and lacks all else")
    }
    // The source's time before anything is read.
    let client = try pair.client(of: .source, arguments, log)
    let info = try ServerInfo(client)
    let isIncrement = arguments[Self.incremental]
    try checkCalendar(info, client, isOfAllTime: isIncrement && CalendarOptions.flags(in: arguments).isEmpty)
    if isIncrement, info.time == nil {
      throw CommandFailure(
        .notDHIS2, "\(client.server) does not tell the time: an increment cannot know where the next one begins")
    }
    let calendar = try calendar(isIncrement: isIncrement)?.dated(arguments, by: client, log)
    let asked = try AskedOrgUnits.ask(arguments[Self.only], client)
    // A unit that becomes active meanwhile is wholly in this plan, or is new for the next one.
    let outcome = try store.database.exclusively(pair: pair.id) {
      try plan(isIncrement: isIncrement, now: info.time, calendar, asked)
    }
    try report(outcome)
    // If increments are still in progress, each data set has reported it.
    guard outcome.planned == 0, !isIncrement || !CalendarOptions.flags(in: arguments).isEmpty else { return .success }
    log.error("no slice is planned: no chosen data set of \(pair.label) has a period in these dates that has begun")
    return .incomplete
  }

  private func report(_ outcome: LedgerPlan.Outcome) throws {
    let there = outcome.planned - outcome.added
    log.info(
      "\(counted(outcome.planned, "slice")) planned: \(outcome.added) added, \(there) were there"
        + (outcome.again > 0 ? ", \(outcome.again) of them wait again" : ""))
    let open = try ledger.open(pair, plan: arguments[Self.name])
    let line: JSONValue = [
      "planned": .int(outcome.planned), "added": .int(outcome.added), "there": .int(there),
      "again": .int(outcome.again),
      // What a run would move now.
      "open": .int(open.waiting + open.leased + open.retry),
    ]
    let output = LineOutput.standardOutput()
    try output.line(line.ofDryRun(arguments[Command.dryRun]).text)
    try output.flush()
  }

  /// Checks the server's calendar. Slices without periods work with any calendar.
  private func checkCalendar(_ info: ServerInfo, _ client: DHIS2Client, isOfAllTime: Bool) throws {
    guard !info.isGregorian else { return }
    guard isOfAllTime else {
      throw CommandFailure(
        .usage,
        "\(client.server) has the calendar \(info.calendar), and no slice is planned: slices by dates are made of "
          + "Gregorian periods. \(PairCalendars.whatWorks(pair: pair.label).capitalisedSentence)")
    }
    try PairCalendars.check(info.calendar, of: client.server, other: pair.destination, arguments, log)
  }

  /// Writes the slices, while the pair is locked.
  ///
  /// - Parameters:
  ///   - now: the time by the source's clock; an increment needs it.
  ///   - calendar: the periods to read; `nil` for an increment of all time.
  ///   - asked: the source's units for levels and groups of `--only`.
  func plan(
    isIncrement: Bool, now: UTCTime?, _ calendar: DatedCalendar?, _ asked: AskedOrgUnits? = nil
  ) throws -> LedgerPlan.Outcome {
    let planned = try ledger.databaseTime()
    let sets = try dataSets()
    let units = try OrgUnitTable(store, pair).all()
    let cover = try OrgUnitCover(units, only: arguments[Self.only], asked: asked, pair, log)
    var plan = LedgerPlan()
    let everywhere = plan.add(places: cover.places)
    for set in sets {
      for kind in kinds {
        if isIncrement, let now {
          try increment(
            set, kind, of: units, everywhere: everywhere, until: now, planned: planned, calendar, &plan)
        } else if let calendar {
          var subject = LedgerPlan.Subject(set, kind, places: everywhere, today: arguments.today)
          if arguments[Self.replace] { subject.replaces = arguments[Self.maxDelete] ?? .usualDeletion }
          try backlog(set, subject, calendar, &plan)
        }
      }
    }
    return try plan.writeLocked(pair, to: ledger, name: arguments[Self.name], again: arguments[Self.again])
  }

  /// The periods from the calendar options; `nil` for an increment without them, which covers all time.
  func calendar(isIncrement: Bool) throws(CommandFailure) -> CalendarOptions? {
    isIncrement && CalendarOptions.flags(in: arguments).isEmpty ? nil : try CalendarOptions(arguments)
  }

  /// Registrations that are moved with the values need no slices.
  private var kinds: [DataKind] {
    arguments[Self.registrations] && !pair.movesRegistrations ? DataKind.allCases : [.dataValues]
  }

  private func dataSets() throws -> [DataSet] {
    try DataSetTable(store, pair).chosen(arguments[PairOptions.dataSets], of: pair)
  }

  // MARK: Backlog

  private func backlog(
    _ set: DataSet, _ subject: LedgerPlan.Subject, _ calendar: DatedCalendar, _ plan: inout LedgerPlan
  ) throws {
    let periods = calendar.periods(of: try set.type(inPair: pair.label), openFuturePeriods: set.openFuturePeriods)
    for group in (arguments[Self.span] ?? .month).groups(periods) {
      var subject = subject
      subject.periods = group.count == 1 ? group[0].id : "\(group[0].id)..\(group.last!.id)"
      subject.newest = group[0].start.dayNumber
      plan.add(subject)
    }
  }

  // MARK: Increment

  /// Plans the changes of units that were there at the last delivery, and everything of units that were added since.
  private func increment(
    _ set: DataSet, _ kind: DataKind, of units: [OrgUnit], everywhere: Int, until now: UTCTime, planned: Int,
    _ calendar: DatedCalendar?, _ plan: inout LedgerPlan
  ) throws {
    let name = set.name + kind.suffix
    if try ledger.hasWindowUnderWay(pair, set.uid, kind) {
      log.info("\(name): the last increment is still open: d2-slices run moves it, then plan -i adds the next one")
      return
    }
    // An increment of some districts or dates says nothing about the others. So the mark stays.
    let isWhole = !arguments.has(Self.only) && calendar == nil
    var subject = LedgerPlan.Subject(set, kind, places: everywhere, today: arguments.today)
    subject.window = try ledger.openWindow(pair, set.uid, kind, until: now, planned: planned, isWhole: isWhole)
    func add() throws {
      if let calendar { try backlog(set, subject, calendar, &plan) } else { plan.add(subject) }
    }
    guard let through = set.marks[kind]?.through else { return try add() }
    let overlap = arguments[Self.overlap] ?? kind.overlapSeconds
    subject.since = UTCTime(seconds: through.seconds - Int(overlap)).iso8601
    try add()
    let new = NewUnits.find(in: units, since: set.marks[kind]?.coveredAt ?? 0)
    guard !new.isEmpty else { return }
    log.info("\(name): \(counted(new.count, "organisation unit")) became active since: all of theirs is pulled")
    subject.since = ""
    subject.places = plan.add(places: OrgUnitCover.cover(new, among: units))
    try add()
  }
}
