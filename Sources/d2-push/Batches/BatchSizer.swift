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
    /// The first batch is larger, up to this, where it then is all of the input.
    var mostOfFirst = 0
    /// Whether another command has found where to begin.
    var isKnown = false
    /// Whether the next batch is larger or smaller than what seems best.
    var look = 0
    /// How many requests were under way at the last one; 0 before the first.
    var among = 0
    /// The rung of the next batch, and how many requests may be under way then; `nil` when more is known than before.
    var chosen: (rung: Int, among: Int)?
    var lookAround = LookAround(firstPause: 2, longestPause: BatchSizer.longestPause)
    /// The rungs that were used.
    var used: Set<Int> = []
    var lastSeconds: Double?
  }

  /// Where the search begins; with half of it where several requests share the server.
  private static let firstSize = 1000
  /// Up to 2.42 small batches are much slower than large ones. But the first request is cold, and takes eight times as
  /// long as others: it is a small one, by which the server becomes warm, and a large one follows at once. If all of
  /// the input is little more, it is one request.
  private static let firstSizeOfLargeBatches = 500
  private static let mostOfFirst = 5000
  /// Round numbers, so far from each other that the best size is never far from one of them.
  private static let steps = [10, 15, 20, 30, 50, 70]
  /// A look goes two rungs up or down: about the half and twice the size.
  private static let reach = 2
  /// Where even the smallest take too long, what takes so many times as long is not worse.
  private static let quicker = 1.5
  /// Up to so many batches of the best size are divided evenly at the end of the input: a small batch that remains
  /// costs as much as a request of its own. None becomes larger than the best size by more than a half.
  private static let evenBatches = 3
  /// While less than that is left, the end of the input may be near: it pays to wait for it by this share of what a
  /// request takes, and never longer than this.
  private static let patience = 0.05
  private static let mostPatienceSeconds = 0.25
  /// Before it is known how long requests take.
  private static let usualPatienceSeconds = 0.05
  /// Where the size is known, looks beside it are seldom from the beginning.
  private static let firstPauseOfKnown = 6
  private static let longestPause = 12

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
      // Among several one is cold, and the others are not to wait for more.
      let first = concurrency() == 1 ? Self.firstSizeOfLargeBatches : Self.mostOfFirst
      state.first = Self.rung(of: first, in: sizes)
      state.mostOfFirst = Self.mostOfFirst
      state.chosen = nil
    }
  }

  /// Nothing was sent yet, and another command found this a short while ago.
  func begin(at found: Found) {
    state.withLock { state in
      state.times = BatchTimes(expected: found.curve, isSameServer: true)
      state.first = Self.rung(of: found.size, in: sizes)
      state.isKnown = true
      state.chosen = nil
      state.lookAround = LookAround(firstPause: Self.firstPauseOfKnown, longestPause: Self.longestPause)
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

  /// How many values the next batch should hold where no more than so many are left.
  func size(ofLast left: Int) -> Int {
    let usual = size
    return state.withLock { state in
      let among = concurrency()
      guard among == 1, state.among > 0 || state.isKnown else {
        return left <= state.mostOfFirst && bounds.contains(left) ? left : usual
      }
      let wanted = state.among > 0 ? sizes[best(state, among)] : usual
      guard left < Self.evenBatches * wanted else { return usual }
      let least = max(1, left / wanted)
      let shares = [least, least + 1].map { (left + $0 - 1) / $0 }
        .filter { 2 * $0 <= 3 * wanted && $0 <= sizes[state.mostRung] && bounds.contains($0) }
      let expected = state.times.expectations(of: shares, bounds: bounds, among: among)
      return shares.indices.min { expected[$0].loss < expected[$1].loss }.map { shares[$0] } ?? usual
    }
  }

  /// How long to wait for more input, or its end, where so many values have come; 0 where it does not pay.
  func patienceSeconds(for values: Int) -> Double {
    let size = size
    return state.withLock { state in
      let isFirst = state.among == 0
      let most = isFirst && !state.isKnown ? state.mostOfFirst : size * 3 / 2
      guard bounds.count > 1, size <= values, values < most, concurrency() == 1 else { return 0 }
      if isFirst { return Self.usualPatienceSeconds }
      let expected = state.times.expectations(of: [size], bounds: bounds, among: state.among)[0]
      return min(Self.patience * expected.seconds, Self.mostPatienceSeconds)
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
