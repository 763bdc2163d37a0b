import D2Client
import Synchronization

/// A source of a run's requests.
protocol RequestSource: Sendable {
  /// The next request; `nil` after the last.
  func next() -> PullRequest?
  /// How many requests there will be, including those already returned.
  var planned: Int { get }
}

/// Requests that are all known at the start.
final class RequestList: RequestSource {
  let planned: Int
  private let waiting: Mutex<ArraySlice<PullRequest>>

  init(_ requests: some Sequence<PullRequest>) {
    let all = Array(requests)
    planned = all.count
    waiting = Mutex(all[...])
  }

  func next() -> PullRequest? { waiting.withLock { $0.popFirst() } }
}

/// Divides a request that is too large for a server into smaller ones, which bring the same values, each once.
protocol RequestDividing: Sendable {
  /// Whether `parts` may succeed, before it sends any request.
  func canDivide(_ request: PullRequest) -> Bool

  /// - Returns: an empty list if nothing is left to divide.
  func parts(of request: PullRequest) throws -> [PullRequest]

  /// The size of a request, to compare it with others.
  func weight(of request: PullRequest) -> Int

  /// Learns from an answer how large requests may be.
  func answered(_ request: PullRequest, _ answer: ExportAnswer)
}

extension RequestDividing {
  func answered(_ request: PullRequest, _ answer: ExportAnswer) {}
}
