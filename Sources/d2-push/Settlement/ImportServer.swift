import D2Client
import D2Common

/// Receives the posts of a settlement. Tests have their own implementation.
protocol ImportServer: Sendable {
  var log: Log { get }
  /// How often a request is retried.
  var retries: Int { get }

  /// Posts a body.
  ///
  /// - Parameters:
  ///   - canBeHalved: whether a server that is too slow may get fewer values instead.
  ///   - deletes: whether to delete the objects, whatever the options say. Registrations can only be deleted this way
  ///     (docs/dhis2-servers.md, "Registrations").
  ///   - traffic: counts the requests.
  /// - Throws: `ServerError` if the server cannot be reached, refuses the credentials, or is not DHIS2;
  ///   `CommandFailure` on a signal.
  func post(
    _ body: any HTTPBody, canBeHalved: Bool, deletes: Bool, _ traffic: inout BatchOutcome.Traffic
  ) throws -> ImportAnswer

  /// Waits before the next request to the server. - Throws: `CommandFailure` on a signal.
  func pause(seconds: Double) throws

  /// An error of this server.
  func error(_ kind: ServerError.Kind, _ message: String) -> ServerError
}

/// The result of one post.
enum ImportAnswer: Sendable {
  case report(ImportReport)
  /// 413: more than the server, or a proxy in front of it, accepts.
  case tooLarge(ServerError)
  /// The server failed over these values (500), or could not read them (400 and others without a summary). d2-push must
  /// find the invalid ones.
  case failed(ServerError)
  /// Repeatedly no answer in time (502, 504, timeouts). Fewer values may help.
  case tooSlow(ServerError)
}

/// The server's report about a request.
struct ImportReport: Sendable {
  let summary: ImportSummary
  /// The HTTP status of the answer; `nil` if a queue does not report it.
  let status: Int?

  func reason(_ conflict: ImportSummary.Conflict) -> Refusal {
    Refusal(code: conflict.code, message: conflict.message, httpStatus: status)
  }

  /// The refused values that conflicts name by their positions in the request.
  func refusedByPosition(in part: [Int]) -> [Int: Refusal] {
    var refused: [Int: Refusal] = [:]
    for conflict in summary.conflicts {
      for index in conflict.indexes where part.indices.contains(index) && refused[part[index]] == nil {
        refused[part[index]] = reason(conflict)
      }
    }
    return refused
  }
}
