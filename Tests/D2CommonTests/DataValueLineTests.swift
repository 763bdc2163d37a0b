import TestSupport
import Testing
import WaitingTests

@testable import D2Common

/// The problem that `DataValueLine` finds in a text; `nil` if it accepts it.
func fault(of text: [UInt8], _ scratch: DataValueLine.Scratch) -> String? {
  withPadding(text) { bytes in
    do throws(DataValueLine.Fault) {
      _ = try DataValueLine(bytes, scratch)
      return nil
    } catch { return error.description }
  }
}

extension RandomJSON {
  /// An object with some of the keys that d2 looks at, some twice, among others, with white space anywhere.
  mutating func dataValue(spaced: Bool) -> String {
    var members: [String] = []
    for _ in 0..<Int.random(in: 0...9, using: &random) {
      let known = DataValueLine.Key.allCases.randomElement(using: &random)!.name
      let key = Int.random(in: 0...3, using: &random) == 0 ? "k" + string(3) : known
      members.append(
        space(spaced) + "\"\(key)\"" + space(spaced) + ":" + space(spaced) + scalarOrMore() + space(spaced))
    }
    return space(spaced) + "{" + members.joined(separator: ",") + space(spaced) + "}" + space(spaced)
  }

  private mutating func scalarOrMore() -> String {
    let numbers = ["0", "-0", "12", "1.5", "-1e3", "1E+22", "0.0", "123456789012345678901234567890"]
    switch Int.random(in: 0...5, using: &random) {
    case 0: return numbers.randomElement(using: &random)!
    case 1: return ["true", "false", "null"].randomElement(using: &random)!
    case 2: return value(depth: 2)
    default: return "\"\(string(6))\""
    }
  }

  private mutating func space(_ spaced: Bool) -> String {
    spaced ? ["", "", " ", "\t", "  ", "\r", "\n"].randomElement(using: &random)! : ""
  }

  /// Changes, puts in, takes out or cuts off bytes.
  mutating func damage(_ text: [UInt8]) -> [UInt8] {
    var text = text
    let bytes: [UInt8] =
      Array("{}[],:\"\\<ux0-.e+ tn\t\r\n/".utf8) + [0x00, 0x01, 0x1F, 0x7F, 0x80, 0xC3, 0xED, 0xA0, 0xF0, 0xFF]
    for _ in 0..<Int.random(in: 1...2, using: &random) where !text.isEmpty {
      let position = Int.random(in: 0..<text.count, using: &random)
      let byte = bytes.randomElement(using: &random)!
      switch Int.random(in: 0...4, using: &random) {
      case 0: text.insert(byte, at: position)
      case 1: text.remove(at: position)
      case 2: text.removeSubrange(position...)
      default: text[position] = byte
      }
    }
    return text
  }
}

@Suite("DataValueLine", .waiting, .serialized)
struct DataValueLineTests {
  @Test("reads random objects as the slow reader does, on every path", arguments: JSONPath.all)
  func agreesWithJSONValue(path: String) {
    JSONPath.using(path) {
      let scratch = DataValueLine.Scratch()
      for seed in 0..<2000 as Range<UInt64> {
        var json = RandomJSON(seed: seed)
        let text = json.dataValue(spaced: seed % 2 == 0)
        let comparison = LineComparison(Array(text.utf8), scratch)
        #expect(comparison.isAccepted, "seed \(seed)")
        #expect(comparison.difference == nil, "seed \(seed): \(text)")
      }
    }
  }

  @Test(
    "accepts and refuses damaged objects as the slow reader does, on every path",
    arguments: JSONPath.all)
  func agreesOnDamage(path: String) {
    JSONPath.using(path) {
      let scratch = DataValueLine.Scratch()
      var accepted = 0
      let count = 6000
      for seed in 0..<UInt64(count) {
        var json = RandomJSON(seed: seed)
        let text = json.damage(Array(json.dataValue(spaced: seed % 3 == 0).utf8))
        let comparison = LineComparison(text, scratch)
        accepted += comparison.isAccepted ? 1 : 0
        #expect(comparison.difference == nil, "seed \(seed): \(String(decoding: text, as: UTF8.self).debugDescription)")
      }
      // The data contains harmless damage, for example inside a string, and much harmful damage.
      #expect(accepted > count / 20 && accepted < count * 19 / 20, "\(accepted)")
    }
  }

