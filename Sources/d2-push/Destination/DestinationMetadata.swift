import D2Client
import D2Common
import Synchronization

/// The destination's metadata about data sets and units. Tests have their own implementation.
protocol DestinationMetadata: Sendable {
  /// The data sets that hold an element, in a stable order.
  ///
  /// - Throws: `ServerError` if the server does not answer.
  func dataSets(of dataElement: String) throws -> [String]
  /// The units that a data set is assigned to; `nil` if the server does not answer.
  func units(of dataSet: String) -> Set<String>?
  /// The dates between which units are open, except units that the server does not report.
  func dates(of units: Set<String>) -> [String: OpenDates]
  /// Of some data elements, those that have no option set; none if the server does not answer.
  func elementsWithoutOptions(among elements: Set<String>) -> Set<String>
  /// Where data of a data set may still be entered although the period has expired; `nil` if that is unknown.
  func lockExceptions(of dataSet: String) -> Set<UnitPeriod>?
}

/// The dates between which an organisation unit is open.
struct OpenDates: Sendable {
  /// `2024-06-30`, or `nil`.
  var opening: String?
  var closing: String?

  /// Whether a period begins outside the dates. Servers from 2.43 on refuse such a period (E8031): only its first day
  /// counts (`DefaultDataEntryService.validateKeyConsistency`). A malformed id is not shut.
  func isShut(in id: String) -> Bool {
    guard let first = Period(id: id)?.start.description else { return false }
    return (opening.map { first < $0 } ?? false) || (closing.map { first > $0 } ?? false)
  }
}

/// Asks a server, about each thing once.
final class ServerMetadata: DestinationMetadata {
  private let client: DHIS2Client
  /// The id schemes of the values.
  private let schemes: (dataSet: IDScheme, element: IDScheme)
  private let sets = Mutex<[String: [String]]?>(nil)
  private let assigned = Mutex<[String: Set<String>?]>([:])
  private let dates = Mutex<[String: OpenDates]>([:])
  /// By data set; `nil` inside if the server does not tell.
  private let exceptions = Mutex<[String: Set<UnitPeriod>]??>(nil)
  private let namesUnitsByUID: Bool

  init(_ client: DHIS2Client, _ options: PushOptions) {
    self.client = client
    schemes = (
      IDScheme(of: "dataSetIdScheme", in: options.passedOn), IDScheme(of: "dataElementIdScheme", in: options.passedOn)
    )
    namesUnitsByUID = IDScheme(of: "orgUnitIdScheme", in: options.passedOn) == .uid
  }

  func dataSets(of dataElement: String) throws -> [String] {
    try sets.withLock { sets in
      if sets == nil { sets = try fetchSets() }
      return sets?[dataElement] ?? []
    }
  }

  private func fetchSets() throws -> [String: [String]] {
    let target = Query([
      "fields": "\(schemes.dataSet.fields),dataSetElements[dataElement[\(schemes.element.fields)]]", "order": "id:asc",
      "paging": "false",
    ]).target("/api/dataSets")
    var sets: [String: [String]] = [:]
    for set in try client.json(target)["dataSets"]?.array ?? [] {
      guard let id = schemes.dataSet.id(of: set) else { continue }
      for element in set["dataSetElements"]?.array ?? [] {
        if let element = element["dataElement"].flatMap(schemes.element.id) { sets[element, default: []].append(id) }
      }
    }
    return sets
  }

  func units(of dataSet: String) -> Set<String>? {
    assigned.withLock { assigned in
      if let known = assigned[dataSet] { return known }
      var units: Set<String>?
      try? client.forEachObject([dataSet], in: "dataSets", fields: "id,organisationUnits[id]") { set in
        units = set["organisationUnits"]?.array.map { Set($0.compactMap { $0["id"]?.string }) }
      }
      assigned[dataSet] = .some(units)
      return units
    }
  }

  func dates(of units: Set<String>) -> [String: OpenDates] {
    dates.withLock { dates in
      let missing = units.filter { dates[$0] == nil }.sorted()
      try? client.forEachObject(missing, in: "organisationUnits", fields: "id,openingDate,closedDate") { object in
        func day(_ key: String) -> String? { object[key]?.string.map { String($0.prefix(10)) } }
        if let id = object["id"]?.string {
          dates[id] = OpenDates(opening: day("openingDate"), closing: day("closedDate"))
        }
      }
      return dates.filter { units.contains($0.key) }
    }
  }

  func elementsWithoutOptions(among elements: Set<String>) -> Set<String> {
    var found: Set<String> = []
    try? client.forEachObject(elements.sorted(), in: "dataElements", fields: "id,optionSet[id]") { element in
      if let id = element["id"]?.string, element["optionSet"]?["id"] == nil { found.insert(id) }
    }
    return found
  }

  func lockExceptions(of dataSet: String) -> Set<UnitPeriod>? {
    guard namesUnitsByUID else { return nil }
    return exceptions.withLock { exceptions in
      let known: [String: Set<UnitPeriod>]?
      if let asked = exceptions { known = asked } else { known = fetchExceptions() }
      exceptions = .some(known)
      return known.map { $0[dataSet] ?? [] }
    }
  }

  /// All exceptions by data set. The server's filters for them differ by version, and there are few.
  private func fetchExceptions() -> [String: Set<UnitPeriod>]? {
    let target = "/api/lockExceptions?fields=name,period,organisationUnit%5Bid%5D,dataSet%5Bid%5D&paging=false"
    guard let list = try? client.json(target)["lockExceptions"]?.array else { return nil }
    var found: [String: Set<UnitPeriod>] = [:]
    for exception in list {
      guard let set = exception["dataSet"]?["id"]?.string, let unit = exception["organisationUnit"]?["id"]?.string,
        let period = exception["period"]?["id"]?.string ?? Self.period(inName: exception["name"]?.string)
      else { return nil }
      found[set, default: []].insert(UnitPeriod(orgUnit: unit, period: period))
    }
    return found
  }

  /// Servers from 2.43 on show a period without its id. The name of an exception has it: `Data set (Unit, 202401)`.
  private static func period(inName name: String?) -> String? {
    guard let name, name.last == ")", let comma = name.lastIndex(of: ",") else { return nil }
    return String(name[name.index(after: comma)...].dropLast().drop { $0 == " " })
  }
}
