import D2Client
import D2Common
import Synchronization

/// Opening and closing dates of organisation units at the destination, asked when a server from 2.43 on refuses a request for a unit that is
/// shut (E8031): it names one unit at a time, and there may be thousands.
final class OrgUnitDates: Sendable {
  struct Dates: Sendable {
    /// `2024-06-30`, or `nil`.
    var opening: String?
    var closing: String?

    /// Whether a period reaches beyond the dates: then servers from 2.43 on refuse it (E8031). An id that is none says nothing.
    func isShut(in id: String) -> Bool {
      guard let period = Period(id: id) else { return false }
      return (opening.map { period.start.description < $0 } ?? false)
        || (closing.map { period.end.description > $0 } ?? false)
    }
  }

  private let client: DHIS2Client
  private let known = Mutex<[String: Dates]>([:])

  init(_ client: DHIS2Client) { self.client = client }

  /// The dates of units; those of which the server does not tell are left out.
  func dates(of units: Set<String>) -> [String: Dates] {
    known.withLock { known in
      let missing = units.filter { known[$0] == nil && KnownIDs.canBeUID($0) }.sorted()
      for group in RequestSize.groups(
        of: missing, bytesEach: { $0.utf8.count + 1 }, limit: RequestSize.safeURLBytes - 250)
      {
        for (unit, dates) in fetch(group) { known[unit] = dates }
      }
      return known.filter { units.contains($0.key) }
    }
  }

  private func fetch(_ units: [String]) -> [(String, Dates)] {
    let query = Query([
      "fields": "id,openingDate,closedDate", "filter": "id:in:[\(units.joined(separator: ","))]", "paging": "false",
    ])
    let target = query.target("/api/organisationUnits")
    guard let objects = try? client.json(target)["organisationUnits"]?.array else { return [] }
    return objects.compactMap { object in
      guard let id = object["id"]?.string else { return nil }
      func day(_ key: String) -> String? { object[key]?.string.map { String($0.prefix(10)) } }
      return (id, Dates(opening: day("openingDate"), closing: day("closedDate")))
    }
  }
}