  @Test("refuses every beginning of an object", arguments: JSONPath.all)
  func cutEverywhere(path: String) {
    JSONPath.using(path) {
      let scratch = DataValueLine.Scratch()
      let text = Array(
        #"{"dataElement":"a","value":-1.5e3,"comment":"é\u00e9\"","x":[{"y":[]},true,null],"followup":false}"#.utf8)
      for cut in 0..<text.count {
        #expect(fault(of: Array(text[..<cut]), scratch) != nil, "cut at \(cut)")
      }
      #expect(LineComparison(text, scratch).difference == nil)
    }
  }

  @Test(
    "says what is wrong with a line",
    arguments: [
      (
        "[1]",
        "this is a JSON array, but each value must be a line of its own: put d2-convert FILE | before the command"
      ),
      ("12", "not a JSON object"),
      (#"{"a":"#, "the JSON ends early: a value was expected"),
      (#"{"a":1} {}"#, "there is something after the JSON object at byte 8"),
      (#"{"a" 1}"#, "a colon was expected at byte 5"),
      (#"{"a":01}"#, "no JSON value at byte 5"), (#"{"a":tru}"#, "no JSON value at byte 5"),
      (#"{"a":"x}"#, "a string that does not end"), ("{\"a\":\"\u{2}\"}", "a control byte inside a string at byte 6"),
      (#"{"a":"\q"}"#, "an escape that JSON does not have at byte 6"), ("{\u{0}}", "a control byte at byte 1"),
      (#"{1:2}"#, "a key was expected at byte 1"),
      (#"{"a":1 "b":2}"#, "a comma or a closing bracket was expected at byte 7"), ("", "not a JSON object"),
    ])
  func faults(text: String, expected: String) {
    #expect(fault(of: Array(text.utf8), DataValueLine.Scratch()) == expected)
  }

  @Test("the last of two equal keys counts, a key inside another value does not")
  func keys() throws {
    let scratch = DataValueLine.Scratch()
    try withPadding(Array(#"{"period":"1","x":{"period":"2","orgUnit":"3"},"period":202401}"#.utf8)) { bytes in
      let line = try DataValueLine(bytes, scratch)
      #expect(line.text(.period) == "202401")
      #expect(line[.period].kind == .number)
      #expect(line[.orgUnit].kind == .absent)
    }
  }

  @Test("a byte order mark is where it is stricter than the slow reader; a key may be spelled with escapes")
  func stricter() throws {
    let scratch = DataValueLine.Scratch()
    #expect(fault(of: [0xEF, 0xBB, 0xBF] + Array("{}".utf8), scratch) == "not a JSON object")
    let text = try withPadding(Array(#"{"p\u0065riod":"1"}"#.utf8)) { try DataValueLine($0, scratch).text(.period) }
    #expect(text == "1")
  }

  @Test("a line longer than its scratch's first room, and nesting up to 64 levels")
  func limits() throws {
    let scratch = DataValueLine.Scratch()
    let many = "{" + (0..<40_000).map { "\"k\($0)\":\($0)" }.joined(separator: ",") + #","value":"end"}"#
    let value = try withPadding(Array(many.utf8)) { try DataValueLine($0, scratch).text(.value) }
    #expect(value == "end")
    func nested(_ levels: Int) -> [UInt8] {
      Array(
        (#"{"a":"# + String(repeating: "[", count: levels - 1) + String(repeating: "]", count: levels - 1) + "}").utf8
      )
    }
    #expect(fault(of: nested(64), scratch) == nil)
    #expect(fault(of: nested(65), scratch) == "JSON nested deeper than 64 levels")
  }
}
