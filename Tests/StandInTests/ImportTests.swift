import D2Common
import Testing
import WaitingTests

@testable import StandInServer

/// What the recordings do not show of imports and exports.
@Suite(.waiting) struct ImportTests {
  private func summary(_ answer: TestClient.Answer) throws -> JSONValue {
    try JSONValue(reading: answer.body)["response"]!
  }

  @Test func aDeletionScopeReplaces() throws {
    let server = try SmallServer(.v43, values: 0)
    #expect(server.push(server.payload(10)).status == 200)
    let posted = try JSONValue(reading: server.payload(4))
    let values = posted["dataValues"]!.array!
    func distinct(_ key: String) -> JSONValue {
      .array(Set(values.map { $0[key]!.string! }).sorted().map { .string($0) })
    }
    let scope: JSONValue = [
      "orgUnits": distinct("orgUnit"), "periods": distinct("period"),
      "elements": [["dataElement": values[0]["dataElement"]!]],
    ]
    let body = JSONValue.object([
      .init("dataSet", .string(server.dataSet)), .init("deletion", scope), .init("dataValues", .array([values[0]])),
    ])
    let counts = try summary(server.push(body.text))["importCount"]!
    #expect(counts["updated"]?.int == 1 && counts["deleted"]?.int == 3)
    #expect(server.standIn.values.split(separator: "\n").filter { $0.contains("\"deleted\":true") }.count == 3)
  }

  @Test func asyncImportsOfLaterVersionsStartLate() throws {
    let server = try SmallServer(.v42, values: 0) { $0.asyncDelaySeconds = 0.3 }
    let answer = TestClient.ask(
      server.port, "POST", "/api/dataValueSets?async=true", headers: TestClient.admin, body: server.payload(5))
    let job = try summary(answer)
    let tasks = job["relativeNotifierEndpoint"]!.string!
    let summaries = tasks.replacing("/tasks/", with: "/taskSummaries/")
    func ask(_ path: String) -> TestClient.Answer {
      TestClient.ask(server.port, "GET", path, headers: TestClient.admin)
    }
    #expect(ask(tasks).text == "[]" && ask(summaries).body.isEmpty && server.standIn.values.isEmpty)
    #expect(eventually { ask(tasks).text != "[]" })
    #expect(try JSONValue(reading: ask(tasks).body).array!.first!["completed"] == true)
    #expect(try JSONValue(reading: ask(summaries).body)["importCount"]?["imported"]?.int == 5)
  }

  @Test func plainAndOddPayloadsAreReadAlike() throws {
    let texts = [
      #"{"dataSet":"a","dataValues":[{"dataElement":"x","value":"1"},{"value":"é \"q\" \\ 😀","comment":null}]}"#,
      #" { "dataValues" : [ { "followup" : true , "deleted":false, "value":"" } ] , "period":"2024" } "#,
      #"{"dataValues":[{"unknown":5,"value":"a\nb"}]}"#, #"{"dataValues":[]}"#,
    ]
    for text in texts {
      for version in [ServerVersion.v42, .v43] {
        let scanned = try #require(ValueScanner.set(Array(text.utf8), version), "\(text)")
        let document = try IncomingSet(JSONValue(reading: text), version)
        #expect(scanned.header == document.header)
        #expect(scanned.values.map(\.description) == document.values.map(\.description), "\(text)")
      }
    }
    for text in [
      #"{"dataValues":[{"value":{"a":1}}]}"#, #"{"dataValues":[{"value":"1"}"#, "[]", "{}",
      #"{"dataValues":[{"value":"1",}]}"#,
    ] {
      #expect(ValueScanner.set(Array(text.utf8), .v42) == nil, "\(text)")
    }
  }

  @Test func exportsOfLaterVersionsFilterByLevelAndCombo() throws {
    let server = try SmallServer(.v43)
    func count(_ more: String) throws -> Int {
      try JSONValue(reading: server.pull(more).body)["dataValues"]!.array!.count
    }
    #expect(try count("&level=5") == count(""))
    #expect(try count("&level=1") == 0)
    let metadata = Country.metadata(units: 60, seed: 1)
    let some = try count("&categoryOptionCombo=\(metadata.categoryOptionCombos[1].uid)")
    #expect(try some > 0 && some < count(""))
  }

  @Test func aCutWithAPromisedLengthIsSeen() throws {
    let server = try SmallServer()
    try server.fail(#"{"kind":"cut-body","after":40,"framing":"length","path":"/api/system"}"#)
    let answer = TestClient.ask(server.port, "GET", "/api/system/info", headers: TestClient.admin)
    #expect(answer.header("Content-Length").flatMap { Int($0) } ?? 0 > 40 && answer.body.count == 40 && !answer.isWhole)
  }

  @Test func upTo42AnObjectOrListWhereATextBelongsMovesThePositions() throws {
    let server = try SmallServer(.v42, values: 0)
    let posted = try JSONValue(reading: server.payload(3))["dataValues"]!.array!.map(\.text)
    func conflicts(_ odd: String) throws -> (counts: [Int?], indexes: [[Int]]) {
      let body = #"{"dataValues":[\#(posted[0]),\#(posted[1].dropLast()),"comment":\#(odd),"x":1},\#(posted[2])]}"#
      let summary = try summary(server.push(body))
      let counts = summary["importCount"]!
      return (
        ["imported", "ignored"].map { counts[$0]?.int },
        (summary["conflicts"]?.array ?? []).map { ($0["indexes"]?.array ?? []).compactMap(\.int) }
      )
    }
    // One value too many, at the place of the neighbour.
    let object = try conflicts(#"{"a":1}"#)
    #expect(object.counts == [3, 1] && object.indexes == [[2]], "\(object)")
    // The end of a list ends the values.
    let list = try conflicts(#"["a"]"#)
    #expect(list.counts == [0, 2] && list.indexes.isEmpty, "\(list)")
    let lists = try conflicts(#"["a","b"]"#)
    #expect(lists.counts == [0, 0], "\(lists)")
  }
}
