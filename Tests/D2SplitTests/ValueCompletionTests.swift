import TestSupport
import Testing

@testable import D2Common
@testable import D2Split

@Suite("ValueCompletion")
struct ValueCompletionTests {
  static func complete(_ element: String, _ completion: ValueCompletion, top: [(String, String)] = []) -> String {
    let members = completion.hoistedMembers(in: top.map { (Array($0.0.utf8), Array($0.1.utf8)) })
    var output = ByteArray()
    let bytes = Array(element.utf8)
    bytes.withUnsafeBytes { completion.append(to: &output, element: $0, hoisted: members) }
    return String(decoding: output.bytes, as: UTF8.self)
  }

  @Test(
    "appends what the top level has and the value lacks, raw and in one order",
    arguments: [
      (#"{"a":1}"#, #"{"a":1,"period":"202401","orgUnit":"O"}"#), ("{}", #"{"period":"202401","orgUnit":"O"}"#),
      (#"{"period":"2","a":1}"#, #"{"period":"2","a":1,"orgUnit":"O"}"#),
      (#"{"orgUnit":null,"period":1}"#, #"{"orgUnit":null,"period":1}"#),
      (#"{"c":"\"period\":"}"#, #"{"c":"\"period\":","period":"202401","orgUnit":"O"}"#),
      (#"{"c":"period"}"#, #"{"c":"period","period":"202401","orgUnit":"O"}"#),
      (#"{"xperiod":1}"#, #"{"xperiod":1,"period":"202401","orgUnit":"O"}"#),
    ])
  func hoisted(element: String, expected: String) {
    let top = [("orgUnit", #""O""#), ("period", #""202401""#), ("attributeOptionCombo", "null"), ("dataSet", #""D""#)]
    #expect(Self.complete(element, ValueCompletion(), top: top) == expected)
  }

  @Test("the data set comes last, as a JSON string")
  func dataSet() {
    let completion = ValueCompletion(hoistedKeys: [], dataSet: "a\"\\\n")
    #expect(Self.complete(#"{"a":1}"#, completion) == #"{"a":1,"dataSet":"a\"\\\n"}"#)
    #expect(Self.complete("{}", completion) == #"{"dataSet":"a\"\\\n"}"#)
  }

  @Test("none appends nothing")
  func none() {
    for element in ["{}", #"{"a":1}"#] {
      #expect(Self.complete(element, .none, top: [("period", #""1""#)]) == element)
    }
  }

  @Test("a completed random object is JSON with the same members and the missing one")
  func property() throws {
    for seed in 0..<500 as Range<UInt64> {
      var json = RandomJSON(seed: seed)
      let element = json.element()
      let before = try #require(try JSONValue(parsing: element).members)
      let after = try JSONValue(parsing: Self.complete(element, ValueCompletion(), top: [("period", "12")])).members
      #expect(after == before + [.init("period", .number("12"))], "seed \(seed)")
    }
  }
}
