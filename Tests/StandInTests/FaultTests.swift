import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// Every kind of fault happens as it is described, to the requests it is meant for.
@Suite(.waiting) struct FaultTests {
  @Test func withoutFaultsTheExportIsWhole() throws {
    let server = try SmallServer()
    let answer = server.pull()
    #expect(answer.status == 200 && answer.isWhole && !answer.closed)
    #expect(try JSONValue(reading: answer.body)["dataValues"]!.array!.count > 1000)
  }

  @Test func cutBodyEndsTheConnectionInTheMiddle() throws {
    let server = try SmallServer()
    try server.fail(#"{"path":"/api/dataValueSets","kind":"cut-body","after":1000}"#)
    let answer = server.pull()
    #expect(answer.status == 200 && !answer.isWhole && answer.body.count == 1000)
    #expect(server.pull().isWhole, "once is once")
  }

  @Test func cutBodyCanHideItself() throws {
    let server = try SmallServer()
    try server.fail(#"{"kind":"cut-body","after":1000,"framing":"close"}"#)
    let answer = server.pull()
    #expect(answer.isWhole && answer.body.count == 1000 && answer.header("transfer-encoding") == nil)
  }

  @Test func resetBeforeTheAnswerAndInIt() throws {
    let server = try SmallServer()
    try server.fail(#"{"kind":"reset"}"#)
    #expect(server.pull().status == 0)
    try server.fail(#"{"kind":"reset","after":500}"#)
    let answer = server.pull()
    #expect(answer.status == 200 && !answer.isWhole && answer.wasReset)
  }

  @Test func statusTakesTheAnswersPlace() throws {
    let server = try SmallServer()
    try server.fail(#"{"kind":"status","status":429,"headers":{"Retry-After":"2"},"skip":1,"times":2}"#)
    #expect(server.pull().status == 200)
    let answer = server.pull()
    #expect(answer.status == 429 && answer.header("Retry-After") == "2" && answer.text.contains("nginx"))
    #expect(server.pull().status == 429)
    #expect(server.pull().status == 200)
  }

  @Test func aFaultIsMeantForItsQueryAndMethod() throws {
    let server = try SmallServer()
    try server.fail(#"{"kind":"status","status":502,"method":"GET","query":"startDate=2022-01-01","times":0}"#)
    #expect(server.pull().status == 502)
    #expect(TestClient.ask(server.port, "GET", "/api/me", headers: TestClient.admin).status == 200)
    #expect(server.push(server.payload(2)).status == 200)
    server.standIn.clearFaults()
    #expect(server.pull().status == 200)
  }

  @Test func tooLargeCountsBytes() throws {
    let server = try SmallServer()
    try server.fail(#"{"kind":"too-large","bytes":2000,"times":0}"#)
    #expect(server.push(server.payload(200)).status == 413)
    #expect(server.push(server.payload(4)).status == 200)
  }

  @Test func redirectAndLoginPage() throws {
    let server = try SmallServer()
    try server.fail(#"{"kind":"redirect"}"#)
    #expect(server.pull().header("Location")?.hasSuffix("/dhis-web-login/") == true)
    try server.fail(#"{"kind":"redirect","location":"https://elsewhere.example/","status":307}"#)
    let moved = server.pull()
    #expect(moved.status == 307 && moved.header("Location") == "https://elsewhere.example/")
    try server.fail(#"{"kind":"login-page"}"#)
    let page = server.pull()
    #expect(page.status == 200 && page.header("Content-Type")!.hasPrefix("text/html") && page.text.contains("<form"))
  }

  @Test func htmlInMiddleLooksWholeToHttp() throws {
    let server = try SmallServer()
    try server.fail(#"{"kind":"html-in-middle","after":900}"#)
    let answer = server.pull(shouldClose: true)
    #expect(answer.isWhole && answer.closed && answer.body.dropFirst(900).starts(with: Array("<html>".utf8)))
  }

  @Test func slownessTakesItsTime() throws {
    let server = try SmallServer()
    try server.fail(#"{"kind":"slow-first-byte","seconds":0.4}"#)
    // The client's clock begins a little after the server's.
    #expect(server.pull().firstByteSeconds >= 0.35)
    try server.fail(#"{"kind":"latency","seconds":0.3}"#)
    #expect(server.pull().firstByteSeconds >= 0.25)
    try server.fail(#"{"kind":"stall","after":100,"seconds":0.3}"#)
    let start = Clock.steadyNanoseconds()
    #expect(server.pull().isWhole && Clock.steadyNanoseconds() - start > 300_000_000)
    try server.fail(#"{"kind":"bandwidth","bytes":20000}"#)
    let slow = Clock.steadyNanoseconds()
    #expect(server.pull("&limit=40").isWhole)
    #expect(Clock.steadyNanoseconds() - slow > 300_000_000)
  }

  @Test func shortAnswersLookWhole() throws {
    let server = try SmallServer()
    let all = try JSONValue(reading: server.pull().body)["dataValues"]!.array!.count
    try server.fail(#"{"kind":"short-answer","thousands":1}"#)
    let answer = server.pull(shouldClose: true)
    #expect(try JSONValue(reading: answer.body)["dataValues"]!.array!.count == 1000 && all > 1000)
    #expect(answer.isWhole && answer.closed && answer.header("Connection") == nil)

    let newer = try SmallServer(.v43)
    try newer.fail(#"{"kind":"short-answer","thousands":1}"#)
    let whole = newer.pull(shouldClose: true)
    #expect(try JSONValue(reading: whole.body)["dataValues"]!.array!.count == all)
    #expect(whole.isWhole && whole.closed && whole.header("Connection") == nil)
  }

  @Test func poisonIsRefusedAsTheDatabaseRefuses() throws {
    for (version, status) in [(ServerVersion.v42, 409), (.v43, 200)] {
      let server = try SmallServer(version, values: 0)
      try server.fail(#"{"kind":"poison","text":"7","variant":"recorded","times":0}"#)
      let answer = server.push(server.payload(10))
      #expect(answer.status == status)
      #expect(server.standIn.values.isEmpty, "nothing of the request is stored")
      let clean = server.push(server.payload(6))
      #expect(clean.status == 200 && server.standIn.values.split(separator: "\n").count == 6)
    }
    let server = try SmallServer(values: 0)
    try server.fail(#"{"kind":"poison","text":"7"}"#)
    #expect(server.push(server.payload(10)).status == 500)
  }

  @Test func importsThatEndInTheMiddle() throws {
    let server = try SmallServer(values: 0)
    try server.fail(#"{"kind":"partial-import","values":3}"#)
    #expect(server.push(server.payload(10)).status == 500)
    #expect(server.standIn.values.split(separator: "\n").count == 3)
    try server.fail(#"{"kind":"lost-answer","method":"POST"}"#)
    #expect(server.push(server.payload(10)).status == 0)
    #expect(server.standIn.values.split(separator: "\n").count == 10)
  }

  @Test func brokenFramesAndFiles() throws {
    let server = try SmallServer()
    try server.fail(#"{"kind":"garbage-chunk","after":700}"#)
    let garbled = server.pull()
    #expect(!garbled.isWhole && garbled.body.count == 700)
    try server.fail(#"{"kind":"gzip-truncated","after":600}"#)
    let truncated = server.pull("&compression=gzip")
    #expect(truncated.isWhole && truncated.body.count == 600)
    #expect(throws: Gzip.Damaged.self) { try Gzip.inflated(truncated.body) }
    try server.fail(#"{"kind":"content-type","type":"text/plain"}"#)
    #expect(server.pull().header("Content-Type") == "text/plain")
  }

  @Test func endlessGoesOn() throws {
    let server = try SmallServer()
    try server.fail(#"{"kind":"endless"}"#)
    let client = TestClient(port: server.port).send("GET", server.export, headers: TestClient.admin)
    let answer = client.receive(limit: 5_000_000)
    #expect(answer.body.count == 5_000_000)
    client.hangUp()
    #expect(eventually { server.statistics["closedUnfinished"]?.int == 1 })
  }

  @Test func refuseEarlyDoesNotReadTheBody() throws {
    let server = try SmallServer()
    try server.fail(#"{"kind":"refuse-early","method":"POST","status":503}"#)
    let answer = TestClient(port: server.port)
      .send("POST", "/api/dataValueSets", headers: TestClient.admin + [("Content-Length", "1000000")])
      .receive(shouldClose: true)
    #expect(answer.status == 503 && answer.closed)
  }

  @Test func malformedSpecificationsAreExplained() {
    #expect(throws: Fault.Malformed.self) { try Fault(parsing: #"{"kind":"no-such-kind"}"#) }
    #expect(throws: Fault.Malformed.self) { try Fault(parsing: #"{"kind":"stall","afterwards":5}"#) }
    #expect(throws: Fault.Malformed.self) { try Fault(parsing: "[]") }
  }
}
