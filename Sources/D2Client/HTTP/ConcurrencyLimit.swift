import D2Common
import Glibc
import Synchronization

/// The limit of concurrent requests: a fixed number, or the number at which the server does the most work.
///
/// Servers differ. On two cores, 2.43 does less with two concurrent requests than with one. On sixteen cores it does
/// eight times as much with eight. So each answer raises the limit by one, until the times of the requests show how
/// many the server handles at once. From time to time this class tries more and fewer. `CurveFit` evaluates the times
/// here; the caller does it if requests differ in size. If the server is overloaded (429, 5xx, timeouts), the limit is
/// halved.
package final class ConcurrencyLimit: Sendable {
  private struct State: Sendable {
    var limit: Int
    /// How many requests are in flight, as far as they are reported.
    var underWay = 0
    /// Less than `most` if the server turns out to bear less.
    var cap: Int
    /// Even less after the server was overloaded.
    var ceiling: Int
    var fit = CurveFit(prior: ServerCapacity.prior(expected: nil))
    /// Answers since the limit was last evaluated.
    var answers = 0
    var lookAround = LookAround(firstPause: 8, longestPause: ConcurrencyLimit.longestPause)
    /// At first each answer raises the limit by one, until more requests are no better.
    var isRising = true
    /// This many further answers belong to requests from before a decrease, and are ignored.
    var stale = 0
    /// How many rounds must pass before the ceiling rises.
    var calmRounds = 0
  }

  /// The upper bound of the limit.
  package let most: Int
  /// Whether the limit is found by measuring, and not fixed.
  package let isFound: Bool
  private let state: Mutex<State>

  /// The search begins with two. A few requests too many cost little, but a slow rise from one costs much.
  private static let first = 2
  /// If the number is known, tries of other numbers are rare from the beginning.
  private static let firstPauseOfKnown = 20
  private static let longestPause = 80
  /// After a decrease, the limit stays for this many rounds.
  private static let calmRounds = 3
  /// How many answers a round has: one for each allowed request. One answer is too few to draw a conclusion, and six
  /// are enough.
  private static func answersOfRound(_ limit: Int) -> Int { min(max(limit, 2), 6) }

  package init(fixed number: Int) {
    most = number
    isFound = false
    state = Mutex(State(limit: number, cap: number, ceiling: number))
  }

  package init(foundUpTo most: Int) {
    self.most = most
    isFound = true
    state = Mutex(State(limit: min(Self.first, most), cap: most, ceiling: most))
  }

  /// Restricts the limit to a lower upper bound.
  package func restrict(to cap: Int) {
    state.withLock { state in
      state.cap = min(state.cap, max(1, cap))
      state.ceiling = min(state.ceiling, state.cap)
      state.limit = min(state.limit, state.cap)
    }
  }

  package var current: Int { state.withLock { $0.limit } }

  /// Whether each answer still raises the limit.
  package var isRising: Bool { isFound && state.withLock { $0.isRising && $0.limit < $0.ceiling } }

  /// Begins with more than two requests, if a rise would take too long. Call it before the first request.
  package func rise(from number: Int) {
    guard isFound else { return }
    state.withLock { $0.limit = min(number, $0.ceiling) }
  }

  /// Begins with the number that an earlier command found, or that the server's cores suggest. Call it before the first
  /// request.
  package func begin(at number: Int) {
    guard isFound else { return }
    state.withLock { state in
      state.fit = CurveFit(prior: ServerCapacity.prior(expected: number))
      state.limit = min(max(number, 1), state.ceiling)
      state.lookAround = LookAround(firstPause: Self.firstPauseOfKnown, longestPause: Self.longestPause)
      state.isRising = false
    }
  }

  /// The current limit if it is found by measuring; `nil` if it is fixed.
  package var found: Int? { isFound ? current : nil }

  // MARK: Requests

  /// Records the start of a request. Returns how many are in flight now.
  package func begin() -> Int {
    state.withLock { state in
      state.underWay += 1
      return state.underWay
    }
  }

  /// Records the end of a request.
  ///
  /// - Parameter begun: what `begin()` returned.
  /// - Returns: the average number of requests in flight while it ran.
  package func end(_ begun: Int) -> Double {
    state.withLock { state in
      defer { state.underWay -= 1 }
      return Double(begun + state.underWay) / 2
    }
  }

  /// Records a successful request whose time alone shows which number is best.
  ///
  /// - Parameters:
  ///   - seconds: the time for work of a fixed size.
  ///   - among: the average number in flight meanwhile; `nil` for the current limit.
  package func succeeded(seconds: Double, among: Double? = nil) {
    learn { state in
      guard seconds > 0 else { return }
      let running = among ?? Double(state.limit)
      state.fit.learn(seconds: seconds, told: ServerCapacity.suppositions.map { log($0.slowdown(running)) })
      let candidates = state.fit.candidates
      answered(&state) { ServerCapacity.losses(of: $0, candidates) }
    }
  }

  /// Records a successful request. The caller knows which number is best.
  ///
  /// - Parameter losses: the loss at each number of requests, compared with the best the server could do; 1 for no
  ///   loss. It must not call this limit, whose lock is held.
  package func succeeded(losses: (_ levels: [Int]) -> [Double]) {
    learn { answered(&$0, losses) }
  }

  private func answered(_ state: inout State, _ losses: ([Int]) -> [Double]) {
    if state.isRising {
      let best = best(state, losses)
      state.isRising = best.level > state.limit
      change(&state, to: state.isRising ? state.limit + 1 : best.level)
      return
    }
    state.answers += 1
    guard state.answers >= Self.answersOfRound(state.limit) else { return }
    state.answers = 0
    if state.calmRounds > 0 {
      state.calmRounds -= 1
    } else {
      state.ceiling = min(state.ceiling + 1, state.cap)
      let best = best(state, losses)
      let place = min(max(best.place + state.lookAround.direction(), 0), best.levels.count - 1)
      change(&state, to: min(best.levels[place], 2 * state.limit))
    }
  }

  private func best(
    _ state: State, _ losses: ([Int]) -> [Double]
  ) -> (levels: [Int], place: Int, level: Int) {
    let levels = ServerCapacity.levels.filter { $0 <= state.ceiling }
    let place = ServerCapacity.best(losses(levels))
    return (levels, place, levels[place])
  }

  private func change(_ state: inout State, to limit: Int) {
    if limit < state.limit { state.stale = state.limit - 1 }
    state.limit = limit
    state.answers = 0
  }

  /// Records a failure that means that the server is overloaded.
  package func failed() { learn(halve) }

  /// Changes the limit after an answer, unless that belongs to a request from before a decrease.
  private func learn(_ change: (inout State) -> Void) {
    guard isFound else { return }
    state.withLock { state in
      if state.stale > 0 { state.stale -= 1 } else { change(&state) }
    }
  }

  private func halve(_ state: inout State) {
    change(&state, to: max(1, state.limit / 2))
    state.isRising = false
    state.ceiling = state.limit
    state.calmRounds = Self.calmRounds
  }
}
