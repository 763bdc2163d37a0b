import D2Common
import Synchronization

/// Finds the batch size at which a server takes the most values a second.
///
/// Servers differ in sign: 2.42 takes 20,000 values at six times the rate of 1,000, 2.43 takes 1,000 at three times the
/// rate of 50,000 (docs/dhis2-servers.md, "What it costs"). So the size climbs a ladder of doublings while the rate
/// rises, turns where it falls, and looks at both neighbours again from time to time.
final class BatchSizer: Sendable {
  private struct State: Sendable {
    /// The rung with the highest rate so far.
    var best: Int
    /// The rung in use: the best, or one that is tried.
    var current: Int
    /// Where the last gain was found.
    var direction = 1
    /// The last gain was large: the next step takes two rungs.
    var isSteep = true
    /// Values per second by rung; the newest sample weighs as much as all before it.
    var rates: [Double?]
    var samplesAtBest = 0
    var mostRung: Int
    var lastSeconds: Double?
  }

  /// Where the search begins. Up to 2.42 small batches are so much slower than large ones that the search itself would
  /// cost seconds; 16,000 values take such a server three (docs/dhis2-servers.md, "What it costs"), and still pass
  /// where all is ten times slower.
  private static let firstSize = 1000
  private static let firstSizeOfLargeBatches = 16_000
  /// A change of rate below this is noise.
  private static let gain = 1.03
  private static let steepGain = 1.5
  /// After so many batches at the best size its neighbours are looked at again.
  private static let lookAgainAfter = 40

  private let sizes: [Int]
  private let longestSeconds: Double
  private let state: Mutex<State>

  init(_ range: ClosedRange<Int>, longestSeconds: Double) {
    let first = min(max(Self.firstSize, range.lowerBound), range.upperBound)
    var sizes = [first]
    while let most = sizes.last, most < range.upperBound { sizes.append(min(most * 2, range.upperBound)) }
    while let least = sizes.first, least > range.lowerBound { sizes.insert(max(least / 2, range.lowerBound), at: 0) }
    self.sizes = sizes
    self.longestSeconds = longestSeconds
    let rung = sizes.firstIndex(of: first)!
    state = Mutex(
      State(best: rung, current: rung, rates: Array(repeating: nil, count: sizes.count), mostRung: sizes.count - 1))
  }

  /// Nothing was sent yet, and the server is known for one that likes large batches.
  func beginLarge() {
    state.withLock { state in
      let rung = sizes.lastIndex { $0 <= Self.firstSizeOfLargeBatches } ?? 0
      state.best = rung
      state.current = rung
    }
  }

  /// How many values the next batch should hold.
  var size: Int { state.withLock { sizes[$0.current] } }

  /// How long the last request took; `nil` before the first was answered.
  var lastSeconds: Double? { state.withLock { $0.lastSeconds } }

  /// What was learnt: values per second by size.
  var learnt: JSONValue {
    state.withLock { state in
      .object(
        sizes.indices.compactMap { rung in
          state.rates[rung].map { .init(String(sizes[rung]), .int(Int($0.rounded()))) }
        })
    }
  }

  /// A batch was answered.
  ///
  /// - Parameters:
  ///   - size: the size that was asked for when the batch was filled.
  ///   - values: how many it held; where bytes or the end of the input cut it short it may tell little.
  func record(size: Int, values: Int, seconds: Double) {
    state.withLock { state in
      state.lastSeconds = seconds
      guard let rung = sizes.firstIndex(of: size), seconds > 0, 4 * values >= 3 * size || rung == state.best else {
        return
      }
      let rate = Double(values) / seconds
      state.rates[rung] = state.rates[rung].map { ($0 + rate) / 2 } ?? rate
      if seconds > longestSeconds, rung > 0 { limit(&state, below: rung) }
      guard rung == state.current else { return }
      judge(&state, rung)
      state.current = nextTrial(state)
    }
  }

  /// Takes a tried rung for the best where it is, and looks at the neighbours again when the best has served for long.
  private func judge(_ state: inout State, _ rung: Int) {
    if rung == state.best {
      state.samplesAtBest += 1
      guard state.samplesAtBest >= Self.lookAgainAfter else { return }
      state.samplesAtBest = 0
      for other in sizes.indices where other != rung { state.rates[other] = nil }
    } else if let rate = state.rates[rung], let best = state.rates[state.best], rate > best * Self.gain {
      state.isSteep = rate > best * Self.steepGain
      state.direction = rung > state.best ? 1 : -1
      state.best = rung
      state.samplesAtBest = 0
    } else {
      state.isSteep = false
    }
  }

  /// The next rung whose rate is not known, beside the best; the best itself where all is known.
  private func nextTrial(_ state: State) -> Int {
    let steps =
      state.isSteep ? [2 * state.direction, state.direction, -state.direction] : [state.direction, -state.direction]
    let rungs = steps.map { state.best + $0 }
    return rungs.first { rung in
      sizes.indices.contains(rung) && rung <= state.mostRung && state.rates[rung] == nil
        && !wouldTakeTooLong(rung, state)
    } ?? state.best
  }

  private func wouldTakeTooLong(_ rung: Int, _ state: State) -> Bool {
    guard let rate = state.rates[state.best] else { return false }
    return Double(sizes[rung]) / rate > longestSeconds
  }

  /// A request was too large, or took longer than a proxy waits: half of it next, and nothing so large again.
  func tooMuch(_ values: Int) {
    state.withLock { limit(&$0, below: sizes.firstIndex { $0 >= values } ?? sizes.count) }
  }

  private func limit(_ state: inout State, below rung: Int) {
    state.mostRung = min(state.mostRung, max(rung - 1, 0))
    if state.best > state.mostRung { state.best = state.mostRung }
    if state.current > state.mostRung { state.current = state.mostRung }
    state.direction = -1
    state.isSteep = false
  }
}
