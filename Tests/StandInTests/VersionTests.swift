import D2Common
import Testing
import WaitingTests

@testable import StandInServer

/// The differences of the releases that were not recorded, from their sources.
@Suite(.waiting) struct VersionTests {
  private func badImport(_ name: String) throws -> (TestClient.Answer, JSONValue) {
    let server = try SmallServer(ServerVersion(name)!, values: 0)
    let answer = server.push(server.payload(3).replacing("\"value\":\"1\"", with: "\"value\":\"many\""))
    return (answer, try JSONValue(reading: answer.body))
  }

  @Test func plainSummariesUpTo37() throws {
    for name in ["2.36.13", "2.37.10"] {
      let (answer, summary) = try badImport(name)
      #expect(answer.status == 200 && summary["response"] == nil && summary["status"] == "WARNING")
      #expect(summary["importCount"]?["ignored"]?.int == 1 && summary["rejectedIndexes"] == nil)
    }
    let (answer, document) = try badImport("2.38.7")
    #expect(answer.status == 409 && document["response"]?["status"] == "WARNING")
  }

  @Test func conflictsGrewOverTime() throws {
    #expect(try badImport("2.36.13").1["conflicts"]?.array?.first?["errorCode"] == nil)
    #expect(try badImport("2.37.10").1["conflicts"]?.array?.first?["indexes"] == [1])
    #expect(try badImport("2.38.7").1["response"]?["rejectedIndexes"] == nil)
    #expect(try badImport("2.39.9").1["response"]?["rejectedIndexes"] == [1])
  }

  @Test func refusedExportsEndEmptyFrom39To42() throws {
    for (name, status) in [("2.38.7", 409), ("2.39.9", 200), ("2.41.5", 200), ("2.42.5.2", 200), ("2.43.1", 409)] {
      var options = StandInOptions()
      options.version = ServerVersion(name)!
      options.metadata = try JSONValue(reading: VersionTests.twoRoots)
      let server = try StandIn(options)
      server.start()
      defer { server.stop() }
      let answer = TestClient.ask(
        server.port, "GET", "/api/dataValueSets?dataSet=TestDsMon01&period=202201&orgUnit=TestOuRoot2",
        headers: [("Authorization", "Basic Y2xlcms6c2VjcmV0")])
      #expect(answer.status == status, "\(name)")
      #expect(answer.body.isEmpty == (status == 200), "\(name)")
    }
  }

  @Test func tokensHaveTheFormOfTheirVersion() throws {
    for (name, prefix, length) in [("2.40.9.1", "d2pat_", 48), ("2.41.5", "d2p_", 54), ("2.43.1", "d2p_", 54)] {
      let server = try SmallServer(ServerVersion(name)!)
      let answer = TestClient.ask(server.port, "POST", "/api/apiToken", headers: TestClient.admin, body: "{}")
      let token = try JSONValue(reading: answer.body)["response"]!["key"]!.string!
      #expect(token.hasPrefix(prefix) && token.count == length)
      let me = TestClient.ask(server.port, "GET", "/api/me", headers: [("Authorization", "ApiToken \(token)")])
      #expect(me.status == 200)
    }
  }

  @Test func releasesAreRead() {
    #expect(ServerVersion("2.36")?.minor == 36)
    #expect(ServerVersion("2.43-SNAPSHOT")?.hasDataEntryPipeline == true)
    #expect(ServerVersion("2.35") == nil)
    #expect(ServerVersion("42") == nil)
  }

  /// Two roots; the clerk's units are below the first.
  private static let twoRoots = """
    {"metadata":{"organisationUnits":[{"id":"TestOuRoot1","name":"One"},{"id":"TestOuRoot2","name":"Two"}],
    "dataElements":[{"id":"TestDeInt01","name":"Visits","valueType":"INTEGER"}],
    "dataSets":[{"id":"TestDsMon01","name":"Monthly","periodType":"Monthly",
    "dataSetElements":[{"dataElement":{"id":"TestDeInt01"}}],"organisationUnits":[{"id":"TestOuRoot1"}]}]},
    "users":[{"id":"TestUsClrk1","username":"clerk","password":"secret","organisationUnits":[{"id":"TestOuRoot1"}]}]}
    """
}
