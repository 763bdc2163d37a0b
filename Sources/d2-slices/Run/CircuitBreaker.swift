import D2Common
import Synchronization

/// Detects that a server is down, so that the workers do not use up the attempts of all slices. All workers pause,
/// longer each time, until the server is back.
final class CircuitBreaker: Sendable {
  private struct State: Sendable {
    /// Slices that failed in a row, without a success between them.
    var slices: Set<Int> = []
    var pauseSeconds = 0.0
    var until = 0.0
    /// Since when a server seems to be down.
    var since: Double?
    /// Whether both servers answer nevertheless. Then the failures are the slices' own.
    var isKnownAlive = false
    /// The data set of the slice that failed last.
    var dataSet: String?
    /// How long servers were down earlier.
    var pausedBefore = 0.0

    var downSeconds: Double { since.map { monotonicSeconds() - $0 } ?? 0 }
  }

  /// The meaning of a failure.
  struct Verdict: Equatable {
    /// How long all workers pause; 0 if no server seems to be down.
    var pauseSeconds: Double
    /// Whether it counts as an attempt of the slice, because the server was not at fault.
    var isCharged: Bool
  }

  private let state = Mutex(State())
  private let firstPauseSeconds: Double
  private let patienceSeconds: Double
  /// Asks both servers whether they answer and accept the user.
  let isAlive: @Sendable () -> Bool
  private static let longestPauseSeconds = 300.0
  /// If this many different slices fail in a row, the server is at fault.
  private static let suspicious = 3

  /// The statuses if a server cannot be reached, fails, or refuses the credentials.
  static let statuses: Set<Int> = [69, 75, 77]

  /// - Parameters:
  ///   - patienceSeconds: how long failures alone count as the server's fault, although it answers the request
  ///     for the user. A server in trouble often fails only on data. After that, slices that always fail must end.
  ///   - refusal: the message of a server that refuses the user's credentials; `nil` if none does.
  init(
    firstPauseSeconds: Double, patienceSeconds: Double = 900, refusal: @escaping @Sendable () -> String? = { nil },
    isAlive: @escaping @Sendable () -> Bool
  ) {
    self.firstPauseSeconds = firstPauseSeconds
    self.patienceSeconds = patienceSeconds
    askForRefusal = refusal
    self.isAlive = isAlive
  }

  // MARK: Credentials

  private let askForRefusal: @Sendable () -> String?
  private let knownRefusal = Mutex<String?>(nil)

  /// The message of the server that refused the credentials. All workers stop then: more attempts with a wrong password
  /// could lock the account.
  var refusal: String? { knownRefusal.withLock { $0 } }

  /// Whether a server refuses the credentials. Only one worker asks.
  func credentialsAreRefused() -> Bool {
    knownRefusal.withLock { known in
      if known == nil { known = askForRefusal() }
      return known != nil
    }
  }

  func succeeded() {
    state.withLock { state in
      let paused = state.pausedBefore + state.downSeconds
      state = State()
      state.pausedBefore = paused
    }
  }

  /// How long servers have been down in this run.
  var pausedSeconds: Double { state.withLock { $0.pausedBefore + $0.downSeconds } }

  /// - Parameter isReachable: false if there was no connection at all, also to a queue in front of the destination.
  ///   That is never a slice's fault.
  func failed(_ slice: Int, of dataSet: String = "", isReachable: Bool = true) -> Verdict {
    let seconds: Double? = state.withLock { state in
      state.slices.insert(slice)
      state.dataSet = dataSet
      guard state.slices.count >= Self.suspicious || state.since != nil else { return nil }
      let now = monotonicSeconds()
      let since = state.since ?? now
      state.since = since
      if now >= state.until {
        state.pauseSeconds = min(max(firstPauseSeconds, state.pauseSeconds * 2), Self.longestPauseSeconds)
        state.until = now + state.pauseSeconds
      }
      return now - since
    }
    guard let seconds else { return Verdict(pauseSeconds: 0, isCharged: true) }
    let isCharged = isReachable && seconds >= patienceSeconds && isAlive()
    return state.withLock { state in
      state.isKnownAlive = isCharged
      guard isCharged else { return Verdict(pauseSeconds: state.pauseSeconds, isCharged: false) }
      // Continue slowly, because the server may be in trouble. But a slice that can never be moved must end.
      state.pauseSeconds = firstPauseSeconds
      state.until = min(state.until, monotonicSeconds() + firstPauseSeconds)
      return Verdict(pauseSeconds: firstPauseSeconds, isCharged: true)
    }
  }

  /// How long a server has been down; 0 if all are up.
  var downSeconds: Double {
    state.withLock { $0.isKnownAlive ? 0 : $0.downSeconds }
  }

  /// The data set whose slices fail, while nothing succeeds. Other data sets go first, so that they need not wait for
  /// it.
  var suspect: String? { state.withLock { $0.since == nil ? nil : $0.dataSet } }

  /// Waits until the workers may continue. False if a signal came, or a server refused the credentials.
  func wait() -> Bool {
    while true {
      if refusal != nil { return false }
      let left = state.withLock { $0.until } - monotonicSeconds()
      if left <= 0 { return Signals.received == nil }
      guard pause(seconds: min(left, 0.5)) else { return false }
    }
  }
}
