import D2Client
import D2Common

/// Delivers the requests of a stand-in queue one by one, and judges the answers like the two implementations
/// (`src/request_processor.c`; `request_processor.go` and `schedule_processor.go`).
struct QueueDelivery {
  private let server: QueueServer
  private static let pauseSeconds = 0.02
  /// The pause between two checks of a job; 15 s in the real queue.
  private static let jobPauseSeconds = 0.1

  /// Runs on its own thread until the server stops.
  static func start(_ server: QueueServer) {
    Thread.start {
      let delivery = QueueDelivery(server: server)
      while !server.isStopped {
        guard let row = server.nextDue() else {
          Clock.sleep(seconds: pauseSeconds)
          continue
        }
        if row.job != nil { delivery.askAboutJob(row) } else { delivery.deliver(row) }
      }
    }
  }

  private func deliver(_ row: QueueRow) {
    let destination = server.options.servers[row.destination - 1]
    // The address may have a query, but go-dispatcher2 always adds a question mark.
    let parts = destination.url.split(separator: "?", maxSplits: 1).map(String.init)
    var query = parts.count == 2 ? parts[1] : ""
    if destination.isAsync { query += (query.isEmpty ? "" : "&") + "async=true" }
    let isC = server.options.flavour == .c
    var request = HTTPRequest(.post, isC && query.isEmpty ? "" : "?" + query)
    request.headers = [("Content-Type", "application/json")]
    request.body = row.body
    let response = ask(destination, parts[0], request)
    server.change(row.uid) { row in
      // An operator has cancelled it meanwhile.
      guard row.due != nil else { return }
      row.due = nil
      if isC {
        judgeInC(response, destination, &row)
      } else {
        judgeInGo(response, destination, &row)
      }
    }
  }

  private func ask(_ destination: DispatcherOptions.Server, _ url: String, _ request: HTTPRequest) -> HTTPResponse? {
    guard let address = try? ServerURL(url, cutsPages: false) else { return nil }
    var configuration = HTTPClient.Configuration()
    configuration.credentials = .basic(username: destination.username, password: destination.password)
    return try? HTTPClient(address, configuration).perform(request)
  }

  /// The HTTP status does not matter, and a failed request stays failed.
  private func judgeInC(_ response: HTTPResponse?, _ destination: DispatcherOptions.Server, _ row: inout QueueRow) {
    guard let response else {
      (row.status, row.errors) = ("failed", "ERROR2")
      return
    }
    guard destination.parsesAnswers else {
      row.status = "completed"
      return
    }
    guard let document = try? JSONValue(reading: response.body) else {
      (row.status, row.errors) = ("failed", "ERROR4")
      return
    }
    guard let status = document["status"]?.string else {
      (row.status, row.errors) = ("failed", "ERROR5")
      return
    }
    guard let description = document["description"]?.string else {
      (row.status, row.errors) = ("failed", "ERROR6")
      return
    }
    (row.status, row.errors) = (status == "ERROR" ? "failed" : "completed", description)
  }

  private func judgeInGo(_ response: HTTPResponse?, _ destination: DispatcherOptions.Server, _ row: inout QueueRow) {
    guard let response else { return fail(&row, "ERROR02") }
    guard let document = try? JSONValue(reading: response.body) else { return fail(&row, "ERROR03") }
    row.statusCode = String(response.status)
    let answer = String(decoding: response.body, as: UTF8.self)
    guard (200..<300).contains(response.status) else {
      row.response = answer
      return fail(&row, "request might have conflicts")
    }
    row.status = "completed"
    // Counts of objects, which an import of data values does not have.
    row.errors = "Created: 0, Updated: 0"
    if server.options.keepsAnswers || destination.isAsync { row.response = answer }
    if destination.isAsync, let id = document["response"]?["id"]?.string {
      row.job = id
      row.due = Clock.steadyNanoseconds() + UInt64(Self.jobPauseSeconds * 1e9)
    }
  }

  /// Schedules a retry, until the request expires.
  private func fail(_ row: inout QueueRow, _ errors: String) {
    row.errors = errors
    row.retries += 1
    if row.retries > server.options.mostRetries {
      row.status = "expired"
    } else {
      row.status = "failed"
      row.due = Clock.steadyNanoseconds() + UInt64(server.options.retryAfterSeconds * 1e9)
    }
  }

  private func askAboutJob(_ row: QueueRow) {
    let destination = server.options.servers[row.destination - 1]
    let base =
      destination.url.firstRange(of: "/api").map { String(destination.url[..<$0.lowerBound]) } ?? destination.url
    let target = "/api/system/taskSummaries/DATAVALUE_IMPORT/\(row.job ?? "")"
    let document = (ask(destination, base, HTTPRequest(.get, target))?.body).flatMap { try? JSONValue(reading: $0) }
    server.change(row.uid) { row in
      guard let document, let summary = ImportCounts(document) else {
        row.due = Clock.steadyNanoseconds() + UInt64(Self.jobPauseSeconds * 1e9)
        return
      }
      row.due = nil
      row.job = nil
      if summary.isError {
        row.status = "failed"
        row.errors = "request might have conflicts"
        row.response = document.jackson
      } else {
        row.errors = summary.text
      }
    }
  }
}

/// The part of a job's summary that go-dispatcher2 stores.
private struct ImportCounts {
  let isError: Bool
  let text: String

  init?(_ document: JSONValue) {
    guard let counts = document["importCount"] else { return nil }
    func count(_ key: String) -> Int { counts[key]?.int ?? 0 }
    isError = document["status"]?.string == "ERROR"
    let total = count("imported") + count("updated") + count("ignored") + count("deleted")
    text =
      "Imported: \(count("imported")), Updated: \(count("updated")), Ignored: \(count("ignored")), "
      + "Deleted: \(count("deleted")), Total: \(total)"
  }
}
