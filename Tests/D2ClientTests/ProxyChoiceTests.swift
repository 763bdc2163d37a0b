import Testing

@testable import D2Common
@testable import D2Client

@Suite("ProxyChoice")
struct ProxyChoiceTests {
  @Test(
    "the scheme's own variable goes before that of all, small letters before capitals, and empty is not set",
    arguments: [
      ("https", [:], nil), ("https", ["HTTP_PROXY": "h"], nil), ("https", ["HTTPS_PROXY": "s", "ALL_PROXY": "a"], "s"),
      ("https", ["https_proxy": "l", "HTTPS_PROXY": "s"], "l"),
      ("https", ["https_proxy": "", "HTTPS_PROXY": "s"], "s"),
      ("https", ["ALL_PROXY": "a"], "a"), ("https", ["all_proxy": "l", "ALL_PROXY": "a"], "l"),
      ("http", ["HTTPS_PROXY": "s", "all_proxy": "a"], "a"), ("http", ["http_proxy": "h", "ALL_PROXY": "a"], "h"),
      ("http", ["HTTP_PROXY": "h"], "h"),
    ] as [(String, [String: String], String?)])
  func address(scheme: String, environment: [String: String], address: String?) throws {
    #expect(ProxyChoice(for: try ServerURL("\(scheme)://dhis2.example"), environment).address == address)
  }

  @Test("hosts that need none")
  func except() throws {
    let server = try ServerURL("https://dhis2.example")
    #expect(ProxyChoice(for: server, ["NO_PROXY": "a", "no_proxy": "b"]).except == "b")
    #expect(ProxyChoice(for: server, ["NO_PROXY": "a"]).except == "a" && ProxyChoice(for: server, [:]).except == nil)
  }

  @Test("what libcurl says of an address that may hold a password is told without it, whole or cut short")
  func hidden() throws {
    let proxy = ProxyChoice(for: try ServerURL("https://dhis2.example"), ["ALL_PROXY": "sock5://user:hush@a.example:1"])
    let shown = "Unsupported proxy scheme for ' (the proxy's address is not shown)"
    #expect(proxy.hidden(in: "Unsupported proxy scheme for 'sock5://user:hush@a.example:1'") == shown)
    #expect(proxy.hidden(in: "Unsupported proxy scheme for 'sock5://user:hu") == shown)
    #expect(proxy.hidden(in: "Could not resolve proxy: a.example") == "Could not resolve proxy: a.example")
  }
}
