import D2Common
import Testing
import WaitingTests

@testable import StandInServer

/// Sums of the tables, against sums that are made here of the values one by one.
@Suite(.waiting) struct AnalyticsTests {
  private let server: SmallServer
  private var metadata: Metadata { server.standIn.metadata }

  init() throws { server = try SmallServer { $0.analyticsSecondsAgo = 0 } }

  /// `element period unit combo attribute` and the value of each line, and the answer's status and code.
  private func ask(_ query: String, port: Int? = nil) throws -> (values: [String: String], status: Int, code: String?) {
    let answer = TestClient.ask(
      port ?? server.port, "GET", "/api/analytics/dataValueSet.json?" + query, headers: TestClient.admin)
    let document = try JSONValue(reading: answer.body)
    var values: [String: String] = [:]
    for value in document["dataValues"]?.array ?? [] {
      let key = ["dataElement", "period", "orgUnit", "categoryOptionCombo", "attributeOptionCombo"].map {
        value[$0]?.string ?? "-"
      }
      #expect(value["comment"] == "[aggregated]" && value["created"]?.string?.count == 10)
      #expect(values.updateValue(value["value"]?.string ?? "?", forKey: key.joined(separator: " ")) == nil)
    }
    return (values, answer.status, document["errorCode"]?.string)
  }

  private func element(_ name: String) -> DataElement { metadata.dataElements.first { $0.name == name }! }

  /// The stored values of an element that are not deleted.
  private func stored(_ element: String) throws -> [(period: String, unit: String, combo: String, value: Double)] {
    try server.standIn.values.split(separator: "\n").map { try JSONValue(reading: String($0)) }
      .filter { $0["dataElement"]?.string == element && $0["deleted"]?.bool != true }
      .map {
        (
          $0["period"]!.string!, $0["orgUnit"]!.string!, $0["categoryOptionCombo"]!.string!,
          Double($0["value"]!.string!)!
        )
      }
  }

  private func path(_ unit: String) -> String { metadata.organisationUnits[metadata.organisationUnitByUid[unit]!].path }

  @Test func valuesAreSummedOverTheHierarchyAndTime() throws {
    let visits = element("Visits 1").uid
    let districts = metadata.organisationUnits.filter { $0.level == 3 }.map(\.uid)
    let (values, status, _) = try ask("dimension=dx:\(visits)&dimension=pe:202202;2022Q1&dimension=ou:LEVEL-3")
    #expect(status == 200)
    var expected: [String: Double] = [:]
    for row in try stored(visits) {
      for district in districts where path(row.unit).contains(district) {
        if row.period == "202202" { expected["\(visits) 202202 \(district) - -", default: 0] += row.value }
        if ["202201", "202202", "202203"].contains(row.period) {
          expected["\(visits) 2022Q1 \(district) - -", default: 0] += row.value
        }
      }
    }
    #expect(!expected.isEmpty)
    #expect(values == expected.mapValues { String(Int($0)) })
  }

  @Test func combosComeWhereTheyAreAskedFor() throws {
    let visits = element("Visits 1").uid
    let (values, _, _) = try ask(
      "dimension=dx:\(visits)&dimension=pe:2022&dimension=ou:\(server.root)&dimension=co&dimension=ao")
    var expected: [String: Double] = [:]
    for row in try stored(visits) {
      let key = "\(visits) 2022 \(server.root) \(row.combo) \(Metadata.defaultOptionComboUid)"
      expected[key, default: 0] += row.value
    }
    #expect(expected.count == 2)
    #expect(values == expected.mapValues { String(Int($0)) })
  }

