import D2Client
import D2Common

/// An import that the server runs as a job. d2-push follows it until it is done (docs/dhis2-servers.md, "Asynchronous
/// imports").
struct AsyncImport {
  private let id: String
  /// From 2.41 on, jobs start late: their notes are an empty list for 12 to 20 seconds (docs/dhis2-servers.md, trap
  /// 19).
  private static let firstPauseSeconds = 0.5
  private static let longestPauseSeconds = 10.0
  /// A job without news for this long is lost: notes stay in the server's memory only until it restarts.
  private static let patienceSeconds = 600.0
  /// The server stores the summary a moment after the last note.
  private static let mostPollsAfterEnd = 4

  /// `nil` if the answer does not describe a started job.
  init?(_ document: JSONValue) {
    guard let response = document["response"], response["jobType"]?.string == "DATAVALUE_IMPORT",
      let id = response["id"]?.string, UID.canBe(id)
    else { return nil }
    self.id = id
  }

  /// Waits for the summary.
  ///
  /// - Throws: `ServerError` if the job is lost; `CommandFailure` on a signal.
  func wait(_ client: DHIS2Client) throws -> ImportSummary {
    let path = "/api/system/taskSummaries/DATAVALUE_IMPORT/\(id)"
    var delay = Self.firstPauseSeconds
    var lastNews = monotonicSeconds()
    var notes = 0
    var pollsAfterEnd = 0
    while true {
      let response = try client.retrying { _ in
        let response = try client.perform(HTTPRequest(.get, path))
        if let error = ServerError(client.server, path, response) { throw error }
        return response
      }
      if let document = try? JSONValue(parsing: response.body), let summary = ImportSummary(document) { return summary }
      let task = try client.json("/api/system/tasks/DATAVALUE_IMPORT/\(id)")
      if let note = task.array?.first(where: { $0["completed"]?.bool == true }) {
        pollsAfterEnd += 1
        guard pollsAfterEnd <= Self.mostPollsAfterEnd else {
          let message = note["message"]?.string ?? "no message"
          throw ServerError(client.server, path, .status(500), "the job ended without a summary: \(message)")
        }
      }
      if let count = task.array?.count, count != notes {
        notes = count
        lastNews = monotonicSeconds()
      }
      guard monotonicSeconds() - lastNews < Self.patienceSeconds else {
        throw ServerError(
          client.server, path, .timedOut, "nothing was heard of job \(id) for \(Int(Self.patienceSeconds)) s")
      }
      guard pause(seconds: delay) else { throw Signals.failure }
      delay = min(delay * 1.5, Self.longestPauseSeconds)
    }
  }
}
