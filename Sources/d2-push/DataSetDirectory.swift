import D2Client
import D2Common
import Synchronization

/// Which data sets hold a data element, asked once, when a server refuses to guess (E8002).
final class DataSetDirectory: Sendable {
  private let client: DHIS2Client
  /// As the values name both.
  private let schemes: (dataSet: IDScheme, element: IDScheme)
  private let sets = Mutex<[String: [String]]?>(nil)

  init(_ client: DHIS2Client, _ options: PushOptions) {
    self.client = client
    schemes = (
      IDScheme(of: "dataSetIdScheme", in: options.passedOn), IDScheme(of: "dataElementIdScheme", in: options.passedOn)
    )
  }

  /// The data sets of an element, in a stable order.
  ///
  /// - Throws: `ServerError` where the server does not tell.
  func dataSets(of dataElement: String) throws -> [String] {
    try sets.withLock { sets in
      if sets == nil { sets = try fetch() }
      return sets?[dataElement] ?? []
    }
  }

  private func fetch() throws -> [String: [String]] {
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
}
