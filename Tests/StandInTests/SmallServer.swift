import D2Common

@testable import StandInServer

/// A stand-in with a small country, and the requests of tests.
final class SmallServer {
  let standIn: StandIn
  var port: Int { standIn.port }
  let dataSet: String
  let root: String

  init(_ version: ServerVersion = .v42, values: Int = 9000, _ change: (inout StandInOptions) -> Void = { _ in }) throws
  {
    var options = StandInOptions()
    options.version = version
    options.generatedUnits = 60
    options.generatedValues = values
    options.years = 2022...2022
    change(&options)
    standIn = try StandIn(options)
    standIn.start()
    let metadata = Country.metadata(units: 60, seed: options.seed)
    dataSet = metadata.dataSets[0].uid
    root = metadata.organisationUnits[0].uid
  }

  deinit { standIn.stop() }

  /// The export of the monthly data set's year.
  var export: String {
    "/api/dataValueSets?dataSet=\(dataSet)&startDate=2022-01-01&endDate=2022-12-31&orgUnit=\(root)&children=true"
  }

  func pull(_ more: String = "", shouldClose: Bool = false) -> TestClient.Answer {
    TestClient.ask(port, "GET", export + more, headers: TestClient.admin, shouldClose: shouldClose)
  }

  /// A payload with this many valid values, in the form of another server's export.
  func payload(_ count: Int) -> String {
    let metadata = Country.metadata(units: 60, seed: 1)
    let element = metadata.dataElements[metadata.dataSets[0].elements[0]]
    let combos = metadata.categoryCombos[element.combo].optionCombos.map { metadata.categoryOptionCombos[$0].uid }
    let units = metadata.dataSets[0].units.map { metadata.organisationUnits[$0].uid }
    let values = (0..<count).map { index in
      """
      {"dataElement":"\(element.uid)","period":"2021\(Day.padded(1 + index / 2 / units.count % 12, 2))",\
      "orgUnit":"\(units[index / 2 % units.count])","categoryOptionCombo":"\(combos[index % 2])","value":"\(index)"}
      """
    }
    return "{\"dataSet\":\"\(dataSet)\",\"dataValues\":[\(values.joined(separator: ","))]}"
  }

  func push(_ body: String, query: String = "") -> TestClient.Answer {
    TestClient.ask(port, "POST", "/api/dataValueSets\(query)", headers: TestClient.admin, body: body)
  }

  func fail(_ specification: String) throws { standIn.add(faults: try Fault(parsing: specification)) }

  var statistics: JSONValue { standIn.statistics }
}
