import D2Client
import D2Common

/// What takes the posts of a settlement. Tests play one.
protocol ImportServer: Sendable {
  var log: Log { get }
  /// How often a request is retried.
  var retries: Int { get }

  /// Posts a body.
  ///
  /// - Parameters:
  ///   - canBeHalved: whether a server that is too slow may get fewer values instead.
  ///   - deletes: whether what it holds is deleted, whatever the options say: registrations know no other way
  ///     (docs/dhis2-servers.md, "Registrations").
  ///   - traffic: counts the requests.
  /// - Throws: `ServerError` if the server cannot be reached, refuses the credentials, or is not DHIS2;
  ///   `CommandFailure` on a signal.
  func post(
    _ body: any HTTPBody, canBeHalved: Bool, deletes: Bool, _ traffic: inout BatchOutcome.Traffic
  ) throws -> ImportAnswer

  /// Leaves the server in peace for a moment. - Throws: `CommandFailure` on a signal.
  func pause(seconds: Double) throws

  /// An error of this server.
  func error(_ kind: ServerError.Kind, _ message: String) -> ServerError
}

/// What one post came to.
enum ImportAnswer: Sendable {
  case report(ImportReport)
  /// 413: more than the server, or a proxy before it, takes.
  case tooLarge(ServerError)
  /// The server failed over these values (500), or could not read them (400 and others without a summary): the invalid
  /// ones must be found.
  case failed(ServerError)
  /// No answer in time, again and again (502, 504, time-outs): fewer values may do.
  case tooSlow(ServerError)
}

/// What the server says that it did.
struct ImportReport: Sendable {
  let summary: ImportSummary
  /// The HTTP status that it came with; `nil` if a queue does not tell.
  let status: Int?

  func reason(_ conflict: ImportSummary.Conflict) -> Refusal {
    Refusal(code: conflict.code, message: conflict.message, httpStatus: status)
  }

  /// The values that conflicts name by their positions in what was posted.
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
