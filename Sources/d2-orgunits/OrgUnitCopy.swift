import D2Client
import D2Common
import D2Store

/// Makes at the destination the organisation units that it lacks and, where asked, changes those that it has otherwise.
///
/// Both servers are compared, then the destination is asked what it thinks of each change (`importMode=VALIDATE`), then
/// the person; only then anything is stored, parents first, batch by batch. After a kill, run it
/// again: what is there by then is not a change any more.
struct OrgUnitCopy {
  static let update = Flag(
    "--update", help: "Copy renames, moves, codes, opening and closing dates of existing units too.")
  static let sameName = Flag(
    "--allow-same-name", help: "Make units too whose name another unit has below the same parent.")

  let store: Store
  let pair: Pair
  let arguments: Arguments
  let log: Log
  private let source: DHIS2Client
  private let destination: DHIS2Client
  private let units: ComparedUnits

  /// Units in one import: a real server takes seconds for them, and their geometry fits a request.
  private static let batch = 250

  init(store: Store, pair: Pair, arguments: Arguments, log: Log) throws {
    self.store = store
    self.pair = pair
    self.arguments = arguments
    self.log = log
    source = try pair.client(of: .source, arguments, log)
    destination = try pair.client(of: .destination, arguments, log)
    units = try ComparedUnits()
  }

  func run() throws -> ExitStatus {
    try readBoth()
    if let unit = arguments[PairOptions.below] { try units.restrict(below: unit) }
    try units.plan(updates: arguments[Self.update], allowsSameName: arguments[Self.sameName])
    try validate(.add)
    try validate(.update)
    try warnOfRights()
    var listing = Listing(arguments, columns: ["change", "id", "name", "path", "reason"])
    let planned = try (added: units.planned(.add), updated: units.planned(.update))
    if arguments[Command.dryRun] {
      try units.changes { try listing.add($0) }
    } else if planned.added + planned.updated > 0 {
      try show(planned)
      try Prompt.confirm(
        "\(Self.words(planned)) at \(destination.server)?", otherwise: "nothing was changed", arguments)
      do {
        try freeCodes()
        try perform(.add, &listing)
        try perform(.update, &listing)
      } catch {
        try listing.finish()
        throw error
      }
    }
    return try report(&listing)
  }

  // MARK: Comparing

  private func readBoth() throws {
    var active: Set<String> = []
    var disabled: Set<String> = []
    try OrgUnitTable(store, pair).forEach { unit in
      if unit.isActive { active.insert(unit.uid) }
      if unit.isDisabled { disabled.insert(unit.uid) }
    }
    guard !active.isEmpty else {
      throw CommandFailure(
        .usage, "no unit of \(pair.label) is active: run d2-orgunits sync --pair \(pair.word) first")
    }
    for (side, client) in [(PairSide.source, source), (.destination, destination)] {
      try MetadataPages("organisationUnits", fields: ComparedUnits.fields, client).read {
        try units.forget(side)
      } page: { page in
        try units.take(page, of: side) { $0.contains(where: active.contains) && !$0.contains(where: disabled.contains) }
      }
    }
  }

  // MARK: Validating

  /// Asks the destination what it thinks of all changes, and keeps what is to be posted.
  private func validate(_ work: ComparedUnits.Work) throws {
    while true {
      try Signals.check()
      let batch = try units.next(work, hasPayload: false, Self.batch)
      guard !batch.isEmpty else { return try units.holdBack() }
      let payloads = try payloads(of: batch, work)
      for unit in batch where payloads[unit.uid] == nil {
        try units.refuse(unit.uid, "gone", "it was removed while the command ran")
      }
      let known = batch.filter { payloads[$0.uid] != nil }
      let posted = try known.map { ($0.uid, try standIn(for: $0, payloads).text) }
      let refused = try post(posted, work, validatesOnly: true).refused
      try refuse(refused, of: batch)
      for (uid, payload) in payloads where refused[uid] == nil { try units.keep(payload.text, of: uid) }
      try units.holdBack()
    }
  }

