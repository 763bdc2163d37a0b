import D2Common
import Glibc
import Synchronization

/// How many requests may be under way: a fixed number, or the one at which the server does the most work.
///
/// Servers differ. On two cores 2.43 does less with two requests at a time than with one; on sixteen cores it does
/// eight times as much with eight. So each answer allows one more, until the times of the requests show how many the
/// server does at once. From time to time more and fewer are tried. `CurveFit` evaluates the times here; the caller
/// does it if requests differ in what they ask for. The number is halved if the server says that it has too much to do
/// (429, 5xx, timeouts).
package final class ConcurrencyLimit: Sendable {
  private struct State: Sendable {
    var limit: Int
    /// How many requests are under way, as far as they are told.
    var underWay = 0
    /// Less than the most, when the server turns out to bear less.
    var cap: Int
    /// Less than that, after the server had too much to do.
    var ceiling: Int
    var fit = CurveFit(prior: ServerCapacity.prior(expected: nil))
    /// Answers since the limit was looked at last.
    var answers = 0
    var lookAround = LookAround(firstPause: 8, longestPause: 80)
    /// At first each answer allows one more, until more are no better.
    var isRising = true
    /// So many answers more belong to requests of before a decrease, and mean nothing now.
    var stale = 0
    /// So many rounds pass before the ceiling rises.
    var calmRounds = 0
  }

  /// The most that is ever allowed.
  package let most: Int
  /// Whether the number is found, and not fixed.
  package let isFound: Bool
  private let state: Mutex<State>

  /// With two it begins: a few requests at a time more than is best cost little, the way up from one costs much.
  private static let first = 2
  /// After a decrease the server is left in peace for so many rounds.
  private static let calmRounds = 3
  /// How many answers a round has: one for each request that may be under way. One is too few to tell something, and
  /// six tell enough.
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

  /// Allows no more than so many from now on.
  package func restrict(to cap: Int) {
    state.withLock { state in
      state.cap = min(state.cap, max(1, cap))
      state.ceiling = min(state.ceiling, state.cap)
      state.limit = min(state.limit, state.cap)
    }
  }

  package var current: Int { state.withLock { $0.limit } }

  /// Whether each answer still allows one more.
  package var isRising: Bool { isFound && state.withLock { $0.isRising && $0.limit < $0.ceiling } }

  /// Begins with more than two, if the way up would take much of the time; nothing was asked for yet.
  package func rise(from number: Int) {
    guard isFound else { return }
    state.withLock { $0.limit = min(number, $0.ceiling) }
  }

  /// Begins with a number that was found before, by another command; nothing was asked for yet.
  package func begin(at number: Int) {
    guard isFound else { return }
    state.withLock { state in
      state.fit = CurveFit(prior: ServerCapacity.prior(expected: number))
      state.limit = min(max(number, 1), state.ceiling)
      state.isRising = false
    }
  }

  /// The number that was found; `nil` if it is fixed.
  package var found: Int? { isFound ? current : nil }

  // MARK: Requests

  /// A request begins. Returns how many are under way now.
  package func begin() -> Int {
    state.withLock { state in
      state.underWay += 1
      return state.underWay
    }
  }

  /// It has ended.
  ///
  /// - Parameter begun: what `begin()` returned.
  /// - Returns: how many were under way while it ran, on an average.
  package func end(_ begun: Int) -> Double {
    state.withLock { state in
      defer { state.underWay -= 1 }
      return Double(begun + state.underWay) / 2
    }
  }

  /// A request was answered well, and its time alone tells how many at a time are best.
  ///
  /// - Parameters:
  ///   - seconds: what it took, for a piece of work of one size.
  ///   - among: how many were under way meanwhile; `nil`: as many as are allowed.
  package func succeeded(seconds: Double, among: Double? = nil) {
    learn { state in
      guard seconds > 0 else { return }
      let running = among ?? Double(state.limit)
      state.fit.learn(seconds: seconds, told: ServerCapacity.suppositions.map { log($0.slowdown(running)) })
      let candidates = state.fit.candidates
      answered(&state) { ServerCapacity.losses(of: $0, candidates) }
    }
  }

  /// A request was answered well, and the caller knows how many at a time are best.
  ///
  /// - Parameter losses: what is lost of what the server could do with so many at a time; 1 if nothing is. It must
  ///   not ask this limit, which waits for it.
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

  /// A request failed in a way that says that the server has too much to do.
  package func failed() { learn(halve) }

  /// Changes the limit by an answer, unless that belongs to a request of before a decrease.
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
