import D2Client
import D2Common
import Synchronization

/// What the destination's metadata tell of values before they are posted, where a pair says that both ends are ours to
/// look at.
///
/// Servers from 2.43 on refuse all values of a data set because of one unit that is shut or not assigned (E8031,
/// E8022), and all of a request that does not name the data set (E8002). Values for which that is foreseen are kept out
/// of the others' requests. The server decides: the first of them are posted on their own, and only when it has refused
/// several as foreseen are the others not posted at all.
final class Foresight: Sendable {
  private let client: DHIS2Client
  private let directory: DataSetDirectory
  private let unitDates: OrgUnitDates
  /// The units that a data set is assigned to; `nil` where the server does not tell.
  private let assigned = Mutex<[String: Set<String>?]>([:])
  private let verdicts = Mutex<(confirmed: Int, contradicted: Bool)>((0, false))

  /// So many units were refused as foreseen before the rest is believed.
  private static let confirmationsNeeded = 3

  init(_ client: DHIS2Client, _ directory: DataSetDirectory, _ unitDates: OrgUnitDates) {
    self.client = client
    self.directory = directory
    self.unitDates = unitDates
  }

  /// The one data set that a value can be entered for; `nil` where there are several, none, or nobody tells.
  func dataSet(of dataElement: String) -> String? {
    guard let sets = try? directory.dataSets(of: dataElement), sets.count == 1 else { return nil }
    return sets[0]
  }

  func isUnassigned(_ unit: String, to dataSet: String) -> Bool {
    assigned.withLock { assigned in
      if assigned[dataSet] == nil { assigned[dataSet] = .some(fetchUnits(of: dataSet)) }
      guard let units = assigned[dataSet] ?? nil else { return false }
      return !units.contains(unit)
    }
  }

  private func fetchUnits(of dataSet: String) -> Set<String>? {
    guard KnownIDs.canBeUID(dataSet) else { return nil }
    let query = Query(["fields": "id,organisationUnits[id]", "filter": "id:eq:\(dataSet)", "paging": "false"])
    guard let sets = try? client.json(query.target("/api/dataSets"))["dataSets"]?.array,
      let units = sets.first?["organisationUnits"]?.array
    else { return nil }
    return Set(units.compactMap { $0["id"]?.string })
  }

  /// The dates between which units are open.
  func dates(of units: Set<String>) -> [String: OrgUnitDates.Dates] { unitDates.dates(of: units) }

  /// Whether the server has refused often enough what was foreseen.
  var isProven: Bool { verdicts.withLock { !$0.contradicted && $0.confirmed >= Self.confirmationsNeeded } }

  func learn(wasRefused: Bool) {
    verdicts.withLock { verdicts in
      if wasRefused { verdicts.confirmed += 1 } else { verdicts.contradicted = true }
    }
  }
}
