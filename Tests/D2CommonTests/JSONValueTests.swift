import D2Common
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
}
