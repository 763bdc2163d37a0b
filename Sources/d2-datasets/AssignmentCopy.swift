import D2Client
import D2Common
import D2Store

/// Assigns data sets at the destination to the units that report them at the source. Without that, a new facility's
/// report is refused. It removes no assignment.
struct AssignmentCopy {
  let store: Store
  let pair: Pair
  let arguments: Arguments
  let log: Log
  private let source: DHIS2Client
  private let destination: DHIS2Client

  /// The number of units in one request.
  private static let batch = 1000

  init(store: Store, pair: Pair, arguments: Arguments, log: Log) throws {
    self.store = store
    self.pair = pair
    self.arguments = arguments
    self.log = log
    source = try pair.client(of: .source, arguments, log)
    destination = try pair.client(of: .destination, arguments, log)
  }

  /// A data set, and the units that its assignment at the destination lacks.
  private struct Work {
    let set: DataSet
    var units: [(uid: String, name: String)] = []
    /// Why nothing can be assigned to it.
    var refusal: (problem: String, reason: String)?
    /// How many units the destination itself lacks.
    var unknownUnits = 0
  }

  func run() throws -> ExitStatus {
    let chosen = try DataSetTable(store, pair).chosen(arguments[PairOptions.dataSets], of: pair)
    let pulled = try PulledUnits(store, pair, source)
    guard !pulled.isEmpty else {
      throw CommandFailure(
        .usage, "no unit of \(pair.label) is active: run d2-orgunits sync --pair \(pair.word) first")
    }
    let top = try arguments[PairOptions.below].map(unit)
    let there = AskedUnits(destination) { path in top.map { path.contains(Substring($0)) } ?? true }
    var works: [Work] = []
    for set in chosen {
      var work = try compare(set, pulled, there)
      // With only a subtree of the units, it is unknown which ones the destination lacks.
      if top != nil { work.unknownUnits = 0 }
      works.append(work)
    }
    let count = works.filter { $0.refusal == nil }.reduce(0) { $0 + $1.units.count }
    var listing = Listing(arguments, columns: ["change", "dataSet", "name", "id", "unit"])
    if !arguments[Command.dryRun], count > 0 {
      show(works)
      try Prompt.confirm(
        "assign \(counted(count, "unit")) at \(destination.server)?", otherwise: "nothing was changed", arguments)
    }
    var outcome = (assigned: 0, refused: 0)
    for work in works {
      if let refusal = work.refusal {
        outcome.refused += 1
        try listing.add(Self.line(work.set, "refused", refusal))
        log.warning("\(work.set.name) (\(work.set.uid)): \(refusal.reason)")
        continue
      }
      try assign(work, &listing, &outcome)
    }
    try listing.finish()
    return report(works, outcome)
  }

  // MARK: Comparing

  private func unit(_ text: String) throws -> String {
    let units = try OrgUnitTable(store, pair).all()
    if UID.canBe(text), !units.contains(where: { $0.uid == text }) { return text }
    let found = try NameSelection(units, kind: "organisation unit").find([text])
    guard found.count == 1 else { throw CommandFailure(.usage, "--below takes one unit") }
    return found[0].uid
  }

  private func compare(_ set: DataSet, _ pulled: PulledUnits, _ asked: AskedUnits) throws -> Work {
    var work = Work(set: set)
    guard let here = try fetch(set.uid, source) else {
      work.refusal = ("missingAtSource", "the source has no such data set, or does not show it")
      return work
    }
    guard let there = try fetch(set.uid, destination) else {
      work.refusal = ("missing", "the destination has no such data set, or does not show it")
      return work
    }
    let assigned = Set(there.uids("organisationUnits"))
    let missing = try pulled.among(here.uids("organisationUnits").filter { !assigned.contains($0) })
    (work.units, work.unknownUnits) = try asked.among(missing.map(\.uid))
    if !work.units.isEmpty, there["access"]?["update"]?.bool == false {
      work.refusal = ("noAccess", "the user may not change it at the destination (metadata write access)")
    }
    return work
  }

  private func fetch(_ uid: String, _ client: DHIS2Client) throws -> JSONValue? {
    try client.objects(in: "dataSets", fields: "id,access[update],organisationUnits[id]", filter: "id:eq:\(uid)").first
  }

  // MARK: Assigning

  private func assign(
    _ work: Work, _ listing: inout Listing, _ outcome: inout (assigned: Int, refused: Int)
  ) throws {
    var rest = work.units[...]
    while !rest.isEmpty {
      try Signals.check()
      let some = Array(rest.prefix(Self.batch))
      rest = rest.dropFirst(Self.batch)
      if !arguments[Command.dryRun] {
        let known = try destination.addMembers(some.map(\.uid), to: "dataSets/\(work.set.uid)/organisationUnits")
        if let known, known != some.count {
          throw ServerError(
            destination.server, "/api/dataSets", .malformed,
            "of \(counted(some.count, "unit")) the server knew \(known): some were removed meanwhile")
        }
      }
      for unit in some { try listing.add(Self.line(work.set, "assigned", unit: unit)) }
      try listing.flush()
      outcome.assigned += some.count
    }
  }

  private static func line(
    _ set: DataSet, _ change: String, _ refusal: (problem: String, reason: String)? = nil,
    unit: (uid: String, name: String)? = nil
  ) -> JSONValue {
    var members: [JSONValue.Member] = [
      .init("change", .string(change)), .init("dataSet", .string(set.uid)), .init("name", .string(set.name)),
    ]
    if let unit { members += [.init("id", .string(unit.uid)), .init("unit", .string(unit.name))] }
    if let refusal {
      members += [.init("problem", .string(refusal.problem)), .init("reason", .string(refusal.reason))]
    }
    return .object(members)
  }

  // MARK: Telling

  private func show(_ works: [Work]) {
    guard !arguments[Prompt.confirmation] else { return }
    for work in works where !work.units.isEmpty && work.refusal == nil {
      log.info("\(work.set.name): \(Enumeration.few(work.units.map(\.name), log))")
    }
  }

  private func report(_ works: [Work], _ outcome: (assigned: Int, refused: Int)) -> ExitStatus {
    let unknown = works.reduce(0) { $0 + $1.unknownUnits }
    let verb = arguments[Command.dryRun] ? "would be " : ""
    log.info(
      "\(counted(works.count, "data set")) compared: "
        + "\(counted(outcome.assigned, "unit")) \(verb)assigned at \(destination.server)"
        + (outcome.refused > 0 ? "; \(counted(outcome.refused, "data set")) refused" : ""))
    if unknown > 0 {
      log.warning(
        "\(counted(unknown, "assignment")) left out: the destination lacks the unit "
          + "(d2-orgunits copy --pair \(ShellWord.quoted(pair.label)) makes it)"
      )
    }
    return outcome.refused + unknown == 0 ? .success : .incomplete
  }
}
