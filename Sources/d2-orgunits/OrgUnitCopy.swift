import D2Client
import D2Common
import D2Store

/// Creates the organisation units that the destination lacks. With `--update` it also changes those that differ.
///
/// It compares both servers, lets the destination validate each change (`importMode=VALIDATE`), and asks the user. Only
/// then does it store the units, parents first, batch by batch. After a kill, run it again: it then skips the units
/// that exist.
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
  private var attributes = UnitAttributes()
  /// Attributes of new units that the destination lacks. Their values are not copied.
  private var lackingAttributes: Set<String> = []

  /// The number of units in one import.
  ///
  /// For each import, DHIS2 loads the codes, uids and paths of all its units. So large batches pay: 100,000 new units
  /// need 400 imports, half of them to validate. Faulty units do not make them expensive, because one report names all
  /// of these. Only an import that is too large (413) or takes too long is halved.
  private static let batch = 500

  init(store: Store, pair: Pair, arguments: Arguments, log: Log) throws {
    self.store = store
    self.pair = pair
    self.arguments = arguments
    self.log = log
    source = try pair.client(of: .source, arguments, log)
    destination = try pair.client(of: .destination, arguments, log)
    units = try ComparedUnits()
  }

  mutating func run() throws -> ExitStatus {
    try readBoth()
    if let unit = arguments[PairOptions.below] { try units.restrict(below: unit) }
    try units.plan(updates: arguments[Self.update], allowsSameName: arguments[Self.sameName])
    if try units.planned(.add) > 0 { attributes = try unitAttributes() }
    try validate(.add)
    warnOfLackingAttributes()
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

  private func unitAttributes() throws -> UnitAttributes {
    UnitAttributes(
      try destination.objects(in: "attributes", fields: "id,mandatory", filter: "organisationUnitAttribute:eq:true"))
  }

  // MARK: Validating

  /// Lets the destination validate all changes, and stores the JSON to post.
  private mutating func validate(_ work: ComparedUnits.Work) throws {
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
      let outcome = try post(posted, work, validatesOnly: true)
      try refuse(outcome.refused, of: batch)
      for (uid, payload) in payloads where outcome.refused[uid] == nil {
        let omitted = outcome.omitted[uid] ?? []
        let accepted = OrgUnitPayload.omitting(omitted, from: payload, mandatory: attributes.mandatory)
        try units.keep(accepted.text, of: uid)
      }
      warnOfOmitted(outcome, of: batch)
      try units.holdBack()
    }
  }

  /// The unit to validate. If its parent does not exist yet, the nearest existing ancestor replaces it. So everything
  /// else can be validated before anything is stored. A code that another unit still has is left out.
  private func standIn(for unit: ComparedUnits.Unit, _ payloads: [String: JSONValue]) throws -> JSONValue {
    var payload = payloads[unit.uid] ?? .null
    if unit.awaitsCode { payload = payload.replacing("code", nil) }
    guard let parent = unit.parent, payloads[parent] == nil, try !units.isThere(parent) else { return payload }
    return payload.replacing("parent", try units.nearestThere(above: unit).map { ["id": .string($0)] })
  }

  /// Records why units are refused. A unit whose parent in the same batch was refused is recorded as an orphan.
  private func refuse(_ refused: [String: [String]], of batch: [ComparedUnits.Unit]) throws {
    for unit in batch {
      guard let reasons = refused[unit.uid] else { continue }
      let isOrphan = unit.parent.map { refused[$0] != nil } ?? false
      guard !isOrphan || !reasons.allSatisfy({ $0.hasPrefix("E5002") }) else { continue }
      try units.refuse(unit.uid, Self.problem(reasons), reasons.joined(separator: "; "))
    }
  }

  private mutating func payloads(
    of batch: [ComparedUnits.Unit], _ work: ComparedUnits.Work
  ) throws -> [String: JSONValue] {
    let uids = batch.map(\.uid)
    let here = Self.byUID(try source.objects(uids, in: "organisationUnits", fields: OrgUnitPayload.fields))
    if work == .add {
      for object in here.values { lackingAttributes.formUnion(attributes.lacking(of: object)) }
    }
    let there =
      work == .update
      ? Self.byUID(try destination.objects(uids, in: "organisationUnits", fields: ":owner")) : [:]
    return Dictionary(
      uniqueKeysWithValues: batch.compactMap { unit in
        guard let object = here[unit.uid] else { return nil }
        guard work == .update else {
          return (unit.uid, OrgUnitPayload.new(object, parent: unit.parent, attributes: attributes.all))
        }
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

  private typealias Posted = (uid: String, payload: String)

  /// The result of posting units.
  private struct Outcome {
    var taken: [String] = []
    /// Why units were refused.
    var refused: [String: [String]] = [:]
    /// The optional fields that were left out of new units, because they were invalid.
    var omitted: [String: Set<String>] = [:]

    mutating func merge(_ other: Outcome) {
      taken += other.taken
      refused.merge(other.refused) { $1 }
      omitted.merge(other.omitted) { $0.union($1) }
    }
  }

  /// Posts units, and removes refused ones, until the destination accepts the rest.
  private func post(_ objects: [Posted], _ work: ComparedUnits.Work, validatesOnly: Bool) throws -> Outcome {
    var rest = objects
    var outcome = Outcome()
    while !rest.isEmpty {
      try Signals.check()
      let report: MetadataReport
      do {
        report = try destination.importMetadata(
          "organisationUnits", rest, work == .add ? .create : .update, validatesOnly: validatesOnly)
      } catch let error as ServerError where rest.count > 1 && (error.tookTooLong || error.kind == .status(413)) {
        let half = rest.count / 2
        for part in [Array(rest[..<half]), Array(rest[half...])] {
          outcome.merge(try post(part, work, validatesOnly: validatesOnly))
        }
        return outcome
      }
      guard !report.problems.isEmpty else {
        outcome.taken += rest.map(\.uid)
        return outcome
      }
      rest = try settle(report, rest, work, &outcome)
    }
    return outcome
  }

  /// Settles what becomes of the units that a report names. Returns the units to post again.
  private func settle(
    _ report: MetadataReport, _ posted: [Posted], _ work: ComparedUnits.Work, _ outcome: inout Outcome
  ) throws -> [Posted] {
    guard posted.contains(where: { report.problems[$0.uid] != nil }) else {
      throw ServerError(
        destination.server, "/api/metadata", .malformed,
        "the import was refused, and no posted unit is named: \(report.problems.values.joined().joined(separator: "; "))"
      )
    }
    var rest: [Posted] = []
    for unit in posted {
      guard let reasons = report.problems[unit.uid] else {
        rest.append(unit)
        continue
      }
      // It did not exist a moment ago: this command created it, and the answer was lost.
      if work == .add, reasons.allSatisfy({ $0.hasPrefix("E5000") }) {
        outcome.taken.append(unit.uid)
      } else if work == .add, let fields = OrgUnitPayload.optionalFields(reasons),
        let payload = payload(of: unit, without: fields)
      {
        outcome.omitted[unit.uid, default: []].formUnion(fields)
        rest.append((unit.uid, payload))
      } else {
        outcome.refused[unit.uid] = reasons
      }
    }
    return rest
  }

  /// The payload of a unit without some optional fields; `nil` if it has none of them, and would be refused again.
  private func payload(of unit: Posted, without fields: Set<String>) -> String? {
    guard let object = try? JSONValue(parsing: unit.payload) else { return nil }
    let shorter = OrgUnitPayload.omitting(fields, from: object, mandatory: attributes.mandatory)
    return shorter == object ? nil : shorter.text
  }

  /// Removes the codes of units that get new ones, if other units need them. If units swap codes, neither could be
  /// changed first. A run that is killed after this leaves units without a code; the next run sets them.
  private func freeCodes() throws {
    while true {
      let batch = try units.nextToFree(Self.batch)
      guard !batch.isEmpty else { return }
      let objects = try destination.objects(batch.map(\.uid), in: "organisationUnits", fields: ":owner")
      let there = Self.byUID(objects).mapValues { OrgUnitPayload.kept($0).replacing("code", nil).text }
      for unit in batch where there[unit.uid] == nil {
        try units.refuse(unit.uid, "gone", "it was removed while the command ran")
      }
      let outcome = try post(there.sorted { $0.key < $1.key }.map { ($0, $1) }, .update, validatesOnly: false)
      try refuse(outcome.refused, of: batch)
      try units.free(outcome.taken)
      try units.holdBack()
    }
  }

  /// Stores the validated units, and then writes a line for each change.
  private func perform(_ work: ComparedUnits.Work, _ listing: inout Listing) throws {
    while true {
      let batch = try units.next(work, hasPayload: true, Self.batch)
      guard !batch.isEmpty else { return }
      let outcome = try post(batch.map { ($0.uid, $0.payload ?? "{}") }, work, validatesOnly: false)
      try refuse(outcome.refused, of: batch)
      warnOfOmitted(outcome, of: batch)
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

  /// Shows the planned changes; --dry-run shows all of them.
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

  /// Warns before the copy if the destination's user will have no access to the new units.
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

  private func warnOfLackingAttributes() {
    guard !lackingAttributes.isEmpty else { return }
    let few = Enumeration.few(lackingAttributes.sorted(), log)
    log.warning(
      "\(destination.server) lacks \(counted(lackingAttributes.count, "attribute")) of organisation units, "
        + "so their values are not copied: \(few)")
  }

  /// Names the new units that are made without optional fields, because the destination finds these invalid.
  private func warnOfOmitted(_ outcome: Outcome, of batch: [ComparedUnits.Unit]) {
    let lines = batch.compactMap { unit -> String? in
      guard outcome.refused[unit.uid] == nil, let fields = outcome.omitted[unit.uid] else { return nil }
      return "\(unit.name) (\(unit.uid)) without \(fields.sorted().joined(separator: " and "))"
    }
    guard !lines.isEmpty else { return }
    log.warning(
      "\(destination.server) finds optional fields of \(counted(lines.count, "new unit")) invalid, "
        + "so d2-orgunits leaves them out: \(Enumeration.few(lines, log))")
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
