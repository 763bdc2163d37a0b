import D2Common
import Testing
import WaitingTests

@testable import StandInServer

@Suite("the stand-in queues", .waiting)
struct DispatcherStandInTests {
  private static let user = [
    ("Authorization", "Basic cXVldWVyOnNlY3JldA=="), ("Content-Type", "application/json"),
  ]

  private func queue(_ flavour: DispatcherOptions.Flavour) throws -> DispatcherStandIn {
    var options = DispatcherOptions()
    options.flavour = flavour
    options.servers = [.init("a", url: "http://127.0.0.1:9"), .init("b", url: "http://127.0.0.1:9/api/dataValueSets")]
    options.tokens = ["t0ken"]
    options.deliverAfterSeconds = nil
    let queue = try DispatcherStandIn(options)
    queue.start()
    return queue
  }

  /// `200 text`, or `closed`.
  private func ask(
    _ queue: DispatcherStandIn, _ method: String, _ target: String, _ headers: [(String, String)] = user,
    body: String? = nil
  ) -> String {
    let answer = TestClient.ask(queue.port, method, target, headers: headers, body: body)
    return answer.status == 0 ? "closed" : "\(answer.status) \(answer.text)"
  }

  @Test("dispatcher-2: texts, statuses, and the closed connection")
  func inC() throws {
    let queue = try queue(.c)
    defer { queue.stop() }
    func post(_ query: String, _ headers: [(String, String)] = Self.user) -> String {
      ask(queue, "POST", "/queue?" + query, headers, body: #"{"dataValues":[ ]}"#)
    }
    #expect(post("source=a&destination=b&is_qparams=f&year=2024") == "202 Request Queued")
    let notSaved = "202 error: E0003: Failed to save request in databaseRequest Queued"
    #expect(post("source=a&destination=x") == notSaved && post("destination=b") == notSaved)
    #expect(post("source=a&destination=b&is_qparams=perhaps") == notSaved)
    #expect(post("source=a&destination=b&msgid=2147483648") == notSaved)
    let wrong = [("Authorization", "Basic cXVldWVyOm5v"), ("Content-Type", "application/json")]
    #expect(post("source=a&destination=b", wrong) == "401 error: ERR001: auth failed, user=queuerRequest Queued")
    #expect(post("source=a&destination=b", [Self.user[0]]) == "closed")
    #expect(ask(queue, "POST", "/queue/?source=a", body: "{}") == "closed")
    #expect(ask(queue, "GET", "/api/test2") == "closed" && ask(queue, "GET", "/test", []) == "200 ")
    let held = queue.requests
    #expect(held.count == 1 && held[0]["body"]?.string == #"{"dataValues":[ ]}"#)
    #expect(held[0]["parameters"]?["year"]?.string == "2024" && held[0]["status"]?.string == "ready")
  }

  @Test("go-dispatcher2: 200 for what it does not store, the echo, content types, tokens, states")
  func inGo() throws {
    let queue = try queue(.go)
    defer { queue.stop() }
    func post(_ query: String, _ headers: [(String, String)] = Self.user, _ body: String = #"{"b":1.0,"a":"<"}"#)
      -> String
    {
      ask(queue, "POST", "/api/queue?" + query, headers, body: body)
    }
    let stored = post("source=a&destination=b&period=2024")
    let uid = try #require(queue.requests.first?["uid"]?.string)
    #expect(
      stored
        == #"200 {"uid":"\#(uid)","source":1,"destination":2,"body":"{\"a\":\"\\u003c\",\"b\":1}","status":"","RawMsg":"","period":"2024"}"#
    )
    #expect(post("source=x&destination=b").hasPrefix(#"200 {"uid":"","source":0,"destination":2,"#))
    #expect(post("destination=b").hasPrefix(#"200 {"uid":"","source":0,"#))
    let charset = [Self.user[0], ("Content-Type", "application/json; charset=utf-8")]
    #expect(post("source=a&destination=b", charset) == "502 Failed to add request to queue")
    #expect(post("source=a&destination=b&year=") == "500 ")
    #expect(post("source=a&destination=b", Self.user, "[]").hasPrefix("400 "))
    let token = [("Authorization", "Token: t0ken"), Self.user[1]]
    #expect(post("source=a&destination=b", token).hasPrefix("200 "))
    #expect(
      post("source=a&destination=b", [("Authorization", "Token t0ken"), Self.user[1]])
        == #"401 {"error":"Unauthorized"}"#)
    #expect(queue.requests.map { $0["body"]?.string } == [#"{"a":"\u003c","b":1}"#, "null", #"{"a":"\u003c","b":1}"#])
    #expect(
      ask(queue, "GET", "/api/queue/\(uid)?fields=uid,status,retries")
        == #"200 {"uid":"\#(uid)","status":"ready","retries":0}"#)
    #expect(ask(queue, "GET", "/api/queue/\(uid)?fields=uid,ctype") == "200 null")
    #expect(ask(queue, "GET", "/api/queue/nothere") == "200 null")
    #expect(ask(queue, "DELETE", "/api/queue/\(uid)") == #"200 {"status":"deleted"}"#)
    #expect(ask(queue, "GET", "/api/queue/\(uid)") == "200 null")
    #expect(ask(queue, "GET", "/api/test2") == "200 Authorized" && ask(queue, "GET", "/test") == "404 Page Not Found!")
  }
}
