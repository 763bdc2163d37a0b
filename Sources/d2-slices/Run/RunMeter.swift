import D2Common
import Synchronization

/// The counts of a run over all its workers, and its progress line.
final class RunMeter: Sendable {
  /// The counts of the workers.
  struct Figures: Sendable, Equatable {
    /// Slices that were done, with refusals or without.
    var done = 0
    /// The slices among them with refusals that the run does not accept.
    var withRefusals = 0
    /// Attempts that failed, and slices that were parked.
    var failed = 0
    var parked = 0
    /// Values from the source, and values that were refused.
    var pulled = 0
    var refused = 0

    /// Attempts that have ended.
    var ended: Int { done + failed }
  }

  private struct State: Sendable {
    var figures = Figures()
    var claimed = 0
    var lastDrawn = 0.0
  }

  private let state = Mutex(State())
  private let start = monotonicSeconds()
  /// Slices that were open at the start of the run.
  let total: Int
  private let log: Log
  private let draws: Bool
  /// How long the workers have waited for servers that were down. This does not affect the estimate.
  private let pausedSeconds: @Sendable () -> Double

  /// - Parameters:
  ///   - open: slices that were open at the start of the run.
  ///   - pausedSeconds: how long all workers have paused so far.
  init(open: Int, _ log: Log, draws: Bool, pausedSeconds: @escaping @Sendable () -> Double = { 0 }) {
    self.pausedSeconds = pausedSeconds
    total = open
    self.log = log
    self.draws = draws
  }

  /// - Parameter isAtRest: whether it is done with refusals that the run does not accept.
  func done(pulled: Int, refused: Int, isAtRest: Bool = false) {
    state.withLock { state in
      state.figures.done += 1
      if isAtRest { state.figures.withRefusals += 1 }
      state.figures.pulled += pulled
      state.figures.refused += refused
    }
  }

  func failed(isParked: Bool) {
    state.withLock { state in
      state.figures.failed += 1
      if isParked { state.figures.parked += 1 }
    }
  }

  /// Reserves slices for a worker, up to the number that it wants. They count as begun.
  ///
  /// - Parameter most: the limit for the whole run; `nil` for any number.
  func reserve(_ wanted: Int, ofAll most: Int?) -> Int {
    state.withLock { state in
      let room = most.map { min(wanted, max(0, $0 - state.claimed)) } ?? wanted
      state.claimed += room
      return room
    }
  }

  /// Returns slices of the reservation that were not begun.
  func giveBack(_ slices: Int) { state.withLock { $0.claimed -= slices } }

  /// Slices that are neither done nor begun, as far as this run knows. Other runs may move some too.
  var left: Int { max(0, total - state.withLock { $0.claimed }) }

  var figures: Figures { state.withLock { $0.figures } }

  /// `12 of 40, about 3 min left`.
  var progress: String {
    let done = figures.done
    guard done > 0, total > done else { return "\(done) of \(max(total, done))" }
    let worked = max(0, seconds - pausedSeconds())
    return "\(done) of \(total), about \(DurationText.rough(worked / Double(done) * Double(total - done))) left"
  }

  var seconds: Double { monotonicSeconds() - start }

  /// Redraws the progress line a few times a second.
  func draw() {
    guard draws else { return }
    let now = monotonicSeconds()
    let isDue = state.withLock { state in
      guard now - state.lastDrawn >= 0.25 else { return false }
      state.lastDrawn = now
      return true
    }
    guard isDue else { return }
    let figures = figures
    let width = 24
    let filled = total == 0 ? width : min(width, figures.done * width / total)
    let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: width - filled)
    let numbers =
      "\(progress); \(counted(figures.pulled, "value")), \(figures.refused) refused, "
      + counted(figures.failed, "failed attempt")
    // A narrow terminal shows only the numbers.
    log.draw(bar.count + 3 + numbers.count <= log.room ? "[\(bar)] \(numbers)" : numbers)
  }
}
