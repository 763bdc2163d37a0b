import TestSupport
import Testing

@testable import D2Common
@testable import D2Client

@Suite("ImportSummary")
struct ImportSummaryTests {
  static func summary(_ text: String) throws -> ImportSummary? { ImportSummary(try JSONValue(parsing: text)) }

  @Test(
    "is found bare, under response, and with its counts in any of their places",
    arguments: [
      #"{"responseType":"ImportSummary","status":"WARNING","importCount":{"imported":1,"updated":2,"ignored":3,"deleted":4}}"#,
      #"{"httpStatus":"Conflict","status":"ERROR","response":{"status":"WARNING","importCount":{"deleted":4,"ignored":3,"updated":2,"imported":1}}}"#,
      #"{"response":{"status":"WARNING","import_count":{"imported":1,"updated":2,"ignored":3,"deleted":4}}}"#,
      #"{"status":"OK","response":{"responseType":"ImportSummaries","status":"WARNING","imported":1,"updated":2,"ignored":3,"deleted":4}}"#,
      #"{"status":"WARNING","response":{"importCount":{"imported":"1","updated":"2","ignored":"3","deleted":"4"}}}"#,
    ])
  func places(text: String) throws {
    let summary = try #require(try Self.summary(text))
    #expect(summary.status == "WARNING" && summary.hasCounts && !summary.isError)
    #expect([summary.imported, summary.updated, summary.ignored, summary.deleted] == [1, 2, 3, 4])
    #expect(summary.accepted == 7)
  }

  @Test(
    "is not found if the answer has no summary",
    arguments: [
      "{}", "[]", "null", #""x""#, #"{"status":"ERROR","message":"no"}"#,
      #"{"response":{"id":"a","jobType":"DATAVALUE_IMPORT"}}"#,
      #"{"response":{"responseType":"ErrorReports"}}"#, #"{"response":[]}"#,
    ])
  func none(text: String) throws { #expect(try Self.summary(text) == nil) }

  @Test("counts that are missing are not taken for zeros")
  func noCounts() throws {
    let summary = try #require(try Self.summary(#"{"response":{"status":"ERROR","conflicts":[]}}"#))
    #expect(!summary.hasCounts && summary.isError && summary.accepted == 0)
    #expect(try Self.summary(#"{"importCount":{"updated":3}}"#)?.hasCounts == false)
    #expect(try Self.summary(#"{"importCount":{"ignored":0}}"#)?.hasCounts == true)
  }

  @Test("conflicts of every version keep what they say")
  func conflicts() throws {
    let text = """
      {"conflicts":[{"object":"abc","value":"m1"},
      {"object":12,"objects":{"dataElement":"d","n":5,"x":null},"value":"m2","errorCode":"E7619","property":"value"},
      {"objects":{"args":"0-a"},"value":"m3","errorCode":"E8122","indexes":[3,-1,"4",null]},{}],"rejectedIndexes":[3,4]}
      """
    let summary = try #require(try Self.summary(text))
    let conflicts = summary.conflicts
    try #require(conflicts.count == 4)
    #expect(conflicts.map(\.message) == ["m1", "m2", "m3", ""])
    #expect(conflicts.map(\.object) == ["abc", "12", nil, nil])
    #expect(conflicts.map(\.code) == [nil, "E7619", "E8122", nil])
    #expect(conflicts.map(\.indexes) == [[], [], [3, -1, 4], []])
    #expect(conflicts[1].objects == ["dataElement": "d", "n": "5"])
    #expect(summary.rejectedIndexes == [3, 4])
  }

  @Test("conflicts and description of nested summaries count")
  func nested() throws {
    let text = """
      {"response":{"status":"ERROR","ignored":1,"importSummaries":[{"description":"d","conflicts":[{"value":"a"}]},
      {"conflicts":[{"value":"b"}]}]}}
      """
    let summary = try #require(try Self.summary(text))
    #expect(summary.conflicts.map(\.message) == ["a", "b"] && summary.description == "d" && summary.ignored == 1)
  }
}

@Suite("DHIS2Version")
struct DHIS2VersionTests {
  @Test(
    "reads what servers call themselves",
    arguments: [
      ("2.42.5.2", 42), ("2.43-SNAPSHOT", 43), ("2.39.4.1", 39), ("2.36", 36), ("42.1", 42), ("43", 43),
      ("2.44-rc", 44), ("v2.41", 41),
    ])
  func reads(text: String, minor: Int) {
    let version = DHIS2Version(text)
    #expect(version?.minor == minor && version?.description == text)
    #expect(version?.failsWholeGroups == (minor >= 43))
  }

  @Test("reads nothing into other texts", arguments: ["", "2", "dev", "2.", "1.0", "2.2", "-"])
  func refuses(text: String) { #expect(DHIS2Version(text) == nil) }

  @Test("versions are ordered")
  func order() throws {
    let versions = try ["2.9", "2.40.9.1", "2.42", "43.1"].map { try #require(DHIS2Version($0)) }
    #expect(versions == versions.shuffled().sorted())
  }
}

@Suite("RequestSize and uids")
struct RequestSizeTests {
  @Test("groups keep the order, fit the limit, and none could have been joined to the one before")
  func groups() {
    for seed in 0..<100 as Range<UInt64> {
      var random = SeededGenerator(seed: seed)
      let items = (0..<Int.random(in: 0...60, using: &random)).map { "\($0)" + String(repeating: "x", count: $0 % 7) }
      let limit = Int.random(in: 5...40, using: &random)
      let most = Int.random(in: 1...9, using: &random)
      let groups = RequestSize.groups(of: items, bytesEach: { $0.utf8.count + 1 }, limit: limit, most: most)
      #expect(groups.flatMap { $0 } == items)
      func bytes(_ group: [String]) -> Int { group.reduce(0) { $0 + $1.utf8.count + 1 } }
      let fit = groups.allSatisfy { !$0.isEmpty && $0.count <= most && ($0.count == 1 || bytes($0) <= limit) }
      #expect(fit, "seed \(seed)")
      let isTight = zip(groups, groups.dropFirst()).allSatisfy {
        $0.count == most || bytes($0) + bytes([$1[0]]) > limit
      }
      #expect(isTight, "seed \(seed)")
    }
  }

  @Test(
    "a uid is a letter and ten letters or digits",
    arguments: [
      ("BfMAe6Itzgt", true), ("aaaaaaaaaaa", true), ("1fMAe6Itzgt", false), ("BfMAe6Itzg", false),
      ("BfMAe6Itzgtx", false),
      ("BfMAe6Itz,t", false), ("BfMAe6Itzé", false), ("", false), ("@fMAe6Itzgt", false), ("BfMAe6It]gt", false),
      ("BfMAe6It`gt", false),
      ("`fMAe6Itzgt", false), ("[fMAe6Itzgt", false),
    ])
  func uids(text: String, isOne: Bool) { #expect(UID.canBe(text) == isOne) }
}