  /// What is validated of a unit. The next existing unit above stands for a parent that is not there yet. So everything
  /// else of the unit is validated before anything is stored. A code that another unit still has is left out.
  private func standIn(for unit: ComparedUnits.Unit, _ payloads: [String: JSONValue]) throws -> JSONValue {
    var payload = payloads[unit.uid] ?? .null
    if unit.awaitsCode { payload = payload.replacing("code", nil) }
    guard let parent = unit.parent, payloads[parent] == nil, try !units.isThere(parent) else { return payload }
    return payload.replacing("parent", try units.nearestThere(above: unit).map { ["id": .string($0)] })
  }

  /// Notes why units are refused. One whose parent in the same batch was refused is an orphan, and noted as such.
  private func refuse(_ refused: [String: [String]], of batch: [ComparedUnits.Unit]) throws {
    for unit in batch {
      guard let reasons = refused[unit.uid] else { continue }
      let isOrphan = unit.parent.map { refused[$0] != nil } ?? false
      guard !isOrphan || !reasons.allSatisfy({ $0.hasPrefix("E5002") }) else { continue }
      try units.refuse(unit.uid, Self.problem(reasons), reasons.joined(separator: "; "))
    }
  }

  private func payloads(of batch: [ComparedUnits.Unit], _ work: ComparedUnits.Work) throws -> [String: JSONValue] {
    let uids = batch.map(\.uid)
    let here = Self.byUID(try source.objects(uids, in: "organisationUnits", fields: OrgUnitPayload.fields))
    let there =
      work == .update
      ? Self.byUID(try destination.objects(uids, in: "organisationUnits", fields: ":owner")) : [:]
    return Dictionary(
      uniqueKeysWithValues: batch.compactMap { unit in
        guard let object = here[unit.uid] else { return nil }
        guard work == .update else { return (unit.uid, OrgUnitPayload.new(object, parent: unit.parent)) }
        return there[unit.uid].map { (unit.uid, OrgUnitPayload.changed($0, by: object, parent: unit.parent)) }
      })
  }

  private static func byUID(_ objects: [JSONValue]) -> [String: JSONValue] {
    Dictionary(objects.compactMap { object in object["id"]?.string.map { ($0, object) } }, uniquingKeysWith: { $1 })
  }

  /// The code of the first reason.
  private static func problem(_ reasons: [String]) -> String {
    reasons.first.map { String($0.prefix { $0 != " " }) } ?? "refused"
  }

  // MARK: Posting

  /// Posts units until the destination finds no fault with those that are left.
  ///
  /// - Returns: those that it took, and why it refuses others.
  private func post(
    _ objects: [(uid: String, payload: String)], _ work: ComparedUnits.Work, validatesOnly: Bool
  ) throws -> (taken: [String], refused: [String: [String]]) {
    var rest = objects
    var taken: [String] = []
    var refused: [String: [String]] = [:]
    while !rest.isEmpty {
      try Signals.check()
      let report: MetadataReport
      do {
        report = try destination.importMetadata(
          "organisationUnits", rest.map(\.payload), work == .add ? .create : .update, validatesOnly: validatesOnly)
      } catch let error as ServerError where rest.count > 1 && (error.tookTooLong || error.kind == .status(413)) {
        let half = rest.count / 2
        for part in [Array(rest[..<half]), Array(rest[half...])] {
          let outcome = try post(part, work, validatesOnly: validatesOnly)
          taken += outcome.taken
          refused.merge(outcome.refused) { $1 }
        }
        return (taken, refused)
      }
      let faulty = rest.filter { report.problems[$0.uid] != nil }
      guard !faulty.isEmpty else {
        guard report.problems.isEmpty else {
          throw ServerError(
            destination.server, "/api/metadata", .malformed,
            "the import was refused, and no posted unit is named: \(report.problems.values.joined().joined(separator: "; "))"
          )
        }
        return (taken + rest.map(\.uid), refused)
      }
      for (uid, _) in faulty {
        let reasons = report.problems[uid] ?? []
        // It was not there a moment ago: this command made it, and the answer was lost on its way.
        if work == .add, reasons.allSatisfy({ $0.hasPrefix("E5000") }) {
          taken.append(uid)
        } else {
          refused[uid] = reasons
        }
      }
      let settled = Set(faulty.map(\.uid))
      rest.removeAll { settled.contains($0.uid) }
    }
    return (taken, refused)
  }

