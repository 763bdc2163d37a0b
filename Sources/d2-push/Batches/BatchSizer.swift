import D2Client
import D2Common
import Synchronization

/// Finds the batch size at which a server takes the most values a second.
///
/// Servers differ in sign: 2.42 takes 20,000 values at six times the rate of 1,000, 2.43 takes 1,000 at three times the
/// rate of 50,000 (docs/dhis2-servers.md, "What it costs"). And their times are noisy, so that no size is judged by its
/// own times: all requests together tell what each size takes (`BatchTimes`). The size is the one with the least
/// expected loss; now and then a request is half or twice as large, since equal sizes say nothing about others.
final class BatchSizer: Sendable {
  /// What one command hands on to the next.
  struct Found: Sendable {
    let curve: BatchTimes.Curve
    let size: Int
  }

  private struct State: Sendable {
    var times = BatchTimes(expected: BatchTimes.smallBatches)
    /// The rung of the first batch.
    var first: Int
    var mostRung: Int
    /// Whether the next batch is larger or smaller than what seems best.
    var look = 0
    /// How many requests were under way at the last one; 0 before the first.
    var among = 0
    /// The rung of the next batch, and how many requests may be under way then; `nil` when more is known than before.
    var chosen: (rung: Int, among: Int)?
    var lookAround = LookAround(firstPause: 2, longestPause: 12)
    /// The rungs that were used.
    var used: Set<Int> = []
    var lastSeconds: Double?
  }

  /// Where the search begins; with half of it where several requests share the server.
  private static let firstSize = 1000
  /// Up to 2.42 small batches are much slower than large ones. But the first request is cold, and takes eight times as
  /// long as others; no proxy should end it. Many slices hold no more than this, and so are one request.
  private static let firstSizeOfLargeBatches = 5000
  /// Round numbers, so far from each other that the best size is never far from one of them.
  private static let steps = [10, 15, 20, 30, 50, 70]
  /// A look goes two rungs up or down: about the half and twice the size.
  private static let reach = 2
  /// Where even the smallest take too long, what takes so many times as long is not worse.
  private static let quicker = 1.5

  private let sizes: [Int]
  private let bounds: ClosedRange<Int>
  private let longestSeconds: Double
  /// How many requests may be under way.
  private let concurrency: @Sendable () -> Int
  private let state: Mutex<State>

  init(_ range: ClosedRange<Int>, longestSeconds: Double, concurrency: @escaping @Sendable () -> Int = { 1 }) {
    sizes = Self.rungs(range)
    bounds = range
    self.longestSeconds = longestSeconds
    self.concurrency = concurrency
    let first = Self.firstSize / min(concurrency(), 2)
    state = Mutex(State(first: Self.rung(of: first, in: sizes), mostRung: sizes.count - 1))
  }

  private static func rungs(_ range: ClosedRange<Int>) -> [Int] {
    var sizes = [range.lowerBound]
    var decade = 1
    while decade < range.upperBound {
      sizes += steps.map { $0 * decade / 10 }.filter { sizes[0] < $0 && $0 < range.upperBound }
      decade *= 10
    }
    if range.count > 1 { sizes.append(range.upperBound) }
    return Array(Set(sizes)).sorted()
  }

  private static func rung(of size: Int, in sizes: [Int]) -> Int { sizes.lastIndex { $0 <= size } ?? 0 }

  /// Nothing was sent yet, and the server is known for one that likes large batches.
  func beginLarge() {
    state.withLock { state in
      state.times = BatchTimes(expected: BatchTimes.largeBatches)
      state.first = Self.rung(of: Self.firstSizeOfLargeBatches, in: sizes)
    }
  }

  /// Nothing was sent yet, and another command found this a short while ago.
  func begin(at found: Found) {
    state.withLock { state in
      state.times = BatchTimes(expected: found.curve, isSameServer: true)
      state.first = Self.rung(of: found.size, in: sizes)
    }
  }

  /// What was found, for the next command; `nil` before the first answer.
  var found: Found? {
    state.withLock { state in
      guard state.among > 0 else { return nil }
      return Found(curve: state.times.likely(among: state.among), size: sizes[best(state, concurrency())])
    }
  }

  /// How many values the next batch should hold.
  var size: Int {
    state.withLock { state in
      let among = concurrency()
      if let chosen = state.chosen, chosen.among == among { return sizes[chosen.rung] }
      let rung = state.among == 0 ? min(state.first, state.mostRung) : best(state, among, look: state.look)
      state.chosen = (rung, among)
      return sizes[rung]
    }
  }

  /// How long the last request took; `nil` before the first was answered.
  var lastSeconds: Double? { state.withLock { $0.lastSeconds } }

  /// What was learnt: values per second by size, of the sizes that were used.
  var learnt: JSONValue {
    state.withLock { state in
      let used = state.used.sorted().map { sizes[$0] }
      let expected = state.times.expectations(of: used, bounds: bounds, among: state.among)
      return .object(
        zip(used, expected).map { size, expected in
          .init(String(size), .int(Int((Double(size) / expected.seconds).rounded())))
        })
    }
  }

  /// A batch was answered.
  ///
  /// - Parameters:
  ///   - size: the size that was asked for when the batch was filled.
  ///   - values: how many it held; where bytes or the end of the input cut it short it is less.
  ///   - among: how many requests were under way meanwhile.
  func record(size: Int, values: Int, seconds: Double, among: Int = 1) {
    state.withLock { state in
      state.lastSeconds = seconds
      guard seconds > 0, values > 0 else { return }
      if 4 * values >= 3 * size, let rung = sizes.firstIndex(of: size) { state.used.insert(rung) }
      state.times.learn(values: values, seconds: seconds, among: among)
      state.among = among
      state.look = state.lookAround.direction()
      state.chosen = nil
    }
  }

  /// - Parameter look: 1 for a larger batch than what seems best, -1 for a smaller one.
  private func best(_ state: State, _ among: Int, look: Int = 0) -> Int {
    let expected = state.times.expectations(of: sizes, bounds: bounds, among: among)
    let longest = max(longestSeconds, Self.quicker * expected[0].seconds)
    let allowed = 0...min(state.mostRung, expected.lastIndex { $0.seconds <= longest } ?? 0)
    let best = allowed.min { expected[$0].loss < expected[$1].loss } ?? 0
    return min(max(best + Self.reach * look, 0), allowed.upperBound)
  }

  /// The time that a value takes in batches of so many, as a multiple of what it takes in batches of the best size.
  func loss(values: Int, among: Int) -> Double {
    state.withLock { $0.times.expectations(of: [values], bounds: bounds, among: among)[0].loss }
  }

  /// A request was too large, or took longer than a proxy waits: half of it next, and nothing so large again.
  func tooMuch(_ values: Int) {
    state.withLock { state in
      state.mostRung = min(state.mostRung, Self.rung(of: values / 2, in: sizes))
      state.chosen = nil
    }
  }
}
