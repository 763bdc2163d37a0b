import Testing

@testable import D2Common
@testable import D2Client

@Suite("ServerError")
struct ServerErrorTests {
  static let server = try! ServerURL("https://dhis2.example/hmis")

  static func error(_ status: Int, _ body: String, type: String? = "application/json", _ headers: (String, String)...)
    -> ServerError?
  {
    var response = HTTPResponse()
    response.status = status
    response.body = Array(body.utf8)
    response.headers =
      headers.map { (name: $0.0, value: $0.1) } + (type.map { [(name: "content-type", value: $0)] } ?? [])
    return ServerError(server, "/api/dataValueSets?orgUnit=secretive", response)
  }

  @Test(
    "an answer of the Web API with 2xx is not a failure",
    arguments: [
      (200, #"{"a":1}"#), (201, "{}"), (204, ""), (200, ""), (200, "not JSON"), (202, "[1]"),
    ])
  func good(status: Int, body: String) { #expect(Self.error(status, body) == nil) }

  @Test(
    "advice names --ca-file only if the command takes it and was not given it",
    arguments: [
      ([], true, "is the certificate the server's? --ca-file adds an authority"),
      (["--ca-file", "/dev/null"], true, "is the certificate the server's?"),
      (["--ca-file=/dev/null"], true, "is the certificate the server's?"),
      ([], false, "is the certificate the server's?"),
    ] as [([String], Bool, String)])
  func authority(words: [String], declares: Bool, advice: String) throws {
    let command = CommandDescription(
      name: "d2-test", abstract: "", examples: [],
      groups: [ServerOptions.group(.source)] + (declares ? [ServerOptions.transport] : []), statuses: [])
    let arguments = try Arguments(["--url", "https://dhis2.example"] + words, command)
    let url = try ServerOptions(arguments, Log(command: "d2-test", least: .error), side: .source).url
    #expect(ServerError(url, "/api/me", .tls, "no").description == "https://dhis2.example/api/me: no (\(advice))")
  }

  @Test("what a command can do against a damaged answer stands in its advice")
  func remedy() {
    var error = ServerError(Self.server, "/api/dataValueSets", .malformed, "cut")
    #expect(error.description.hasSuffix("cut (run the command again)"))
    error.remedy = "with --spool"
    #expect(error.description.hasSuffix("cut (run the command again, with --spool)"))
  }

  @Test(
    "each failure has its kind and its exit status",
    arguments: [
      (
        400, #"{"message":"Checksum validation failed"}"#, ServerError.Kind.status(400), D2Common.ExitStatus.refused,
        false
      ),
      (400, #"{"message":"bad"}"#, .status(400), .usage, false), (401, "", .status(401), .refused, false),
      (403, #"{"message":"x"}"#, .status(403), .refused, false),
      (404, #"{"message":"x"}"#, .status(404), .notDHIS2, false),
      (409, #"{"message":"x","errorCode":"E2006"}"#, .status(409), .usage, false),
      (409, #"{"message":"x","errorCode":"E2012"}"#, .status(409), .refused, false),
      (413, "<html><title>Too large</title></html>", .status(413), .notDHIS2, false),
      (429, "slow down", .status(429), .temporary, true), (500, "", .status(500), .temporary, false),
      (502, "<html><h1>Bad Gateway</h1></html>", .status(502), .temporary, true),
      (503, "", .status(503), .temporary, true),
      (504, "", .status(504), .temporary, true), (408, "", .status(408), .temporary, true),
      (404, "<!doctype html><title>Not Found</title>", .notDHIS2, .notDHIS2, false),
      (200, "<html>Welcome to nginx</html>", .notDHIS2, .notDHIS2, false),
      (200, "\n <html><form><input name='j_username'>", .loginPage, .refused, false),
    ])
  func kinds(status: Int, body: String, kind: ServerError.Kind, exit: D2Common.ExitStatus, isRetryable: Bool) throws {
    // The first byte identifies a page, whatever its type says.
    for type in ["application/json", nil] {
      let error = try #require(Self.error(status, body, type: type))
      #expect(error.kind == kind && error.exitStatus == exit && error.isRetryable == isRetryable)
    }
  }

  @Test(
    "a redirect is told with the address to use, if it can be one",
    arguments: [
      ("https://other.example/x/api/dataValueSets?orgUnit=a", "use --url https://other.example/x"),
      ("/x/api/dataValueSets", "use --url https://dhis2.example/x"),
      (
        "/hmis/api/dataValueSets/",
        "redirects to https://dhis2.example/hmis/api/dataValueSets/, which is not the Web API"
      ),
      ("/hmis/dhis-web-dashboard/", "which is not the Web API"), ("/", "which is not the Web API"),
      ("https://sorry.example/", "which is not the Web API"), ("", "but does not name it"),
    ])
  func redirects(location: String, part: String) throws {
    let moved = try #require(Self.error(301, "", ("location", location)))
    #expect(moved.message.contains(part) && moved.exitStatus == .unreachable, "\(moved)")
    #expect(moved.kind == .redirect(location) && moved.message.contains("use --url") == part.contains("use --url"))
  }

  @Test("for a pair the command is named that changes its address")
  func redirectOfPair() throws {
    let server = Self.server.reached(
      .init(end: PairEnd(pair: "hmis", side: .destination), signIn: .given(["D2_PAT"])))
    var response = HTTPResponse()
    response.status = 301
    response.headers = [("location", "https://new.example/api/me")]
    let moved = try #require(ServerError(server, "/api/me", response))
    #expect(moved.message.hasSuffix("use d2-pairs set hmis --destination-url https://new.example"))
  }

  @Test(
    "one to a page for signing in or out means refused credentials, and its address is not shown",
    arguments: [
      "http://dhis2.example/dhis-web-login/", "/dhis-web-commons-security/logout.action",
      "https://dhis2.example/dhis-web-commons/security/login.action", "https://id.example/oauth2/authorize?x=y",
    ])
  func loginPages(location: String) throws {
    let login = try #require(Self.error(302, "", ("location", location)))
    #expect(login.kind == .loginPage && login.exitStatus == .refused)
    #expect(!"\(login)".contains(location) && !"\(login)".contains("--url"))
  }

  @Test("the line names server, path, status, code and message, and never the query")
  func line() throws {
    let error = try #require(Self.error(409, #"{"message":"No\naccess","errorCode":"E2012"}"#))
    #expect(error.description == "https://dhis2.example/hmis/api/dataValueSets: HTTP 409 E2012: No access")
    let page = try #require(Self.error(503, "<html><head><title>503\n Sorry</title></head><body> later </body></html>"))
    #expect(page.description.contains("HTTP 503: a page of HTML: 503 Sorry later (retry later)"))
    #expect(!"\(error)\(page)".contains("secretive"))
  }

  @Test(
    "a token that the server did not make is told as such, in its words of each version",
    arguments: [
      (400, "Checksum validation failed", true), (401, "The API token does not exists.", true),
      (401, "Unauthorized", false), (400, "The checksum of the file is wrong", false),
    ])
  func foreignToken(status: Int, message: String, isForeign: Bool) throws {
    let error = try #require(Self.error(status, #"{"message":"\#(message)"}"#))
    #expect(error.isForeignToken == isForeign && error.description.contains("is not one of this server's") == isForeign)
    #expect(error.leavesDataInReach == (status == 400 && !isForeign))
  }

  @Test("the time to wait is kept")
  func retryAfter() throws {
    #expect(try #require(Self.error(503, "", ("retry-after", "7"))).retryAfterSeconds == 7)
    #expect(try #require(Self.error(503, "")).retryAfterSeconds == nil)
  }

  @Test(
    "failed transfers have their kinds",
    arguments: [
      (TransferError.unreachable("x"), ServerError.Kind.unreachable, D2Common.ExitStatus.unreachable, true),
      (.tls("x"), .tls, .unreachable, false), (.timedOut("x"), .timedOut, .temporary, true),
      (.broken("x"), .broken, .temporary, true),
      (.setup("x"), .setup, .configuration, false), (.interrupted, .broken, .temporary, true),
    ])
  func transfers(transfer: TransferError, kind: ServerError.Kind, exit: D2Common.ExitStatus, isRetryable: Bool) {
    let error = ServerError(Self.server, "/api/me", transfer)
    #expect(error.kind == kind && error.exitStatus == exit && error.isRetryable == isRetryable)
  }
}
