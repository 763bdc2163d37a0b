import Testing

@testable import D2Common
@testable import D2Client

@Suite("ServerURL")
struct ServerURLTests {
  @Test(
    "has one normal form",
    arguments: [
      ("https://dhis2.example", "https://dhis2.example"), ("https://dhis2.example/", "https://dhis2.example"),
      ("https://dhis2.example/api", "https://dhis2.example"), ("https://dhis2.example/api/", "https://dhis2.example"),
      ("https://dhis2.example/api/40", "https://dhis2.example"),
      ("https://dhis2.example/api/40/", "https://dhis2.example"),
      ("https://dhis2.example/hmis", "https://dhis2.example/hmis"),
      ("https://dhis2.example//hmis//", "https://dhis2.example/hmis"),
      ("https://dhis2.example/hmis/api", "https://dhis2.example/hmis"),
      ("https://dhis2.example/hmis/api/43///", "https://dhis2.example/hmis"),
      ("https://dhis2.example/a/b", "https://dhis2.example/a/b"),
      ("https://dhis2.example/40", "https://dhis2.example/40"),
      ("https://dhis2.example/api40", "https://dhis2.example/api40"),
      ("HTTPS://DHIS2.Example:8443/HMIS", "https://dhis2.example:8443/HMIS"),
      ("http://localhost:8080/api/29", "http://localhost:8080"), ("http://[::1]:8080/x/api", "http://[::1]:8080/x"),
      ("http://[2001:DB8::1]", "http://[2001:db8::1]"), ("https://api/api", "https://api"),
      ("https://dhis2.example/api/api", "https://dhis2.example"),
      ("https://dhis2.example/x/api/40/api/", "https://dhis2.example/x"),
      ("https://dhis2.example/api/40/41", "https://dhis2.example/api/40/41"),
      ("https://dhis2.example/apps", "https://dhis2.example"),
      ("https://dhis2.example/a/apps/", "https://dhis2.example/a"),
      ("https://dhis2.example/apps/hmis", "https://dhis2.example/apps/hmis"),
      ("https://dhis2.example/login/hmis", "https://dhis2.example/login/hmis"),
      ("https://dhis2.example/api/queue", "https://dhis2.example/api/queue"),
    ])
  func normalForm(text: String, expected: String) throws {
    let url = try ServerURL(text)
    #expect(url.description == expected)
    #expect(try ServerURL(url.description) == url)
    #expect(url.appending("/api/me") == expected + "/api/me")
  }

  @Test(
    "is found in the address of a page or a resource",
    arguments: [
      ("/dhis-web-dashboard/#/dashboards/x", ""), ("/dhis/dhis-web-dashboard/index.html?a=b#/c", "/dhis"),
      ("/dhis/dhis-web-commons/security/login.action", "/dhis"), ("/dhis-web-commons-security/logout.action", ""),
      ("/hmis/apps/dashboard#/", "/hmis"), ("/hmis/apps/data-entry/index.html#/a?b=c", "/hmis"), ("/apps/#/x", ""),
      ("/dhis/login/#/", "/dhis"), ("/dhis/login.html", "/dhis"), ("/index.action", ""),
      ("/dhis/api/dataValueSets?dataSet=a", "/dhis"), ("/dhis/api/40/me.json", "/dhis"), ("/api/apps", ""),
      ("/dhis/api/dhis-web-maintenance/x", "/dhis"), ("/dhis/api/system/info", "/dhis"),
    ])
  func pages(path: String, context: String) throws {
    let url = try ServerURL("https://dhis2.example" + path)
    #expect(url.description == "https://dhis2.example" + context)
    let again = try ServerURL(url.description)
    #expect(url.isOfPage && again == url && !again.isOfPage)
  }

  @Test("the path of another server than DHIS2 stays as it is", arguments: ["/apps", "/api/dataValueSets", "/login"])
  func otherServers(path: String) throws {
    let url = try ServerURL("http://queue.example" + path, cutsPages: false)
    #expect(url.context == path && !url.isOfPage)
  }

