import D2Common
import Foundation
import TestSupport
import Testing

@testable import StandInServer

/// Compares the stand-in's own parser and writer with Foundation's.
@Suite("the stand-in's JSON")
struct JSONReaderTests {
  @Test("reads and refuses what Foundation reads and refuses: random documents, each also with one byte changed")
  func agreesWithFoundation() throws {
    var read = 0
    var refused = 0
    for seed in 0..<2000 as Range<UInt64> {
      var json = RandomJSON(seed: seed)
      var random = SeededGenerator(seed: seed)
      let document = Array(json.document(spaced: seed % 2 == 0, elements: Int(seed % 4)).utf8)
      for text in [document, Self.changed(document, &random), Self.changed(document, &random)] {
        let expected = try? JSONSerialization.jsonObject(with: Data(text), options: .fragmentsAllowed)
        let ours = try? JSONValue(reading: text)
        let shown = "seed \(seed): \(String(decoding: text, as: UTF8.self))"
        // Foundation takes a comma before a closing bracket, which Jackson does not.
        let isLenient = ours == nil && expected != nil && shown.contains(/,\s*[}\]]/)
        #expect((ours != nil) == (expected != nil) || isLenient, "\(shown)")
        guard let ours, let expected else {
          refused += 1
          continue
        }
        read += 1
        #expect(Self.agree(ours, expected), "\(shown)")
      }
    }
    #expect(read > 2000)
    #expect(refused > 2000)
  }

  /// One byte more, less, or another, of those that mean something to JSON.
  private static func changed(_ text: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
    var text = text
    let place = text.indices.randomElement(using: &random)!
    let byte = Array("{}[],:\"\\01e.-+tn u\n".utf8).randomElement(using: &random)!
    switch Int.random(in: 0..<3, using: &random) {
    case 0: text.remove(at: place)
    case 1: text.insert(byte, at: place)
    default: text[place] = byte
    }
    return text
  }

  /// Whether a document is what Foundation read.
  private static func agree(_ ours: JSONValue, _ theirs: Any) -> Bool {
    switch ours {
    case .null: return theirs is NSNull
    case .bool(let flag): return theirs as? Bool == flag
    case .number(let spelling): return (theirs as? NSNumber)?.doubleValue == Double(spelling)
    case .string(let text): return (theirs as? String).map { Array($0.utf8) } == Array(text.utf8)
    case .array(let elements):
      guard let others = theirs as? [Any], others.count == elements.count else { return false }
      return zip(elements, others).allSatisfy(agree)
    case .object(let members):
      guard let others = theirs as? [String: Any] else { return false }
      // If a key occurs twice, Foundation keeps one.
      return Set(members.map(\.key)) == Set(others.keys)
        && members.allSatisfy { member in
          members.filter { $0.key == member.key }.contains { agree($0.value, others[member.key]!) }
        }
    }
  }

  @Test("keeps numbers as they are spelled, the order of keys, and keys that stand twice")
  func verbatim() throws {
    let text = #"{"b":1.50,"a":[true,null,-0,1e3,12345678901234567890.10],"b":"x\"\\\n","":{}}"#
    let value = try JSONValue(reading: " " + text + "\r\n")
    #expect(value.jackson == text)
    #expect(value["b"] == .string("x\"\\\n"))
    #expect(value.members?.map(\.key) == ["b", "a", "b", ""])
  }

  @Test(
    "what Jackson does not take by default is refused",
    arguments: [
      "", "{", "[1,]", "{,}", #"{"a":1,}"#, "01", "+1", ".5", "1.", "NaN", "Infinity", "'a'", "{a:1}", "\"a\tb\"",
      #""\x""#, #""\u12""#, "{} {}", "[1}", "1 2", "// c\n1", "nul", "True",
    ])
  func refused(text: String) {
    #expect(throws: UnreadableJSON.self) { try JSONValue(reading: text) }
  }

  @Test("a byte order mark, halves of surrogate pairs, and no bytes that are not UTF-8")
  func text() throws {
    #expect(try JSONValue(reading: "\u{FEFF}[]") == .array([]))
    #expect(try JSONValue(reading: #""\ud83d\ude00\ud83dx\/""#) == .string("😀\u{FFFD}x/"))
    #expect(throws: UnreadableJSON.self) { try JSONValue(reading: [0x22, 0xC3, 0x22]) }
  }

  @Test("a thousand levels are read, and no more")
  func levels() throws {
    func nested(_ levels: Int) -> String {
      String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
    }
    #expect(try JSONValue(reading: nested(1000)).jackson == nested(1000))
    #expect(throws: UnreadableJSON.self) { try JSONValue(reading: nested(1001)) }
  }

  @Test("control characters are written as Jackson writes them")
  func written() {
    #expect(JSONValue.string("\u{8}\u{C}\u{1F}\u{0}\u{7F}é/<").jackson == "\"\\b\\f\\u001F\\u0000\u{7F}é/<\"")
  }
}
