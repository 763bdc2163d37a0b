import D2Common
import TestSupport
import Testing

@Suite("JSONValue")
struct JSONValueTests {
  @Test("keeps the spelling of numbers and the order of keys")
  func verbatim() throws {
    let text = #"{"b":1.50,"a":[true,null,-0,1e3],"c":"x\"\\\né\u001f"}"#
    #expect(try JSONValue(parsing: text).text == text)
  }

  @Test(
    "says where a text stops being JSON",
    arguments: [
      ("", 0), ("{", 1), ("{\"a\" 1}", 5), ("[1,]", 3), ("01", 0), ("\"a\nb\"", 2), ("{} x", 3), ("nul", 3), ("1.", 2),
      ("\"\\q\"", 2),
    ])
  func faults(text: String, offset: Int) {
    #expect { try JSONValue(parsing: text) } throws: { ($0 as? JSONSyntaxError)?.offset == offset }
  }

  @Test("reads surrogate pairs, and a lone surrogate as the replacement character")
  func surrogates() throws {
    #expect(try JSONValue(parsing: #""\ud83d\ude00\ud83dx""#).string == "😀\u{FFFD}x")
  }

  @Test("a random document survives being written and read again, and compact text without escapes stays as it is")
  func roundTrip() throws {
    for seed in 0..<1000 as Range<UInt64> {
      var json = RandomJSON(seed: seed)
      let value = try JSONValue(parsing: json.document(spaced: seed % 2 == 0, elements: Int(seed % 7)))
      let text = value.text
      let again = try JSONValue(parsing: text)
      let same = again == value && again.text == text
      #expect(same, "seed \(seed)")
    }
  }

  @Test(
    "any text survives as a string",
    arguments: [
      "", "\u{0}\u{1}\u{1F}\u{7F}", "\"\\/", "\r\n\t\u{8}\u{C}", "é😀ቁጥር", "\u{2028}\u{FEFF}", "e\u{301}", "\u{10FFFF}",
    ])
  func strings(text: String) throws {
    let written = JSONValue.string(text).text
    #expect(try JSONValue(parsing: written).string.map { Array($0.utf8) } == Array(text.utf8))
    #expect(!written.utf8.contains { $0 < 0x20 })
  }

  @Test("bytes that are not UTF-8 are refused, wherever they stand")
  func notUTF8() {
    for bytes in [[0x80], [0xC0, 0x80], [0xC3], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF]] as [[UInt8]] {
      #expect(throws: JSONSyntaxError.self) { try JSONValue(parsing: [0x22] + bytes + [0x22]) }
      #expect(throws: JSONSyntaxError.self) { try JSONValue(parsing: [0x7B, 0x22] + bytes + Array("\":1}".utf8)) }
    }
  }

  @Test("64 levels are read, and no more", arguments: [("[", "]"), (#"{"a":"#, "}")])
  func levels(open: String, close: String) throws {
    func nested(_ levels: Int, _ inside: String) -> String {
      String(repeating: open, count: levels) + inside + String(repeating: close, count: levels)
    }
    _ = try JSONValue(parsing: nested(64, "1"))
    _ = try JSONValue(parsing: nested(63, "{}"))
    #expect(throws: JSONSyntaxError.self) { try JSONValue(parsing: nested(65, "1")) }
    #expect(throws: JSONSyntaxError.self) { try JSONValue(parsing: nested(64, "[]")) }
  }

  @Test("the last of equal keys counts; numbers and booleans are read where they are strings, too")
  func accessors() throws {
    let value = try JSONValue(parsing: #"{"a":1,"a":"2","b":"true","c":1.0,"d":[1],"e":null}"#)
    #expect(value["a"]?.int == 2 && value["b"]?.bool == true && value["c"]?.int == nil)
    #expect(value["c"]?.scalarText == "1.0" && value["d"]?.scalarText == nil && value["e"]?.scalarText == nil)
    #expect(value["x"] == nil && value["d"]?["a"] == nil && value["d"]?.array?.count == 1 && value.members?.count == 6)
  }
}