  /// Takes the codes from units that get others, if other units are to have them: of units that swap their codes, none
  /// could be changed first. A run that is killed after this leaves units without a code; the next one gives it to
  /// them.
  private func freeCodes() throws {
    while true {
      let batch = try units.nextToFree(Self.batch)
      guard !batch.isEmpty else { return }
      let objects = try destination.objects(batch.map(\.uid), in: "organisationUnits", fields: ":owner")
      let there = Self.byUID(objects).mapValues { $0.replacing("code", nil).text }
      for unit in batch where there[unit.uid] == nil {
        try units.refuse(unit.uid, "gone", "it was removed while the command ran")
      }
      let outcome = try post(there.sorted { $0.key < $1.key }.map { ($0, $1) }, .update, validatesOnly: false)
      try refuse(outcome.refused, of: batch)
      try units.free(outcome.taken)
      try units.holdBack()
    }
  }

  /// Stores what the destination found well, and writes a line of each change when it is done.
  private func perform(_ work: ComparedUnits.Work, _ listing: inout Listing) throws {
    while true {
      let batch = try units.next(work, hasPayload: true, Self.batch)
      guard !batch.isEmpty else { return }
      let outcome = try post(batch.map { ($0.uid, $0.payload ?? "{}") }, work, validatesOnly: false)
      try refuse(outcome.refused, of: batch)
      try units.changes(of: outcome.taken) { try listing.add($0) }
      try listing.flush()
      try units.finish(outcome.taken)
      try units.holdBack()
    }
  }

  // MARK: Telling

  private static func words(_ planned: (added: Int, updated: Int)) -> String {
    let parts = [
      planned.added > 0 ? "make \(counted(planned.added, "organisation unit"))" : nil,
      planned.updated > 0
        ? "change \(counted(planned.updated, planned.added > 0 ? "other" : "organisation unit"))" : nil,
    ]
    return parts.compactMap { $0 }.joined(separator: " and ")
  }

  private static let mostShown = 20

  /// What is about to happen; all of it tells --dry-run.
  private func show(_ planned: (added: Int, updated: Int)) throws {
    guard !arguments[Prompt.confirmation] else { return }
    var shown = 0
    try units.changes { line in
      shown += 1
      guard shown <= Self.mostShown else { return }
      log.info("\(line["change"]?.string ?? "") \(line["name"]?.string ?? "") (\(line["path"]?.string ?? ""))")
    }
    if shown > Self.mostShown { log.info("and \(shown - Self.mostShown) more; --dry-run lists all") }
  }

  /// What the destination's user may not do with new units is better known before.
  private func warnOfRights() throws {
    guard try units.planned(.add) > 0 else { return }
    let me = try destination.json("/api/me?fields=username,organisationUnits%5Bid%5D")
    let outside = try units.countOutside(me.uids("organisationUnits"))
    guard outside > 0 else { return }
    log.warning(
      "\(counted(outside, "new unit"))\(verbForm(outside, "lies", "lie")) outside of the units of "
        + "\(me["username"]?.string ?? "the user") at \(destination.server): "
        + "its values would be refused (E7617, E8011)"
    )
  }

  private func report(_ listing: inout Listing) throws -> ExitStatus {
    var reasons = ReasonCounts()
    var refused = 0
    try units.refusals { line, problem, reason in
      try listing.add(line)
      refused += 1
      reasons.add(problem == "parentMissing" || problem == "sameName" ? problem : reason, ofAtMost: 1000)
    }
    try listing.finish()
    let isTrial = arguments[Command.dryRun]
    func count(_ work: ComparedUnits.Work) throws -> Int {
      try isTrial ? units.planned(work) : units.count("work = '\(work.rawValue)' AND done")
    }
    let (wanted, added, changed) = try (units.count("wanted"), count(.add), count(.update))
    let verb = isTrial ? "would be " : ""
    log.info(
      "\(counted(wanted, "organisation unit")) of \(source.server) compared: "
        + "\(added) \(verb)added, \(changed) \(verb)changed, \(refused) refused at \(destination.server)"
    )
    for (reason, count) in reasons.commonest(5) { log.warning("refused \(count): \(reason)") }
    let moved = try units.countMovedWithUnitsBelow()
    if moved > 0 {
      log.warning(
        "\(counted(moved, "unit")) with others below\(verbForm(moved, "was", "were")) moved: let \(destination.server) "
          + "update the paths (maintenance, or POST /api/maintenance?ouPathsUpdate=true)"
      )
    }
    return refused == 0 ? .success : .incomplete
  }
}
