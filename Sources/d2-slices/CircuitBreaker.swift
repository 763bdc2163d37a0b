import D2Common
import Synchronization

/// Notices that a server is down, and keeps all workers from burning through the slices: they pause, longer each time, until one succeeds.
final class CircuitBreaker: Sendable {
  private struct State: Sendable {
    var failures = 0
    var pauseSeconds = 0.0
    var until = 0.0
    /// When the first of the failures in a row came.
    var since: Double?
  }

  private let state = Mutex(State())
  /// So many failures in a row, with no success between, are the server's.
  private let threshold: Int
  private let firstPauseSeconds: Double
  private static let longestPauseSeconds = 300.0

  /// Statuses of a server that cannot be reached, fails, or refuses the credentials.
  static let statuses: Set<Int> = [69, 75, 77]

  init(workers: Int, firstPauseSeconds: Double) {
    threshold = max(3, workers)
    self.firstPauseSeconds = firstPauseSeconds
  }

  func succeeded() { state.withLock { $0 = State() } }

  /// - Returns: whether the server is taken for down: then the failure is not the slice's.
  func failed() -> (isOpen: Bool, pauseSeconds: Double) {
    state.withLock { state in
      state.failures += 1
      state.since = state.since ?? monotonicSeconds()
      guard state.failures >= threshold else { return (false, 0) }
      let now = monotonicSeconds()
      if now >= state.until {
        state.pauseSeconds = min(max(firstPauseSeconds, state.pauseSeconds * 2), Self.longestPauseSeconds)
        state.until = now + state.pauseSeconds
      }
      return (true, state.pauseSeconds)
    }
  }

  /// How long a server that is taken for down has failed; 0 where none is.
  var downSeconds: Double {
    state.withLock { state in
      guard state.failures >= threshold, let since = state.since else { return 0 }
      return monotonicSeconds() - since
    }
  }

  /// Waits until the workers may go on. False where a signal came.
  func wait() -> Bool {
    while true {
      let left = state.withLock { $0.until } - monotonicSeconds()
      if left <= 0 { return Signals.received == nil }
      guard pause(seconds: min(left, 0.5)) else { return false }
    }
  }
}
