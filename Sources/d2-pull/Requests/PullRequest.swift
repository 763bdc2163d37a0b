import D2Client
import D2Common
import D2Split

/// One request of a run, and how its values are written.
struct PullRequest: Sendable {
  var export: ExportRequest
  /// The `dataSet` to append to each value.
  let dataSet: String?
  /// Decides which of its values are written.
  let sieve: ValueSieve
  /// The part of an analytics request that it is.
  var part: AnalyticsParts.Place?
  /// What the uids of sums become.
  var ids = OutputIDs()

  /// The members to append to each line of the output.
  var completion: ValueCompletion {
    switch export.kind {
    case .dataValues: ValueCompletion(dataSet: dataSet)
    case .registrations: .none
    }
  }

  /// Another request whose values are written in the same way.
  func asking(_ export: ExportRequest) -> PullRequest {
    var request = self
    request.export = export
    return request
  }

  /// The same request with a limit of values.
  func limited(to limit: Int) -> PullRequest { asking(export.limited(to: limit)) }
}
