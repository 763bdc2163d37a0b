import D2Common
import Synchronization

/// How many requests may be under way: a fixed number, or one that is found as TCP finds its window: it grows by one
/// while the server answers well, and is halved where the server says that it has too much (429, 5xx, time-outs) or
/// takes longer and longer.
package final class ConcurrencyLimit: Sendable {
  private struct State: Sendable {
    var limit: Int
    /// Less than the most, when the server turns out to bear less.
    var cap = Int.max
    /// Seconds of the requests since the limit was changed last.
    var seconds: [Double] = []
    /// What a request took at its best.
    var best: Double?
    /// So many answers more belong to requests of before a decrease, and mean nothing now.
    var stale = 0
    /// So many rounds pass before it grows again.
    var calmRounds = 0
  }

  /// The most that is ever allowed.
  package let most: Int
  private let isFound: Bool
  private let state: Mutex<State>

  /// What a request may take, as a multiple of what it took at its best, before the server is left more room.
  private static let slowdown = 2.0
  /// What was the best once need not be possible any more: by so much it is forgotten each round.
  private static let drift = 1.02
  /// After a decrease the server is left in peace for so many rounds.
  private static let calmRounds = 3
  /// A round has at least so many answers.
  private static let fewestAnswers = 3

  package init(fixed number: Int) {
    most = number
    isFound = false
    state = Mutex(State(limit: number))
  }

  package init(foundUpTo most: Int) {
    self.most = most
    isFound = true
    state = Mutex(State(limit: 1))
  }

  /// Allows no more than so many from now on.
  package func restrict(to cap: Int) {
    state.withLock { state in
      state.cap = max(1, cap)
      state.limit = min(state.limit, state.cap)
    }
  }

  package var current: Int { state.withLock { $0.limit } }

  /// A request was answered well.
  ///
  /// - Parameter seconds: what it took, for a piece of work of one size.
  package func succeeded(seconds: Double) {
    learn { state in
      state.seconds.append(seconds)
      guard state.seconds.count >= max(state.limit, Self.fewestAnswers) else { return }
      let typical = state.seconds.sorted()[state.seconds.count / 2]
      state.seconds = []
      // Alone, a request that is slow is not slow because of others: it is what the server takes now.
      let best = state.limit == 1 ? typical : min(state.best.map { $0 * Self.drift } ?? typical, typical)
      state.best = best
      if typical > best * Self.slowdown {
        halve(&state)
      } else if state.calmRounds > 0 {
        state.calmRounds -= 1
      } else {
        state.limit = min(state.limit + 1, most, state.cap)
      }
    }
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
    state.stale = state.limit - 1
    state.limit = max(1, state.limit / 2)
    state.seconds = []
    state.calmRounds = Self.calmRounds
  }
}
