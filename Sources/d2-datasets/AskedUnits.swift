import D2Client
import D2Common

/// Asks a server about organisation units, each one once, because the data sets of a country share units.
final class AskedUnits {
  private enum Answer {
    /// The server lacks the unit, or does not show it.
    case missing
    case leftOut
    case wanted(name: String)
  }

  private let client: DHIS2Client
  /// Whether a unit is wanted, given the uids from the root down to it.
  private let wants: ([Substring]) -> Bool
  private var answers: [String: Answer] = [:]

  init(_ client: DHIS2Client, wants: @escaping ([Substring]) -> Bool) {
    self.client = client
    self.wants = wants
  }

  /// The wanted units among some, sorted by uid, and how many the server lacks.
  ///
  /// - Throws: `ServerError`.
  func among(_ uids: [String]) throws -> (wanted: [(uid: String, name: String)], missing: Int) {
    let new = uids.filter { answers[$0] == nil }
    for uid in new { answers[uid] = .missing }
    do {
      try client.forEachObject(new, in: "organisationUnits", fields: "id,name,path") { unit in
        guard let uid = unit["id"]?.string else { return }
        let isWanted = wants((unit["path"]?.string ?? uid).split(separator: "/"))
        answers[uid] = isWanted ? .wanted(name: unit["name"]?.string ?? uid) : .leftOut
      }
    } catch {
      for uid in new { answers[uid] = nil }
      throw error
    }
    var found: (wanted: [(uid: String, name: String)], missing: Int) = ([], 0)
    for uid in uids {
      switch answers[uid] {
      case .wanted(let name)?: found.wanted.append((uid, name))
      case .leftOut?: break
      case .missing?, nil: found.missing += 1
      }
    }
    found.wanted.sort { $0.uid < $1.uid }
    return found
  }
}
