import Glibc
import TestSupport

@testable import D2Common
@testable import D2Client
@testable import D2Store
@testable import D2Ledger
/// A store with one pair, and slices that are planned without any server.
final class LedgerWorld {
  let test: TestStore
  let ledger: Ledger
  let pair: Pair

  init(_ kind: StoreKind) throws {
    test = try TestStore(kind)
    let store = try test.open()
    func server(_ name: String) -> ConfiguredServer {
      ConfiguredServer(name: name, settings: .object([.init("api_url", .string("https://\(name).example/api"))]))
    }
    pair = try store.add(name: "hmis", source: server("a"), destination: server("b"), isActive: true)
    ledger = Ledger(store)
  }

  /// Another worker's connection.
  func another() throws -> Ledger { Ledger(try test.open()) }

  var tokens = 0

  /// A token without a lease.
  func token() -> String {
    tokens += 1
    return "t\(tokens)"
  }

  func claim(
    _ token: String, lease: Double = 600, order: Ledger.Order = .newest, plan: String? = nil
  ) throws -> Slice? {
    try ledger.claim(pair, worker: "w", token: token, leaseSeconds: lease, order: order, plan: plan)
  }

  func finish(_ slice: Slice) throws -> Bool {
    try ledger.finish(slice.id, token: slice.token ?? "", status: 0, Slice.Counts(), rejects: nil)
  }

  func fail(
    _ slice: Slice, counts: Bool = true, pause: Double = 0, most: Int = 5, error: String = "no"
  ) throws -> Bool {
    try ledger.fail(
      slice.id, token: slice.token ?? "", status: 75, error: error, counts: counts, pauseSeconds: pause,
      mostAttempts: most)
  }

  /// Plans each subject in this many single units.
  @discardableResult
  func plan(
    _ subjects: [LedgerPlan.Subject], units: Int = 1, priorities: [Int?] = [], name: String? = nil, again: Bool = false
  ) throws -> LedgerPlan.Outcome {
    var plan = LedgerPlan()
    let places = plan.add(
      places: (0..<units).map {
        OrgUnitCover.Places(
          units: ["unit\($0)"], children: true, priority: $0 < priorities.count ? priorities[$0] : nil)
      })
    for var subject in subjects {
      subject.places = places
      plan.add(subject)
    }
    return try plan.write(pair, to: ledger, name: name, again: again)
  }

  static func subject(_ set: String, _ periods: String, newest: Int, window: Int? = nil, since: String = "")
    -> LedgerPlan.Subject
  {
    var subject = LedgerPlan.Subject(dataSet: set, periods: periods, newest: newest)
    subject.window = window
    subject.since = since
    return subject
  }

  /// A slice as the ledger has it.
  func slice(_ id: Int) throws -> Slice {
    var selection = SliceSelection()
    selection.ids = [id]
    var found = Slice()
    try ledger.forEach(pair, selection) { found = $0 }
    return found
  }

  func states() throws -> [String] {
    try test.rows("SELECT state, count(*) FROM slices GROUP BY state ORDER BY state")
  }

  /// As if so much time had passed for the leases and the pauses.
  func letPass(seconds: Int) throws {
    try ledger.store.database.execute(
      "UPDATE slices SET lease_until = lease_until - $1, next_attempt = next_attempt - $1", [.int(seconds * 1000)])
  }

  // MARK: Data sets and windows

  func addSet(_ uid: String) throws {
    try ledger.store.database.execute(
      "INSERT INTO sync_datasets (integration_pair_id, dataset_id, dataset_name, reporting_frequency) VALUES ($1, $2, $2, 'Monthly')",
      [.int(pair.id), .text(uid)])
  }

  func set(_ uid: String) throws -> DataSet? { try DataSetTable(ledger.store, pair).all().first { $0.uid == uid } }

  /// - Parameter planned: in milliseconds since 1970; now where `nil`.
  func openWindow(
    _ uid: String, _ kind: DataKind = .dataValues, until: String, planned: Int? = nil, isWhole: Bool = true
  ) throws -> Int {
    try ledger.openWindow(
      pair, uid, kind, until: UTCTime(until)!, planned: try planned ?? ledger.databaseTime(), isWhole: isWhole)
  }
}
