import D2Client
import D2Common

/// An import that the server runs as a job. d2-push follows it until it is done (docs/dhis2-servers.md, "Asynchronous
/// imports").
struct AsyncImport {
  private let id: String
  private static let firstPauseSeconds = 0.5
  private static let longestPauseSeconds = 10.0

  /// `nil` if the answer does not describe a started job.
  init?(_ document: JSONValue) {
    guard let response = document["response"], response["jobType"]?.string == "DATAVALUE_IMPORT",
      let id = response["id"]?.string, UID.canBe(id)
    else { return nil }
    self.id = id
  }

  /// Waits for the summary.
  ///
  /// - Parameter sayWaits: called when the job waits for another one of the server, perhaps several times.
  /// - Returns: the report, or the failure of a job that is over.
  /// - Throws: `ServerError`, always final: the job may still run, and a second one must not import the same values;
  ///   `CommandFailure` on a signal.
  func wait(_ client: DHIS2Client, _ sayWaits: () -> Void) throws -> ImportAnswer {
    do { return try follow(client, sayWaits) } catch let error as ServerError {
      var ending = error
      ending.isFinal = true
      ending.message += "; the values of job \(id) may still arrive"
      throw ending
    }
  }

  private func follow(_ client: DHIS2Client, _ sayWaits: () -> Void) throws -> ImportAnswer {
    var watch = JobWatch(patienceSeconds: client.firstByteSeconds, now: monotonicSeconds())
    var delay = Self.firstPauseSeconds
    while true {
      if let summary = try self.summary(client) { return .report(ImportReport(summary: summary, status: 200)) }
      let notes = try client.json("/api/system/tasks/DATAVALUE_IMPORT/\(id)").array ?? []
      let last = notes.first { $0["completed"]?.bool == true }
      // The notes are more recent than the status. They stay in memory if the server has forgotten the job.
      let status = try notes.isEmpty ? self.status(client) : nil
      switch watch.look(notes: notes.count, isCompleted: last != nil, status: status, now: monotonicSeconds()) {
      case .running: break
      case .waiting: sayWaits()
      case .over:
        guard let last else { throw lost(client, "the job is over, and the server lost its report") }
        let message = last["message"]?.string ?? "no message"
        return .failed(
          ServerError(client.server, summaryPath, .status(500), "the job ended without a summary: \(message)"))
      case .silent(let seconds):
        throw lost(client, "nothing was heard of the job for \(DurationText.rough(seconds))")
      case .neverBegan(let seconds):
        throw lost(client, "the job did not begin within \(DurationText.rough(seconds))")
      }
      guard pause(seconds: delay) else { throw Signals.failure }
      delay = min(delay * 1.5, Self.longestPauseSeconds)
    }
  }

  private var summaryPath: String { "/api/system/taskSummaries/DATAVALUE_IMPORT/\(id)" }

  /// The summary; `nil` if there is none yet. The answer is then empty.
  private func summary(_ client: DHIS2Client) throws -> ImportSummary? {
    let response = try client.retrying { _ in
      let response = try client.perform(HTTPRequest(.get, summaryPath))
      if let error = ServerError(client.server, summaryPath, response) { throw error }
      return response
    }
    return (try? JSONValue(parsing: response.body)).flatMap { ImportSummary($0) }
  }

  /// The status of the job; `nil` if the server does not say. Up to 2.40 it does not list imports.
  private func status(_ client: DHIS2Client) throws -> String? {
    do {
      return try client.json("/api/jobConfigurations/\(id)?fields=jobStatus")["jobStatus"]?.string
    } catch let error as ServerError where !error.isRetryable { return nil }
  }

  private func lost(_ client: DHIS2Client, _ message: String) -> ServerError {
    ServerError(client.server, summaryPath, .timedOut, message)
  }
}
