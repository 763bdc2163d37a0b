import D2Common
import Testing

@testable import d2_push
import D2Client

@Suite("LineRules")
struct LineRulesTests {
  /// The problem of a line for a server; `nil` if it may be sent.
  private func fault(_ members: String, _ version: String = "2.42", _ words: String...) throws -> String? {
    let options = try PushOptions(
      Arguments(["--url", "http://127.0.0.1:9"] + words, Push.description), Log(command: "test", least: .error))
    let rules = LineRules(options, DestinationTraits(version: DHIS2Version(version)))
    return try withLine(#"{"dataElement":"a","period":"2024","orgUnit":"u",\#(members)}"#) { line in
      do throws(DataValueLine.Fault) {
        try rules.check(line)
        return nil
      } catch { return error.description }
    }
  }

  @Test(
    "what servers would read otherwise than it stands there is not sent", arguments: ["2.40", "2.42", "2.43"],
    [
      (#""value":{"a":1}"#, #""value" is an object"#), (#""value":["5"]"#, #""value" is an array"#),
      (#""value":"1","comment":{}"#, #""comment" is an object"#),
      (#""storedBy":[],"value":"1""#, #""storedBy" is an array"#),
      (#""value":"1","created":{"a":1}"#, #""created" is an object"#),
      (#""value":"1","lastUpdated":[]"#, #""lastUpdated" is"#),
      (#""value":"1","deleted":"maybe""#, #""deleted" is neither true nor false"#),
      (#""value":"1","followup":1"#, #""followup" is neither true nor false"#),
      (#""value":"1","followUp":[]"#, #""followUp" is an array"#),
      (#""value":"1","dataSet":{}"#, #""dataSet" is an object"#),
      (#""categoryOptionCombo":["c"],"value":"1""#, #""categoryOptionCombo" is an array"#),
      (#""attributeOptionCombo":true,"value":"1""#, #""attributeOptionCombo" is true or false"#),
      (#""value":"1","value":"2""#, #"the key "value" is there twice"#),
      (#""value":"1","v\u0061lue":"2""#, #"the key "value" is there twice"#),
      (#""v\u0061lue":{}"#, #""value" is an object"#),
      (#""categoryOptionCombo":null,"value":"1""#, #""categoryOptionCombo" is null"#),
      (#""attributeOptionCombo":"","value":"1""#, #""attributeOptionCombo" is empty"#),
      (
        #""attributeOptionCombo":null,"categoryOptionCombo":null,"value":"1""#,
        #""categoryOptionCombo" and "attributeOptionCombo" are null"#
      ),
    ])
  func malformed(version: String, line: (members: String, beginning: String)) throws {
    let found = try fault(line.members, version)
    #expect(found?.hasPrefix(line.beginning) == true, "\(version) \(line.members): \(found ?? "taken")")
  }

  @Test(
    "what every server reads is sent", arguments: ["2.40", "2.42", "2.43"],
    [
      #""value":5"#, #""value":true"#, #""value":null,"comment":"x""#, #""value":"1","comment":7"#,
      #""value":"1","deleted":"true""#, #""value":"1","followup":null"#, #""categoryOptionCombo":12,"value":"1""#,
      #""value":"1","attributeValues":[{"a":{}}]"#, #""value":"1","dataSet":null"#, #""value":"1""#,
    ])
  func taken(version: String, members: String) throws {
    #expect(try fault(members, version) == nil)
  }

  @Test("missing ids of combos are sent under the default combo where that is asked for")
  func nullCombo() throws {
    for members in [#""categoryOptionCombo":null,"value":"1""#, #""attributeOptionCombo":"","value":"1""#] {
      #expect(try fault(members, "2.42", "--null-combo", "default") == nil)
      #expect(try fault(members, "2.43", "--null-combo", "default") == nil)
      #expect(try fault(members, "2.42", "--null-combo", "refuse") != nil)
    }
  }

  @Test("a combo of category options goes to 2.43 where the data set is named")
  func categoryOptions() throws {
    let options = #""categoryOptionCombo":{"c":"o"},"value":"1""#
    #expect(try fault(options, "2.42")?.contains("only servers from 2.43 on") == true)
    #expect(try fault(options, "2.42", "--data-set", "s")?.contains("only servers from 2.43 on") == true)
    #expect(try fault(options, "2.43")?.contains("--data-set") == true)
    #expect(try fault(options, "2.43", "--data-set", "s") == nil)
    #expect(try fault(options + #","dataSet":"s""#, "2.43") == nil)
  }

  @Test("category options in another order are the same combo")
  func canonical() {
    func canonical(_ text: String) -> [UInt8] {
      Array(text.utf8).withUnsafeBytes { LineRules.canonical(UnsafeRawBufferPointer($0)) }
    }
    #expect(canonical(#"{"a":"1", "b":"2"}"#) == canonical(#"{"b":"2","\u0061":"1"}"#))
    #expect(canonical(#"{"a":"1","b":"2"}"#) != canonical(#"{"a":"2","b":"1"}"#))
  }
}
