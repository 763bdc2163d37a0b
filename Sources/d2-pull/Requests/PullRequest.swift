import D2Client
import D2Common
import D2Split

/// One request of a run, and what becomes of the values that it brings.
struct PullRequest: Sendable {
  var export: ExportRequest
  /// What each value gets appended as its `dataSet`.
  let dataSet: String?
  /// Which of its values go out.
  let sieve: ValueSieve
  /// Which part of a question to analytics it is.
  var part: AnalyticsParts.Place?

  /// What each line of the output gets appended.
  var completion: ValueCompletion {
    switch export.kind {
    case .dataValues: ValueCompletion(dataSet: dataSet)
    case .registrations: .none
    }
  }

  /// Another question whose values go out in the same way.
  func asking(_ export: ExportRequest) -> PullRequest {
    var request = self
    request.export = export
    return request
  }

  /// The same request for at most so many values.
  func limited(to limit: Int) -> PullRequest { asking(export.limited(to: limit)) }
}
