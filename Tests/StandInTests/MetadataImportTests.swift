import D2Common
import Testing
import WaitingTests

@testable import StandInServer

/// `POST /api/metadata` of organisation units, and the collection of a data set's units.
@Suite(.waiting) struct MetadataImportTests {
  private static let versions: [ServerVersion] = [ServerVersion("2.37.9")!, .v40, .v42, .v43]

  private static func unit(_ uid: String, _ more: String) -> String {
    #"{"id":"\#(uid)","name":"New \#(uid)","shortName":"New","openingDate":"2024-01-01",\#(more)}"#
  }

  private func post(_ server: SmallServer, _ query: String, _ units: [String]) throws -> (Int, JSONValue) {
    let answer = TestClient.ask(
      server.port, "POST", "/api/metadata?" + query, headers: TestClient.admin,
      body: #"{"organisationUnits":[\#(units.joined(separator: ","))]}"#)
    let document = try JSONValue(reading: answer.body)
    return (answer.status, document["response"] ?? document)
  }

  private func codes(_ report: JSONValue) -> [String] {
    (report["typeReports"]?.array ?? []).flatMap { $0["objectReports"]?.array ?? [] }.flatMap { object in
      (object["errorReports"]?.array ?? []).map { "\(object["uid"]?.string ?? "") \($0["errorCode"]?.string ?? "")" }
    }
  }

  @Test("a validation stores nothing, an import stores parents and children", arguments: versions)
  func creates(version: ServerVersion) throws {
    let server = try SmallServer(version, values: 0)
    let units = [
      Self.unit("NewClinic01", #""parent":{"id":"NewZone0001"},"geometry":{"type":"Point","coordinates":[1.50,2]}"#),
      Self.unit("NewZone0001", #""parent":{"id":"\#(server.root)"},"code":"CODE-Z""#),
    ]
    let trial = try post(server, "importMode=VALIDATE&importStrategy=CREATE", units)
    #expect(trial.0 == 200 && trial.1["stats"]?["created"]?.int == 2 && codes(trial.1) == [])
    #expect(server.standIn.metadata.organisationUnitByUid["NewZone0001"] == nil)
    let real = try post(server, "importStrategy=CREATE", units)
    #expect(real.0 == 200 && real.1["status"] == "OK" && real.1["stats"]?["created"]?.int == 2)
    let metadata = server.standIn.metadata
    let clinic = metadata.organisationUnits[try #require(metadata.organisationUnitByUid["NewClinic01"])]
    #expect(clinic.path == "/\(server.root)/NewZone0001/NewClinic01" && clinic.level == 3)
    #expect(clinic.further["geometry"]?.text == #"{"type":"Point","coordinates":[1.50,2]}"#)
    let again = try post(server, "importStrategy=CREATE", units)
    #expect(again.0 == (version.minor <= 37 ? 200 : 409) && again.1["status"] == "ERROR")
    #expect(codes(again.1) == ["NewClinic01 E5000", "NewZone0001 E5000"])
  }

  @Test("one fault keeps all out; without atomic mode a unit without its parent becomes a root", arguments: versions)
  func faults(version: ServerVersion) throws {
    let server = try SmallServer(version, values: 0)
    let taken = try #require(server.standIn.metadata.organisationUnits.compactMap(\.code).first)
    let units = [
      Self.unit("NewClinic01", #""parent":{"id":"Nowhere0001"}"#),
      Self.unit("NewClinic02", #""parent":{"id":"\#(server.root)"},"code":"\#(taken)""#),
      Self.unit("NewClinic03", #""parent":{"id":"\#(server.root)"},"closedDate":"2020-01-01","url":"www.example.org""#),
      Self.unit("NewClinic04", #""parent":{"id":"\#(server.root)"}"#),
    ]
    let refused = try post(server, "importStrategy=CREATE", units)
    #expect(
      codes(refused.1) == ["NewClinic01 E5002", "NewClinic02 E5003", "NewClinic03 E4013", "NewClinic03 E4004"])
    #expect(refused.1["stats"]?["ignored"]?.int == 4)
    #expect(server.standIn.metadata.organisationUnitByUid["NewClinic04"] == nil)
    let some = try post(server, "importStrategy=CREATE&atomicMode=NONE", units)
    #expect(some.1["status"] == "WARNING" && some.1["stats"]?["created"]?.int == 2)
    let metadata = server.standIn.metadata
    let orphan = metadata.organisationUnits[try #require(metadata.organisationUnitByUid["NewClinic01"])]
    #expect(orphan.parent == nil && metadata.organisationUnitByUid["NewClinic04"] != nil)
  }

  @Test("an update replaces all of a unit", arguments: versions)
  func updates(version: ServerVersion) throws {
    let server = try SmallServer(version, values: 0)
    try server.standIn.change(
      metadata:
        #"{"organisationUnits":[{"id":"NewClinic01","name":"Old","parent":{"id":"\#(server.root)"},"comment":"gone soon","code":"C1"}]}"#
    )
    let update = [Self.unit("NewClinic01", #""parent":{"id":"\#(server.root)"}"#)]
    #expect(try post(server, "importStrategy=UPDATE", update).1["stats"]?["updated"]?.int == 1)
    let metadata = server.standIn.metadata
    let unit = metadata.organisationUnits[try #require(metadata.organisationUnitByUid["NewClinic01"])]
    #expect(unit.name == "New NewClinic01" && unit.code == nil && unit.further.isEmpty)
    let missing = try post(server, "importStrategy=UPDATE", [Self.unit("NewClinic09", #""code":"x""#)])
    #expect(codes(missing.1) == ["NewClinic09 E5001"])
  }

  @Test("invalid translations are reported by index only, and never stored", arguments: versions)
  func translations(version: ServerVersion) throws {
    let server = try SmallServer(version, values: 0)
    let bad =
      #""parent":{"id":"\#(server.root)"},"translations":[{"property":"NAME","locale":"fr","value":"a"},"#
      + #"{"property":"NAME","locale":"fr","value":"b"},{"property":"NAME","locale":"pt"}]"#
    let query = "skipTranslation=true&importStrategy="
    let new = [
      Self.unit("NewClinic01", #""parent":{"id":"\#(server.root)"}"#), Self.unit("NewClinic02", bad + #","url":"x""#),
      Self.unit("NewClinic03", bad),
    ]
    let refused = try post(server, query + "CREATE", new)
    #expect(codes(refused.1) == ["NewClinic02 E4004", "NewClinic02 E1106", "NewClinic02 E4000", " E1106", " E4000"])
    let reports = refused.1["typeReports"]?.array?.first?["objectReports"]?.array ?? []
    #expect(reports.map { $0["index"]?.int } == [1, 2] && reports.last?["uid"] == nil, "\(reports)")
    #expect(server.standIn.metadata.organisationUnitByUid["NewClinic01"] == nil)
    // The check counts only the objects that the strategy means.
    #expect(try post(server, query + "CREATE", Array(new.prefix(1))).0 == 200)
    let mixed = try post(server, query + "CREATE", [new[0], new[2]])
    #expect(codes(mixed.1) == ["NewClinic01 E5000", "NewClinic01 E1106", "NewClinic01 E4000"])
  }

  @Test("values of attributes are checked, and missing ones of mandatory attributes refused", arguments: versions)
  func attributes(version: ServerVersion) throws {
    let server = try SmallServer(version, values: 0)
    try server.standIn.change(
      metadata: #"""
        {"attributes":[{"id":"MandatoryAt","mandatory":true,"organisationUnitAttribute":true},
          {"id":"UniqueAttri","name":"Licence","unique":true,"organisationUnitAttribute":true},
          {"id":"IntegerAttr","valueType":"INTEGER","organisationUnitAttribute":true},
          {"id":"OfElements1","mandatory":true}]}
        """#)
    let list = TestClient.ask(
      server.port, "GET", "/api/attributes?fields=id,mandatory&filter=organisationUnitAttribute:eq:true&paging=false",
      headers: TestClient.admin)
    #expect(
      try JSONValue(reading: list.body)["attributes"]?.array?.map(\.text).sorted() == [
        #"{"mandatory":false,"id":"IntegerAttr"}"#, #"{"mandatory":false,"id":"UniqueAttri"}"#,
        #"{"mandatory":true,"id":"MandatoryAt"}"#,
      ])
    func unit(_ uid: String, _ values: [(String, String)]) -> String {
      let values = values.map { #"{"value":"\#($0.1)","attribute":{"id":"\#($0.0)"}}"# }.joined(separator: ",")
      return Self.unit(uid, #""parent":{"id":"\#(server.root)"},"attributeValues":[\#(values)]"#)
    }
    let refused = try post(
      server, "importStrategy=CREATE",
      [
        unit("NewClinic01", [("MandatoryAt", "")]), unit("NewClinic02", [("MandatoryAt", "x"), ("Unknown0001", "x")]),
        unit("NewClinic03", [("MandatoryAt", "x"), ("OfElements1", "x")]),
        unit("NewClinic04", [("MandatoryAt", "x"), ("IntegerAttr", "x")]),
        unit("NewClinic05", [("MandatoryAt", "x"), ("UniqueAttri", "1")]),
        unit("NewClinic06", [("MandatoryAt", "x"), ("UniqueAttri", "1")]),
      ])
    #expect(
      codes(refused.1) == [
        "NewClinic01 E4011", "NewClinic02 E5002", "NewClinic03 E6012", "NewClinic04 E6006", "NewClinic06 E4009",
      ])
    let taken = try post(
      server, "importStrategy=CREATE", [unit("NewClinic05", [("MandatoryAt", "x"), ("UniqueAttri", "1")])])
    #expect(taken.0 == 200 && codes(taken.1) == [])
    let update = try post(server, "importStrategy=UPDATE", [unit("NewClinic05", [("UniqueAttri", "1")])])
    #expect(codes(update.1) == ["NewClinic05 E4011"])
  }

  @Test("e-mail addresses that cannot be one are refused", arguments: versions)
  func addresses(version: ServerVersion) throws {
    let server = try SmallServer(version, values: 0)
    let emails = ["a@example.org", "a.example.org", "a@example", "a@b@example.org", "a b@example.org", ""]
    let units = emails.enumerated().map { index, email in
      Self.unit("NewClinic0\(index)", #""parent":{"id":"\#(server.root)"},"email":"\#(email)""#)
    }
    let refused = try post(server, "importMode=VALIDATE&importStrategy=CREATE", units)
    #expect(codes(refused.1) == (1...4).map { "NewClinic0\($0) E4003" })
  }

  @Test("units are added to a data set, unknown ones passed over without a word", arguments: versions)
  func assignments(version: ServerVersion) throws {
    let server = try SmallServer(version, values: 0)
    let set = try #require(server.standIn.metadata.dataSetByUid[server.dataSet])
    let known = server.standIn.metadata.organisationUnits[server.standIn.metadata.dataSets[set].units[0]].uid
    let before = server.standIn.metadata.dataSets[set].units.count
    let answer = TestClient.ask(
      server.port, "POST", "/api/dataSets/\(server.dataSet)/organisationUnits", headers: TestClient.admin,
      body: #"{"additions":[{"id":"\#(server.root)"},{"id":"\#(known)"},{"id":"Nowhere0001"}]}"#)
    #expect(server.standIn.metadata.dataSets[set].units.count == before + 1)
    guard version.minor >= 38 else {
      #expect(answer.status == 204)
      return
    }
    let stats = try JSONValue(reading: answer.body)["response"]?["stats"]
    #expect(answer.status == 200 && stats?["updated"]?.int == 1 && stats?["ignored"]?.int == 1)
  }
}
