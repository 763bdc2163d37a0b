import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// Details of imports and exports that are not in the recordings.
@Suite(.waiting) struct ImportTests {
  private func summary(_ answer: TestClient.Answer) throws -> JSONValue {
    try JSONValue(reading: answer.body)["response"]!
  }

  /// A scope of the first value's element, in the units and periods of all values.
  private func scope(_ values: [JSONValue], combo: JSONValue.Member? = nil) -> JSONValue {
    func distinct(_ key: String) -> JSONValue {
      .array(Set(values.map { $0[key]!.string! }).sorted().map { .string($0) })
    }
    let element = [JSONValue.Member("dataElement", values[0]["dataElement"]!)] + (combo.map { [$0] } ?? [])
    return ["orgUnits": distinct("orgUnit"), "periods": distinct("period"), "elements": .array([.object(element)])]
  }

  @Test func aDeletionScopeGoesBeforeTheValues() throws {
    let server = try SmallServer(.v43, values: 0)
    #expect(server.push(server.payload(10)).status == 200)
    let values = try JSONValue(reading: server.payload(4))["dataValues"]!.array!
    func post(_ scope: JSONValue, _ values: [JSONValue], query: String = "") throws -> JSONValue {
      let body = JSONValue.object([
        .init("dataSet", .string(server.dataSet)), .init("deletion", scope), .init("dataValues", .array(values)),
      ])
      return try summary(server.push(body.text, query: query))
    }
    var deleted: Int { server.standIn.values.split(separator: "\n").count { $0.contains("\"deleted\":true") } }
    let combo = JSONValue.Member("categoryOptionCombo", values[0]["categoryOptionCombo"]!)
    let whole = scope(values, combo: combo)
    let dry = try post(whole, [], query: "?dryRun=true")
    #expect(dry["importCount"]?["deleted"]?.int == 2 && deleted == 0, "\(dry.text)")
    // All of it is counted, what comes again too.
    let counts = try post(whole, [values[0]])
    #expect(counts["importCount"]?["updated"]?.int == 1 && counts["importCount"]?["deleted"]?.int == 2)
    #expect(counts["status"] == "SUCCESS" && deleted == 1)
    // Values that were deleted before count too.
    #expect(try post(whole, [])["importCount"]?["deleted"]?.int == 2)
    #expect(deleted == 2)
  }

  @Test func aDeletionScopeIsCheckedAsValuesAre() throws {
    let server = try SmallServer(.v43, values: 0)
    #expect(server.push(server.payload(4)).status == 200)
    let values = try JSONValue(reading: server.payload(4))["dataValues"]!.array!
    func code(_ change: (String) -> String) throws -> String? {
      let scope = change(scope(values).text)
      let answer = server.push(#"{"dataSet":"\#(server.dataSet)","deletion":\#(scope),"dataValues":[]}"#)
      let summary = try summary(answer)
      return answer.status == 409 ? summary["conflicts"]?.array?.first?["errorCode"]?.string : nil
    }
    let unit = values[0]["orgUnit"]!.string!
    #expect(try code { $0.replacing(unit, with: "not a uid") } == "E8035")
    #expect(try code { $0.replacing(unit, with: "aaaaaaaaaaa") } == "E8022")
    #expect(try code { $0.replacing(values[0]["dataElement"]!.string!, with: "aaaaaaaaaaa") } == "E8020")
    #expect(try code { $0.replacing(#""periods":["#, with: #""periods":["2022","#) } == "E8021")
    #expect(server.standIn.values.contains("\"deleted\":true") == false)
  }

  @Test func asyncImportsOfLaterVersionsStartLate() throws {
    let server = try SmallServer(.v42, values: 0) { $0.asyncDelaySeconds = 4 }
    let answer = TestClient.ask(
      server.port, "POST", "/api/dataValueSets?async=true", headers: TestClient.admin, body: server.payload(5))
    let job = try summary(answer)
    let tasks = job["relativeNotifierEndpoint"]!.string!
    let summaries = tasks.replacing("/tasks/", with: "/taskSummaries/")
    func ask(_ path: String) -> TestClient.Answer {
      TestClient.ask(server.port, "GET", path, headers: TestClient.admin)
    }
    #expect(ask(tasks).text == "[]" && ask(summaries).body.isEmpty && server.standIn.values.isEmpty)
    #expect(eventually { ask(tasks).text.contains(#""completed":true"#) })
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
