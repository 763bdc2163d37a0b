import D2Client
import D2Common
import D2Store

/// Compares the source's units, at and below those that are pulled, with the destination's.
struct OrgUnitCheck {
  static let from = Option(
    "--from", as: .date, help: "Check that units are open from this day on (default: the first day of this year).")
  static let to = Option("--to", as: .date, help: "Check that units are open up to this day (default: today).")

  let store: Store
  let pair: Pair
  let arguments: Arguments
  let log: Log

  /// What is compared of a unit.
  private struct Compared {
    static let fields = "name,code,parent[id],openingDate,closedDate"

    let name: String?
    let code: String?
    let parent: String?
    let opening: String?
    let closing: String?

    init(_ unit: JSONValue) {
      name = unit["name"]?.string
      code = unit["code"]?.string
      parent = unit["parent"]?["id"]?.string
      opening = unit["openingDate"]?.string.map { String($0.prefix(10)) }
      closing = unit["closedDate"]?.string.map { String($0.prefix(10)) }
    }
  }

  func run() throws -> ExitStatus {
    let today = arguments.today.description
    let from = arguments[Self.from]?.description ?? "\(today.prefix(4))-01-01"
    let to = arguments[Self.to]?.description ?? today
    guard from <= to else { throw CommandFailure(.usage, "--from \(from) is after --to \(to)") }
    let units = try OrgUnitTable(store, pair).all()
    let active = Set(units.filter(\.isActive).map(\.uid))
    let disabled = Set(units.filter(\.isDisabled).map(\.uid))
    guard !active.isEmpty else {
      throw CommandFailure(
        .usage, "no unit of \(pair.label) is active: run d2-orgunits sync --pair \(pair.word) first")
    }
    let there = try counterparts()
    var listing = Listing(arguments, columns: ["id", "name", "problem", "source", "destination"])
    var checked = 0
    var problems = 0
    let source = try pair.client(of: .source, arguments, log)
    var seen: Set<String> = []
    let pages = MetadataPages("organisationUnits", fields: "id,path,\(Compared.fields)", source)
    try pages.read(begin: {}) { page in
      var new = 0
      for unit in page {
        guard let id = unit["id"]?.string, seen.insert(id).inserted else { continue }
        new += 1
        let line = (unit["path"]?.string ?? "").split(separator: "/").map(String.init) + [id]
        guard line.contains(where: active.contains), !line.contains(where: disabled.contains) else { continue }
        checked += 1
        try compare(unit, id, there[id], in: from...to) { problem in
          problems += 1
          try listing.add(problem)
        }
      }
      return new
    }
    try listing.finish()
    let outcome = problems == 0 ? "no problem" : counted(problems, "problem")
    log.info("\(counted(checked, "organisation unit")) compared: \(outcome)")
    return problems == 0 ? .success : .incomplete
  }

  private func counterparts() throws -> [String: Compared] {
    let destination = try pair.client(of: .destination, arguments, log)
    var there: [String: Compared] = [:]
    try MetadataPages("organisationUnits", fields: "id,\(Compared.fields)", destination).read {
      there = [:]
    } page: { page in
      let before = there.count
      for unit in page {
        guard let id = unit["id"]?.string else { continue }
        there[id] = Compared(unit)
      }
      return there.count - before
    }
    return there
  }

  private func compare(
    _ unit: JSONValue, _ id: String, _ other: Compared?, in dates: ClosedRange<String>,
    report: (JSONValue) throws -> Void
  ) throws {
    func problem(_ problem: String, _ source: String?, _ destination: String?) throws {
      try report([
        "object": "organisationUnit", "id": .string(id), "name": unit["name"] ?? .null, "problem": .string(problem),
        "source": .string(orNull: source), "destination": .string(orNull: destination),
      ])
    }
    guard let other else { return try problem("missing", unit["path"]?.string, nil) }
    let own = Compared(unit)
    if own.name != other.name { try problem("otherName", own.name, other.name) }
    if own.code != other.code { try problem("otherCode", own.code, other.code) }
    if own.parent != other.parent { try problem("otherParent", own.parent, other.parent) }
    // Servers from 2.43 on refuse a request for a unit that is closed in a value's period (E8031).
    if let opening = other.opening, opening > dates.lowerBound { try problem("opensLater", own.opening, opening) }
    if let closing = other.closing, closing < dates.upperBound { try problem("closed", own.closing, closing) }
  }
}
