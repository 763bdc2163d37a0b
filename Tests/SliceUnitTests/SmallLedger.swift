import D2Client
import D2Common
import D2Ledger
import D2Store
import Glibc
import TestSupport

@testable import d2_slices

/// A store with one pair, three data sets and a small country; no server is needed.
final class SmallLedger {
  let test: TestStore
  let store: Store
  let pair: Pair
  let ledger: Ledger
  let log = Log(command: "d2-slices", least: .error)

  /// A country, two districts, and a clinic in each.
  static let units = ["land", "land/east", "land/west", "land/east/one", "land/west/two"]

  init(_ kind: StoreKind = .sqlite) throws {
    test = try TestStore(kind)
    store = try test.open()
    func server(_ name: String) -> ConfiguredServer {
      ConfiguredServer(name: name, settings: .object([.init("api_url", .string("https://\(name).example/api"))]))
    }
    pair = try store.add(name: "hmis", source: server("a"), destination: server("b"), isActive: true)
    ledger = Ledger(store)
    let sets = DataSetTable(store, pair)
    for (uid, type) in [("monthly", "Monthly"), ("weekly", "Weekly"), ("yearly", "Yearly")] {
      _ = try sets.write(DataSet(uid: uid, name: "The \(uid)", periodType: type, includesDeleted: uid == "monthly"))
    }
    for path in Self.units { try add(unit: path) }
  }

  /// - Parameter milliseconds: since when it is active; in the store since 2020, or since March 2024 where it is not 0.
  func add(unit path: String, since milliseconds: Int = 0) throws {
    let parts = path.split(separator: "/").map(String.init)
    try store.database.execute(
      """
      INSERT INTO orgunits (integration_pair_id, dhis2_id, dhis2_name, dhis2_path, dhis2_parent, dhis2_level, is_active,
        active_since, created) VALUES ($1, $2, $7, $3, $4, $5, TRUE, $6, '\(milliseconds == 0 ? "2020" : "2024")-03-05 00:00:01')
      """,
      [
        .int(pair.id), .text(parts.last!), .text("/" + path), SQLValue(parts.dropLast().last), .int(parts.count),
        .int(milliseconds), .text(parts.last!),
      ])
  }

  /// The arguments of `d2-slices plan`.
  func planner(_ words: String..., now: String? = nil) throws -> Planner { try planner(words: words, now: now) }

  /// - Parameter now: by this machine's clock.
  func planner(words: [String], now: String? = nil) throws -> Planner {
    let command = CommandDescription(
      name: "d2-slices plan", abstract: "", examples: [], groups: [OptionGroup("Selection", Planner.options)],
      statuses: [])
    let arguments = try Arguments(words, command) { now.flatMap { UTCTime($0) } ?? .now }
    return Planner(store: store, pair: pair, arguments: arguments, log: log)
  }

  func plan(_ planner: Planner, at now: String? = nil) throws -> LedgerPlan.Outcome {
    try store.database.exclusively(pair: pair.id) {
      let calendar = try planner.calendar(isIncrement: now != nil)?
        .dated(by: PeriodClock(today: planner.arguments.today))
      return try planner.plan(isIncrement: now != nil, now: now.flatMap { UTCTime($0) }, calendar)
    }
  }

  /// The slices in their order: data set, periods, since, units.
  func slices(
    _ text: (Slice) -> String = { "\($0.dataSet) \($0.periods) \($0.since) \($0.orgUnits.joined(separator: ","))" }
  )
    throws -> [String]
  {
    var slices: [String] = []
    try ledger.forEach(pair, SliceSelection()) { slices.append(text($0)) }
    return slices
  }

  func slice() throws -> Slice? {
    var found: Slice?
    try ledger.forEach(pair, SliceSelection()) { found = $0 }
    return found
  }
}
