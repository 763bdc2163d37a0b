import D2Client
import D2Common
import Glibc
import Testing

@testable import d2_push

@Suite("answers of queues, and options for them")
struct QueueAnswerTests {
  private func address(_ flavour: QueueFlavour) throws -> QueueAddress {
    QueueAddress(
      server: try ServerURL("http://127.0.0.1:9191"), path: "/queue", flavour: flavour, source: "hmis",
      destination: "repo")
  }

  /// The uid of an accepted request, or the exit status and whether it is retried.
  private func verdict(_ flavour: QueueFlavour, _ status: Int, _ body: String) throws -> String {
    var response = HTTPResponse()
    response.status = status
    response.body = Array(body.utf8)
    let queue = try address(flavour)
    do throws(ServerError) {
      return "queued \(try QueueReceipt(response, queue).uid ?? "-")"
    } catch {
      return "\(error.exitStatus.rawValue)\(error.isRetryable ? " again" : "")"
    }
  }

  @Test(
    "dispatcher2: nothing counts but 202 with its own text",
    arguments: [
      (202, "Request Queued", "queued -"), (202, "Request Queued\r\n", "queued -"),
      (202, " Request Queued ", "queued -"),
      (200, "Request Queued", "76"), (202, "", "76"), (202, "Request  Queued", "76"), (202, "Request Queued.", "76"),
      (202, "error: E0003: Failed to save request in databaseRequest Queued", "78"),
      (401, "error: ERR001: auth failed, user=xRequest Queued", "77"), (401, "", "77"), (403, "<html>", "77"),
      (500, "ERR002: Database not connected.Request Queued", "75 again"),
      (202, "ERR002: Database not connected.Request Queued", "75 again"), (200, "error: E9999: new", "75 again"),
      (500, "", "75 again"), (502, "<html>", "75 again"), (503, "", "75 again"), (429, "", "75 again"),
      (404, "Not Found", "76"), (200, "<html>login</html>", "76"), (302, "", "69"),
    ])
  func text(status: Int, body: String, expected: String) throws {
    #expect(try verdict(.dispatcher2, status, body) == expected)
  }

