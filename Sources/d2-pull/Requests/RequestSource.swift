import D2Client
import Synchronization

/// Where the requests of a run come from.
protocol RequestSource: Sendable {
  /// The next one; `nil` after the last.
  func next() -> PullRequest?
  /// How many there will be, those that were given out among them.
  var planned: Int { get }
}

/// Requests that are all known before the first is made.
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

/// How a request that is too much for a server is divided into smaller ones, which bring the same values, each once.
protocol RequestDividing: Sendable {
  /// Whether `parts` has a chance, before anything is asked for it.
  func canDivide(_ request: PullRequest) -> Bool

  /// - Returns: nothing if nothing is left to divide.
  func parts(of request: PullRequest) throws -> [PullRequest]

  /// How much a request asks for, to be compared with others.
  func weight(of request: PullRequest) -> Int

  /// Learns from an answer how much can be asked for.
  func answered(_ request: PullRequest, _ answer: ExportAnswer)
}

extension RequestDividing {
  func answered(_ request: PullRequest, _ answer: ExportAnswer) {}
}