  @Test(arguments: ["AVERAGE", "MAX", "MIN", "COUNT"])
  func aggregationTypesCount(_ type: String) throws {
    let visits = element("Visits 1").uid
    try server.standIn.change(metadata: #"{"dataElements":[{"id":"\#(visits)","aggregationType":"\#(type)"}]}"#)
    let values = try ask("dimension=dx:\(visits)&dimension=pe:2022&dimension=ou:\(server.root)").values
    let all = try stored(visits).map(\.value)
    let expected =
      switch type {
      case "AVERAGE": all.reduce(0, +) / Double(all.count)
      case "MAX": all.max()!
      case "MIN": all.min()!
      default: Double(all.count)
      }
    #expect(values == ["\(visits) 2022 \(server.root) - -": String(Int(expected))])
  }

  @Test func theLastPeriodCounts() throws {
    let visits = element("Visits 1").uid
    try server.standIn.change(metadata: #"{"dataElements":[{"id":"\#(visits)","aggregationType":"LAST"}]}"#)
    let values = try ask("dimension=dx:\(visits)&dimension=pe:2022&dimension=ou:\(server.root)").values
    var last: [String: (String, Double)] = [:]
    for row in try stored(visits) where (last[row.unit + row.combo]?.0 ?? "") < row.period {
      last[row.unit + row.combo] = (row.period, row.value)
    }
    #expect(values.values.first == String(Int(last.values.reduce(0) { $0 + $1.1 })))
  }

  @Test func whatIsNotAggregatedDoesNotComeAndFilesAreRefused() throws {
    let (visits, remark, date) = (element("Visits 1").uid, element("Remark").uid, element("Last inspection").uid)
    let rest = "&dimension=pe:2022&dimension=ou:\(server.root)"
    #expect(try ask("dimension=dx:\(visits);\(remark)\(rest)").values.count == 1)
    #expect(try ask("dimension=dx:\(visits);\(date)\(rest)").code == "E7115")
    #expect(try ask("dimension=dx:\(visits);aaaaaaaaaaa\(rest)").values.count == 1)
    #expect(try ask("dimension=dx:aaaaaaaaaaa\(rest)").code == "E7124")
    #expect(try ask("dimension=dx:\(visits)&dimension=pe:2022").code == "E7119")
  }

  @Test func indicatorsAndRatesAreMade() throws {
    let visits = try stored(element("Visits 1").uid)
    let female = metadata.categoryOptionCombos[metadata.categoryCombos[element("Visits 1").combo].optionCombos[0]].uid
    let sum = visits.reduce(0) { $0 + $1.value }
    let share = visits.filter { $0.combo == female }.reduce(0) { $0 + $1.value } / sum * 100
    let rest = "&dimension=pe:2022&dimension=ou:\(server.root)"
    let group = metadata.indicatorGroups[0].uid
    let values = try ask("dimension=dx:IN_GROUP-\(group)&skipRounding=true\(rest)").values
    #expect(values.count == 2)
    let came = try #require(values["\(metadata.indicators[0].uid) 2022 \(server.root) - -"].flatMap(Double.init))
    #expect(abs(came - share) < 1e-6)
    let program = metadata.programIndicators[0].uid
    #expect(
      try ask("dimension=dx:\(program)\(rest)").values["\(program) 2022 \(server.root) - -"] == String(Int(sum * 2)))
    let set = metadata.dataSets[0]
    let rates = try ask("dimension=dx:\(set.uid).EXPECTED_REPORTS;\(set.uid).REPORTING_RATE\(rest)").values
    #expect(rates["\(set.uid).EXPECTED_REPORTS 2022 \(server.root) - -"] == String(set.units.count * 12))
    #expect(rates["\(set.uid).REPORTING_RATE 2022 \(server.root) - -"] == "0")
    #expect(try ask("dimension=dx:\(program)&dimension=co\(rest)").code == "E7114")
  }

  @Test func unitsAreThoseOfLevelsAndGroupsBelowTheNamedOnes() throws {
    let visits = element("Visits 1").uid
    let district = metadata.organisationUnits.first { $0.level == 3 }!
    let urban = metadata.organisationUnitGroups[0]
    func units(_ ou: String) throws -> Set<String> {
      let keys = try ask("dimension=dx:\(visits)&dimension=pe:2022&dimension=ou:\(ou)").values.keys
      return Set(keys.map { String($0.split(separator: " ")[2]) })
    }
    let below = try units("LEVEL-5;\(district.uid)")
    #expect(!below.isEmpty && below.allSatisfy { path($0).contains(district.uid) })
    let grouped = try units("OU_GROUP-\(urban.uid)")
    #expect(!grouped.isEmpty)
    #expect(grouped.isSubset(of: urban.members.map { metadata.organisationUnits[$0].uid }))
    #expect(try units("USER_ORGUNIT") == [server.root])
  }

  @Test func whatHasNoCodeKeepsItsUid() throws {
    let visits = element("Visits 1")
    let unit = metadata.organisationUnits[try #require(metadata.dataSets[0].units.first)]
    let query = "dimension=dx:\(visits.uid)&dimension=pe:2022&dimension=ou:\(server.root);\(unit.uid)"
    let all = try ask(query + "&outputIdScheme=CODE").values
    #expect(all.keys.sorted() == ["\(visits.code!) 2022 \(unit.code!) - -", "\(visits.code!) 2022 LAND - -"].sorted())
    try server.standIn.change(metadata: #"{"organisationUnits":[{"id":"\#(unit.uid)","code":null}]}"#)
    let keys = try ask(query + "&outputIdScheme=CODE").values.keys.sorted()
    #expect(keys == ["\(visits.code!) 2022 \(unit.uid) - -", "\(visits.code!) 2022 LAND - -"].sorted())
    #expect(try ask(query + "&outputOrgUnitIdScheme=NAME").values.count == 2)
  }

  @Test func theTablesHoldWhatWasThereWhenTheJobRan() throws {
    let server = try SmallServer(values: 0)
    let visits = element("Visits 1")
    let combo = metadata.categoryOptionCombos[metadata.categoryCombos[visits.combo].optionCombos[0]].uid
    let unit = metadata.organisationUnits[metadata.dataSets[0].units[0]].uid
    let query = "dimension=dx:\(visits.uid)&dimension=pe:202201;THIS_YEAR&dimension=ou:\(unit)"
    func never() -> Bool {
      TestClient.ask(server.port, "GET", "/api/system/info", headers: TestClient.admin).text.contains(
        #""lastAnalyticsTableSuccess":"1970-01-01T00:00:00.000""#)
    }
    #expect(try ask(query, port: server.port).code == "E7144")
    #expect(never())
    _ = TestClient.ask(server.port, "POST", "/control/analytics", body: #"{"secondsAgo":3600}"#)
    #expect(try ask(query, port: server.port) == ([:], 200, nil))
    #expect(!never())
    try server.standIn.load(
      values:
        #"{"dataElement":"\#(visits.uid)","period":"202201","orgUnit":"\#(unit)","categoryOptionCombo":"\#(combo)","attributeOptionCombo":"HllvX50cXC0","value":"7"}"#
    )
    #expect(try ask(query, port: server.port).values.isEmpty)
    server.standIn.runAnalytics()
    #expect(try ask(query, port: server.port).values == ["\(visits.uid) 202201 \(unit) - -": "7"])
    _ = TestClient.ask(server.port, "DELETE", "/control/analytics")
    #expect(try ask(query, port: server.port).code == "E7144")
  }

  @Test func aQuestionThatBringsTooMuchIsRefused() throws {
    let server = try SmallServer {
      $0.analyticsSecondsAgo = 0
      $0.analyticsLimit = 3
    }
    let visits = element("Visits 1").uid
    let query = "dimension=dx:\(visits)&dimension=pe:2022&dimension=ou:"
    #expect(try ask(query + "LEVEL-5", port: server.port).code == "E7128")
    #expect(try ask(query + server.root, port: server.port).values.count == 1)
    try server.fail(#"{"kind":"slow-export","values":0}"#)
    #expect(
      TestClient.ask(
        server.port, "GET", "/api/analytics/dataValueSet?" + query + server.root,
        headers: TestClient.admin
      ).status == 504)
  }

  @Test func relativePeriodsAreThoseAroundTheServersDay() throws {
    let server = try SmallServer {
      $0.analyticsSecondsAgo = 0
      $0.clockStart = StandInOptions.moment("2022-05-17T10:00:00")
    }
    let visits = element("Visits 1").uid
    let query = "dimension=dx:\(visits)&dimension=ou:\(server.root)&dimension=pe:"
    let relative = try ask(query + "LAST_3_MONTHS;202204", port: server.port).values
    #expect(relative == (try ask(query + "202202;202203;202204", port: server.port).values) && relative.count == 3)
  }
}