  @Test(
    "go-dispatcher2: nothing counts but 200 with an id and both servers",
    arguments: [
      (200, #"{"uid":"abcDEF12345","source":1,"destination":2,"body":"{}","status":""}"#, "queued abcDEF12345"),
      (200, #"{"uid":"","source":0,"destination":2}"#, "78"), (200, #"{"uid":"","source":1,"destination":0}"#, "78"),
      (200, #"{"uid":"","source":1,"destination":2}"#, "78"),
      (200, #"{"uid":"abcDEF12345","source":0,"destination":2}"#, "78"),
      (200, #"{"uid":"abcDEF12345","source":1}"#, "78"),
      (200, #"{"uid":"../../x?y","source":1,"destination":2}"#, "76"),
      (200, "Request Queued", "76"), (200, "{}", "76"), (200, "", "76"), (202, "Request Queued", "76"),
      (401, #"{"error":"Unauthorized"}"#, "77"), (502, "Failed to add request to queue", "78"),
      (502, "<html>bad gateway</html>", "75 again"), (500, "", "75 again"), (400, #"{"error":"json"}"#, "76"),
      (404, "Page Not Found!", "76"), (504, "", "75 again"),
    ])
  func json(status: Int, body: String, expected: String) throws {
    #expect(try verdict(.goDispatcher2, status, body) == expected)
  }

  @Test("what is wrong is named")
  func messages() throws {
    var response = HTTPResponse()
    response.status = 200
    response.body = Array(#"{"uid":"","source":1,"destination":0}"#.utf8)
    let go = try address(.goDispatcher2)
    #expect { try QueueReceipt(response, go) } throws: { error in
      let text = "\(error)"
      return text.contains("destination \"repo\"") && !text.contains("hmis")
    }
    response.status = 202
    response.body = Array("error: E0003: Failed to save request in databaseRequest Queued".utf8)
    let inC = try address(.dispatcher2)
    #expect { try QueueReceipt(response, inC) } throws: { error in
      let text = "\(error)"
      return text.contains("\"hmis\"") && text.contains("\"repo\"") && text.contains("http://127.0.0.1:9191/queue")
    }
  }

  // MARK: Options

  private func options(_ words: [String], _ environment: [String: String] = [:]) throws -> QueueOptions? {
    try QueueOptions(Arguments(words, Push.description), environment: environment)
  }

  private static let usual = [
    "--via", "go-dispatcher2", "--dispatcher-url", "http://h:9090/api/queue/", "--source", "a", "--destination", "b",
  ]

  @Test(
    "the queue's path is cut off its address",
    arguments: [
      ("http://h:9090/api/queue", "http://h:9090", "/api/queue"), ("http://H:9191/queue/", "http://h:9191", "/queue"),
      ("https://h/dispatcher/queue", "https://h/dispatcher", "/queue"),
      ("https://h/d/api/queue", "https://h/d", "/api/queue"), ("http://h/q", "http://h", "/q"),
    ])
  func address(text: String, root: String, path: String) throws {
    let queue = try options(["--via", "auto", "--dispatcher-url", text, "--source", "a", "--destination", "b"])
    #expect(queue?.root.description == root && queue?.path == path && queue?.flavour == nil)
  }

  @Test("credentials come from options or the environment, the queue's own")
  func credentials() throws {
    func shown(_ more: [String], _ environment: [String: String]) throws -> String {
      switch try options(Self.usual + more, environment)?.signIn.credentials {
      case .basic(let username, let password): "\(username):\(password)"
      case .queueToken(let token): token
      default: "none"
      }
    }
    #expect(try shown([], ["D2_USERNAME": "no", "D2_PASSWORD": "no", "D2_PAT": "no"]) == "none")
    #expect(try shown([], ["D2_DISPATCHER_USERNAME": "u", "D2_DISPATCHER_PASSWORD": "p:q"]) == "u:p:q")
    #expect(try shown([], ["D2_DISPATCHER_TOKEN": "t", "D2_DISPATCHER_USERNAME": "u"]) == "t")
    let named = try shown(
      ["--dispatcher-username", "v"], ["D2_DISPATCHER_TOKEN": "t", "D2_DISPATCHER_PASSWORD": "p"])
    #expect(named == "v:p")
    let plain = try options(Self.usual)
    #expect(plain?.facilityBy == .name && plain?.waits == false && plain?.waitSeconds == 1800)
    #expect(try options([]) == nil)
  }

  @Test(
    "what does not go together is a usage error",
    arguments: [
      ["--url", "http://x"], ["--registrations"], ["--async"], ["--dry-run"], ["--import-strategy", "DELETE"],
      ["--skip-audit"], ["--id-scheme", "CODE"], ["--pat-file", "f"], ["--username", "u"], ["--wait-for", "1m"],
      ["--facility-by", "path"], ["--dispatcher-password-file", "f"], ["--dispatcher-username", "u"],
      ["--compression", "gzip"],
    ])
  func refused(words: [String]) {
    #expect { try options(Self.usual + words) } throws: { ($0 as? CommandFailure)?.exitStatus == .usage }
  }

  @Test(
    "and so is what is missing",
    arguments: [
      ["--via", "dispatcher2"], ["--via", "dispatcher2", "--dispatcher-url", "http://h/queue"],
      ["--via", "dispatcher2", "--dispatcher-url", "http://h/queue", "--source", "a"],
      ["--via", "dispatcher2", "--dispatcher-url", "http://h", "--source", "a", "--destination", "b"],
      ["--via", "dispatcher2", "--dispatcher-url", "http://h/api", "--source", "a", "--destination", "b"],
      ["--via", "dispatcher2", "--dispatcher-url", "h/queue", "--source", "a", "--destination", "b"],
      ["--via", "dispatcher2", "--dispatcher-url", "http://h/queue", "--source", "a", "--destination", "b", "--wait"],
      ["--via", "kafka"], ["--source", "a"], ["--wait"],
    ])
  func missing(words: [String]) {
    #expect { try options(words) } throws: { ($0 as? CommandFailure)?.exitStatus == .usage }
  }

  @Test("dispatcher2 takes neither colons nor tokens")
  func inC() throws {
    let words = ["--via", "dispatcher2", "--dispatcher-url", "http://h/queue", "--source", "a", "--destination", "b"]
    for environment in [
      ["D2_DISPATCHER_USERNAME": "u", "D2_DISPATCHER_PASSWORD": "p:q"], ["D2_DISPATCHER_TOKEN": "t"],
    ] {
      #expect { try options(words, environment) } throws: { ($0 as? CommandFailure)?.exitStatus == .configuration }
    }
  }

  // MARK: Facilities

  @Test("labels come from a file; the last line of a unit counts, an empty name does not")
  func facilities() throws {
    var template = Array("/tmp/d2-test-XXXXXX".utf8CString)
    let descriptor = mkstemp(&template)
    let path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    defer { unlink(path) }
    let text = """
      {"id":"u1","name":"St. \\"Mary\\", \\u00e9 😀","code":"C1"}\r

      {"id":"u2","name":"","code":7}
      {"id":"u3","name":"old"}
      {"id":"u3","name":"new","level":4}
      {"id":"u4","name":null}
      """
    _ = Array(text.utf8).withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    close(descriptor)
    let names = try Facilities.file(path, by: .name)
    let known = try ["u1", "u3", "u2", "u4", "u9"].map { try names.label(of: $0) }
    #expect(known == ["St. \"Mary\", é 😀", "new", nil, nil, nil])
    let codes = try Facilities.file(path, by: .code)
    let knownCodes = try ["u1", "u2", "u3"].map { try codes.label(of: $0) }
    #expect(knownCodes == ["C1", "7", nil])
    #expect(try Facilities.ids.label(of: "u9") == "u9")
    #expect {
      try Facilities.file("/nowhere", by: .name)
    } throws: { ($0 as? CommandFailure)?.exitStatus == .cannotRead }
  }
}
