import D2Common
import Synchronization

/// Notices that a server is down, and keeps all workers from burning through the slices: they pause, longer each time, until it is back.
final class CircuitBreaker: Sendable {
  private struct State: Sendable {
    /// Slices that failed with no success between.
    var slices: Set<Int> = []
    var pauseSeconds = 0.0
    var until = 0.0
    /// Since when a server is known to be down.
    var since: Double?
  }

  private let state = Mutex(State())
  private let firstPauseSeconds: Double
  /// Asks both ends whether they answer.
  private let isAlive: @Sendable () -> Bool
  private static let longestPauseSeconds = 300.0
  /// So many different slices that fail in a row may be the server's fault: then it is asked.
  private static let suspicious = 3

  /// Statuses of a server that cannot be reached, fails, or refuses the credentials.
  static let statuses: Set<Int> = [69, 75, 77]

  init(firstPauseSeconds: Double, isAlive: @escaping @Sendable () -> Bool) {
    self.firstPauseSeconds = firstPauseSeconds
    self.isAlive = isAlive
  }

  func succeeded() { state.withLock { $0 = State() } }

  /// - Returns: whether a server is down: then the failure is not the slice's.
  func failed(_ slice: Int) -> (isOpen: Bool, pauseSeconds: Double) {
    let isSuspicious = state.withLock { state in
      state.slices.insert(slice)
      return state.slices.count >= Self.suspicious || state.since != nil
    }
    guard isSuspicious else { return (false, 0) }
    if isAlive() {
      // It is there and knows us: whatever fails is about what was asked for.
      state.withLock { $0 = State() }
      return (false, 0)
    }
    return state.withLock { state in
      let now = monotonicSeconds()
      state.since = state.since ?? now
      if now >= state.until {
        state.pauseSeconds = min(max(firstPauseSeconds, state.pauseSeconds * 2), Self.longestPauseSeconds)
        state.until = now + state.pauseSeconds
      }
      return (true, state.pauseSeconds)
    }
  }

  /// How long a server has been down; 0 where none is.
  var downSeconds: Double { state.withLock { $0.since.map { monotonicSeconds() - $0 } ?? 0 } }

  /// Waits until the workers may go on. False where a signal came.
  func wait() -> Bool {
    while true {
      let left = state.withLock { $0.until } - monotonicSeconds()
      if left <= 0 { return Signals.received == nil }
      guard pause(seconds: min(left, 0.5)) else { return false }
    }
  }
}
