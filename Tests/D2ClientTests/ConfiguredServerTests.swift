import Testing

@testable import D2Common
@testable import D2Client

@Suite("ConfiguredServer")
struct ConfiguredServerTests {
  @Test("what is set is what is read, also where the configuration has a key twice")
  func keyTwice() throws {
    var server = ConfiguredServer(name: "a", settings: try JSONValue(parsing: #"{"pat":"one","x":1,"pat":"two"}"#))
    #expect(server.text("pat") == "two")
    server.set("pat", "three")
    #expect(server.text("pat") == "three")
    server.remove("pat")
    #expect(server.settings.text == #"{"x":1}"#)
  }

  @Test(
    "no password of an address is shown, whatever the address looks like",
    arguments: [
      ("https://user:sesame@dhis2.example/api", "https://********@dhis2.example/api"),
      ("https://user:ses@me@dhis2.example", "https://********@dhis2.example"),
      ("user:sesame@https://dhis2.example", "********@https://dhis2.example"),
      ("https://user:sesame@\u{301}dhis2.example", "https://********@\u{301}dhis2.example"),
      ("https://dhis2.example/api", "https://dhis2.example/api"), ("me@dhis2.example", "me@dhis2.example"),
    ])
  func shownAddress(text: String, expected: String) {
    let shown = ConfiguredServer(name: "a", settings: .object([.init("api_url", .string(text))])).shown
    #expect(shown["api_url"]?.string.map { Array($0.utf8) } == Array(expected.utf8))
  }
}
