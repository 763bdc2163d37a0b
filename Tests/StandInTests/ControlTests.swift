import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// The counters and the other control paths.
@Suite(.waiting) struct ControlTests {
  private func control(_ server: SmallServer, _ method: String, _ path: String, _ body: String? = nil) throws
    -> JSONValue
  {
    try JSONValue(reading: TestClient.ask(server.port, method, path, body: body).body)
  }

  @Test func requestsLoginsAndImportsAreCounted() throws {
    let server = try SmallServer()
    let first = TestClient.ask(server.port, "GET", "/api/me", headers: TestClient.admin)
    let cookie = first.header("Set-Cookie")!.split(separator: ";")[0]
    _ = TestClient.ask(
      server.port, "GET", "/api/me",
      headers: TestClient.admin + [
        ("Cookie", String(cookie)), ("User-Agent", "d2-test"), ("X-Requested-With", "XMLHttpRequest"),
      ])
    _ = server.push(server.payload(7))
    let statistics = try control(server, "GET", "/control/stats")
    #expect(statistics["requests"]?["GET /api/me"]?.int == 2)
    #expect(statistics["requests"]?["POST /api/dataValueSets"]?.int == 1)
    #expect(statistics["logins"]?.int == 2, "the request with the cookie needs none")
    #expect(statistics["importSizes"] == [7])
    #expect(statistics["connectionsOpened"]?.int == 4)
    #expect(statistics["maxConcurrentRequests"]?.int == 1)
    let recent = statistics["recent"]!.array!
    #expect(recent.count == 3, "control paths are not counted")
    #expect(recent[1]["userAgent"] == "d2-test" && recent[1]["cookie"] == true && recent[0]["cookie"] == false)
    #expect(recent[1]["xRequestedWith"] == "XMLHttpRequest")
    #expect(recent[2]["bodyBytes"]?.int == server.payload(7).utf8.count)
    _ = try control(server, "POST", "/control/reset-stats")
    #expect(try control(server, "GET", "/control/stats")["recent"] == [])
  }

  @Test func theClockIsMovedOn() throws {
    let server = try SmallServer()
    func shown() throws -> Int64 {
      let answer = TestClient.ask(server.port, "GET", "/api/system/info", headers: TestClient.admin)
      return try #require(try JSONValue(reading: answer.body)["serverDate"]?.string.flatMap(Stamp.parse))
    }
    let before = try shown()
    #expect(try control(server, "POST", "/control/clock", #"{"advanceSeconds":600}"#)["now"] != nil)
    let moved = try shown() - before
    #expect(moved >= 600_000 && moved < 660_000)
    #expect(try control(server, "POST", "/control/clock", #"{"advanceSeconds":99999999999}"#)["error"] != nil)
  }

  @Test func aClientThatHangsUpIsNoticed() throws {
    let server = try SmallServer(values: 20_000)
    try server.fail(#"{"kind":"stall","after":2000,"seconds":30}"#)
    let client = TestClient(port: server.port).send("GET", server.export, headers: TestClient.admin)
    #expect(client.receive(limit: 1500).body.count == 1500)
    client.hangUp()
    #expect(eventually { server.statistics["closedUnfinished"]?.int == 1 })
    #expect(server.statistics["running"]?.int == 0)
  }

  @Test func concurrentRequestsAreCounted() throws {
    let server = try SmallServer()
    try server.fail(#"{"kind":"latency","seconds":3,"times":0}"#)
    let clients = (0..<3).map { _ in
      TestClient(port: server.port).send("GET", "/api/me", headers: TestClient.admin)
    }
    for client in clients { #expect(client.receive().status == 200) }
    #expect(server.statistics["maxConcurrentRequests"]?.int == 3)
  }

  @Test func faultsAreSetAndClearedAtRunTime() throws {
    let server = try SmallServer()
    #expect(
      try control(server, "POST", "/control/faults", #"[{"kind":"status","status":504,"times":0}]"#)["added"]?.int == 1)
    #expect(server.pull().status == 504)
    #expect(try control(server, "GET", "/control/faults") == [["kind": "status", "left": 0]])
    _ = try control(server, "DELETE", "/control/faults")
    #expect(server.pull().status == 200)
    let refused = TestClient.ask(server.port, "POST", "/control/faults", body: #"[{"kind":"??"}]"#)
    #expect(refused.status == 400 && refused.text.contains("no fault is called"))
  }

  @Test func valuesGoInAndOut() throws {
    let source = try SmallServer(.v42, values: 2000)
    let target = try SmallServer(.v43, values: 0)
    let all = source.standIn.values
    #expect(all.split(separator: "\n").count == 2000 && all.contains("\"deleted\":true"))
    #expect(try control(target, "POST", "/control/values", all)["stored"]?.int == 2000)
    #expect(target.standIn.values == all)
    let wrong = TestClient.ask(
      target.port, "POST", "/control/values", body: #"{"dataElement":"Nonexisten1","period":"2022","orgUnit":"x"}"#)
    #expect(wrong.status == 400 && wrong.text.contains("line 1"))
    _ = try control(target, "DELETE", "/control/values")
    #expect(target.standIn.values.isEmpty)
  }

  @Test func anExportPostedToAnotherServerIsTheSame() throws {
    for version in [ServerVersion.v40, .v42, .v43] {
      let source = try SmallServer(.v42, values: 3000)
      let target = try SmallServer(version, values: 0)
      let pulled = try JSONValue(reading: source.pull("&includeDeleted=true").body)["dataValues"]!
      let answer = target.push(
        JSONValue.object([.init("dataSet", .string(source.dataSet)), .init("dataValues", pulled)]).text)
      #expect(answer.status == 200, "\(version): \(answer.text.prefix(500))")
      let again = try JSONValue(reading: target.pull("&includeDeleted=true").body)["dataValues"]!
      #expect(again.array!.count == pulled.array!.count)
    }
  }
}