  @Test(
    "refuses other texts, and says why",
    arguments: [
      ("dhis2.example", "is not a URL"), ("", "is not a URL"), ("ftp://dhis2.example", "not https or http"),
      ("file:///etc/passwd", "not https or http"), ("https://", "no valid host"), ("https:///hmis", "no valid host"),
      ("https://:8080", "no valid host"), ("https://a b", "no valid host"), ("https://a\r\nX: y", "no valid host"),
      ("https://exämple", "no valid host"),
      ("https://dhis2.example/x?a=b", "remove the ? or # and what follows, as in https://dhis2.example/x"),
      ("https://dhis2.example/#", "remove the ? or #"), ("https://admin:district@dhis2.example", "take them out"),
      ("https://user@dhis2.example", "take them out"), ("admin:district@dhis2.example/hmis", "is not a URL"),
      ("admin:district@dhis2.example://hmis", "not https or http"), ("admin:district@\u{301}x", "is not a URL"),
      ("https://admin:a/district@dhis2.example", "take them out"),
      ("https://admin:a/district@dhis2.example/x?y", "take them out"),
      ("https://admin:a?district@dhis2.example", "take them out"),
      ("https://admin:a#district@dhis2.example", "take them out"),
    ])
  func refused(text: String, part: String) {
    #expect { try ServerURL(text) } throws: { error in
      let message = "\(error)"
      return message.contains(part) && !message.contains("district")
    }
  }
}

@Suite("Query")
struct QueryTests {
  @Test(
    "encodes all that is not unreserved, but colon and comma",
    arguments: [
      ("aZ09-._~", "aZ09-._~"), ("id:in:[a,b]", "id:in:%5Ba,b%5D"), ("a b+c", "a%20b%2Bc"),
      ("x&y=z?#/", "x%26y%3Dz%3F%23%2F"),
      ("é😀", "%C3%A9%F0%9F%98%80"), ("%", "%25"), ("\r\n\0", "%0D%0A%00"), ("", ""),
    ])
  func encoded(value: String, expected: String) { #expect(Query.encoded(value) == expected) }

  @Test("keeps parameters in their order, repeated ones too")
  func order() {
    var query = Query(["b": "1", "a": "x y"])
    query.add("ou", ["O1", "O2"])
    #expect(query.text == "b=1&a=x%20y&ou=O1&ou=O2")
    #expect(query.target("/api/x") == "/api/x?b=1&a=x%20y&ou=O1&ou=O2")
    #expect(Query().target("/api/x") == "/api/x")
  }
}

@Suite("HTTPDate and Retry-After")
struct HTTPDateTests {
  static func response(_ value: String) -> HTTPResponse {
    var response = HTTPResponse()
    response.headers = [("retry-after", value)]
    return response
  }

  @Test("a date in the past is zero seconds away, a date in the future more")
  func dates() throws {
    #expect(HTTPDate.seconds(until: "Sun, 06 Nov 1994 08:49:37 GMT") == 0)
    let far = try #require(HTTPDate.seconds(until: "Fri, 01 Jan 2100 00:00:00 GMT"))
    // 2100-01-01 is 4102444800 seconds after 1970.
    #expect(abs(far - (4_102_444_800 - Double(UTCTime.now.seconds))) <= 5)
    #expect(HTTPDate.seconds(until: "soon") == nil)
    #expect(HTTPDate.seconds(until: "") == nil)
  }

  @Test(
    "both forms of Retry-After are read, nonsense is not",
    arguments: [
      ("120", 120.0), ("0", 0), ("-5", 0), ("1.5", 1.5), ("Sun, 06 Nov 1994 08:49:37 GMT", 0), ("later", nil),
      ("nan", 0),
    ])
  func retryAfter(text: String, seconds: Double?) { #expect(Self.response(text).retryAfterSeconds == seconds) }

  @Test("header names are compared in lower case")
  func headers() {
    var response = HTTPResponse()
    response.headers = [("x", "1"), ("x", "2")]
    #expect(response.header("X") == "1")
    #expect(response.retryAfterSeconds == nil)
  }
}
