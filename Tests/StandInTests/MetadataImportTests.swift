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
