import D2Client
import D2Common
import Synchronization

/// Finds the batch size at which a server takes the most values a second.
///
/// Servers differ in sign: 2.42 takes 20,000 values at six times the rate of 1,000, 2.43 takes 1,000 at three times the
/// rate of 50,000 (docs/dhis2-servers.md, "What it costs"). And their times are noisy, so that no size is judged by its
/// own times: all requests together tell what each size takes (`BatchTimes`). The size is the one with the least
/// expected loss; now and then a request is half or twice as large, since equal sizes say nothing about others. If the
/// number of requests at a time is sought too, the same times tell how many are best (`losses`).
///
/// The limit may ask while it holds its lock. So nothing here asks the limit inside a lock.
final class BatchSizer: Sendable {
  /// What one command hands on to the next.
  struct Found: Sendable {
    let curve: BatchTimes.Curve
    let size: Int
  }

  private struct State: Sendable {
    var times: BatchTimes
    /// Of a value, on an average; 0 before the first answer.
    var bytesOfValue = 0
    /// The rung of the first batch, and of those that follow while the limit is rising.
    var first: Int
    var rising: Int
    var mostRung: Int
    /// The first batch is larger, up to this, if it then is all of the input.
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
  /// long as others. So it is a small one, which warms the server up, and a large one follows at once. If all of the
  /// input is little more, it is one request.
  private static let firstSizeOfLargeBatches = 500
  private static let mostOfFirst = 5000
  /// While the limit is rising, batches have one size, so that their times tell of the limit alone. To servers that
  /// like large ones they are large enough to need a core.
  private static let risingSizeOfLargeBatches = 7000
  /// Round numbers, so far from each other that the best size is never far from one of them.
  private static let steps = [10, 15, 20, 30, 50, 70]
  /// A look goes two rungs up or down: about the half and twice the size.
  private static let reach = 2
  /// Where even the smallest take too long, what takes so many times as long is not worse.
  private static let quicker = 1.5
  /// Up to this many batches of the best size are divided evenly at the end of the input. A small batch that remains
  /// would cost as much as a request of its own. No batch becomes larger than the best size by more than a half.
  private static let evenBatches = 3
  /// While less than that is left, the end of the input may be near. It pays to wait for it by this share of what a
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
  private let limit: ConcurrencyLimit
  /// How many bytes a batch may hold while so many requests may be under way.
  private let mostBytes: @Sendable (Int) -> Int
  private let state: Mutex<State>

  init(
    _ range: ClosedRange<Int>, longestSeconds: Double, limit: ConcurrencyLimit = ConcurrencyLimit(fixed: 1),
    mostBytes: @escaping @Sendable (Int) -> Int = { _ in .max }
  ) {
    self.limit = limit
    self.mostBytes = mostBytes
    sizes = Self.rungs(range)
    bounds = range
    self.longestSeconds = longestSeconds
    let first = Self.rung(of: Self.firstSize / min(limit.current, 2), in: sizes)
    state = Mutex(
      State(
        times: BatchTimes(expected: BatchTimes.smallBatches, capacities: Self.capacities(limit)),
        first: first, rising: first, mostRung: sizes.count - 1))
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

  /// If the number of requests at a time is fixed, the curves say all.
  private static func capacities(_ limit: ConcurrencyLimit, best: Int? = nil) -> [(ServerCapacity, Double)] {
    guard limit.isFound else { return [(ServerCapacity.unlimited, 0)] }
    return Array(zip(ServerCapacity.suppositions, ServerCapacity.prior(expected: best)))
  }

  /// Nothing was sent yet, and the server is known for one that likes large batches.
  func beginLarge() {
    let times = BatchTimes(expected: BatchTimes.largeBatches, capacities: Self.capacities(limit))
    state.withLock { state in
      state.times = times
      state.first = Self.rung(of: Self.firstSizeOfLargeBatches, in: sizes)
      state.rising = Self.rung(of: Self.risingSizeOfLargeBatches, in: sizes)
      state.mostOfFirst = Self.mostOfFirst
      state.chosen = nil
    }
  }

  /// Nothing was sent yet, and another command found this a short while ago.
  ///
  /// - Parameter concurrency: so many requests at a time were best.
  func begin(at found: Found, concurrency: Int? = nil) {
    let times = BatchTimes(
      expected: found.curve, isSameServer: true, capacities: Self.capacities(limit, best: concurrency))
    state.withLock { state in
      state.times = times
      state.first = Self.rung(of: found.size, in: sizes)
      state.isKnown = true
      state.chosen = nil
      state.lookAround = LookAround(firstPause: Self.firstPauseOfKnown, longestPause: Self.longestPause)
    }
  }

  /// What was found, for the next command; `nil` before the first answer.
  var found: Found? {
    let among = limit.current
    return state.withLock { state in
      guard state.among > 0 else { return nil }
      return Found(curve: state.times.likely, size: sizes[best(state, among)])
    }
  }

  /// How many values the next batch should hold.
  var size: Int {
    let (among, isRising) = (limit.current, limit.isRising)
    return state.withLock { state in
      if state.among == 0 { return sizes[min(state.first, state.mostRung)] }
      if isRising { return sizes[quickEnough(state, state.rising, among)] }
      if let chosen = state.chosen, chosen.among == among { return sizes[chosen.rung] }
      let rung = best(state, among, look: state.look)
      state.chosen = (rung, among)
      return sizes[rung]
    }
  }

  /// How many values the next batch should hold if no more than so many are left.
  func size(ofLast left: Int) -> Int {
    let usual = size
    let among = limit.current
    return state.withLock { state in
      guard among == 1, state.among > 0 || state.isKnown else {
        return left <= state.mostOfFirst && bounds.contains(left) ? left : usual
      }
      let wanted = state.among > 0 ? sizes[best(state, among)] : usual
      guard left < Self.evenBatches * wanted else { return usual }
      let least = max(1, left / wanted)
      let shares = [least, least + 1].map { (left + $0 - 1) / $0 }
        .filter { 2 * $0 <= 3 * wanted && $0 <= sizes[state.mostRung] && bounds.contains($0) }
      let losses = state.times.losses(of: shares, bounds: bounds, among: among)
      return shares.indices.min { losses[$0] < losses[$1] }.map { shares[$0] } ?? usual
    }
  }

  /// How long to wait for more input, or its end, if so many values have come; 0 if it does not pay.
  func patienceSeconds(for values: Int) -> Double {
    let size = size
    guard limit.current == 1 else { return 0 }
    return state.withLock { state in
      let isFirst = state.among == 0
      let most = isFirst && !state.isKnown ? state.mostOfFirst : size * 3 / 2
      guard bounds.count > 1, size <= values, values < most else { return 0 }
      if isFirst { return Self.usualPatienceSeconds }
      let seconds = state.times.seconds(size, among: state.among)
      return min(Self.patience * seconds, Self.mostPatienceSeconds)
    }
  }

  /// How long the last request took; `nil` before the first was answered.
  var lastSeconds: Double? { state.withLock { $0.lastSeconds } }

  /// What was learnt: values per second by size, of the sizes that were used.
  var learnt: JSONValue {
    state.withLock { state in
      let used = state.used.sorted().map { sizes[$0] }
      return .object(
        used.map { size in
          let seconds = state.times.seconds(size, among: state.among)
          return .init(String(size), .int(Int((Double(size) / seconds).rounded())))
        })
    }
  }

  /// A batch was answered.
  ///
  /// - Parameters:
  ///   - size: the size that was asked for when the batch was filled.
  ///   - values: how many it held; if bytes or the end of the input cut it short it is less.
  ///   - bytes: what they take together.
  ///   - among: how many requests were under way meanwhile.
  func record(size: Int, values: Int, bytes: Int = 0, seconds: Double, among: Double = 1) {
    state.withLock { state in
      state.lastSeconds = seconds
      guard seconds > 0, values > 0 else { return }
      if 4 * values >= 3 * size, let rung = sizes.firstIndex(of: size) { state.used.insert(rung) }
      state.times.learn(values: values, seconds: seconds, among: among)
      state.among = max(1, Int(among.rounded()))
      let bytesOfValue = bytes / values
      state.bytesOfValue = state.bytesOfValue == 0 ? bytesOfValue : (3 * state.bytesOfValue + bytesOfValue) / 4
      state.look = state.lookAround.direction()
      state.chosen = nil
    }
  }

  /// - Parameter look: 1 for a larger batch than what seems best, -1 for a smaller one.
  private func best(_ state: State, _ among: Int, look: Int = 0) -> Int {
    let bounds = bounds(state, among)
    // Of the sizes that cannot be reached the smallest is as good as any: what it may hold ends it.
    let losses = state.times.losses(
      of: sizes.map { min($0, bounds.upperBound) }, bounds: bounds, among: among)
    let best = losses[...state.mostRung].indices.min { losses[$0] < losses[$1] } ?? 0
    return quickEnough(state, best + Self.reach * look, among)
  }

  /// The nearest rung that exists and does not take too long.
  private func quickEnough(_ state: State, _ wanted: Int, _ among: Int) -> Int {
    let longest = max(longestSeconds, Self.quicker * state.times.seconds(sizes[0], among: among))
    var rung = min(max(wanted, 0), state.mostRung)
    while rung > 0, state.times.seconds(sizes[rung], among: among) > longest { rung -= 1 }
    return rung
  }

  /// What a batch may hold while so many requests may be under way.
  private func bounds(_ state: State, _ among: Int) -> ClosedRange<Int> {
    guard state.bytesOfValue > 0 else { return bounds }
    return bounds.clamped(to: 1...max(bounds.lowerBound, mostBytes(among) / state.bytesOfValue))
  }

  private func setting(_ state: State, _ among: Int) -> BatchTimes.Setting {
    let bounds = bounds(state, among)
    return .init(among: among, size: min(sizes[best(state, among)], bounds.upperBound), bounds: bounds)
  }

  /// What is lost of what the server could do with so many requests at a time, each with the size that is best then.
  func losses(of levels: [Int]) -> [Double] {
    state.withLock { state in
      state.times.losses(of: levels.map { setting(state, $0) })
    }
  }

  /// A request was too large, or took longer than a proxy waits: half of it next, and nothing so large again.
  func tooMuch(_ values: Int) {
    state.withLock { state in
      state.mostRung = min(state.mostRung, Self.rung(of: values / 2, in: sizes))
      state.chosen = nil
    }
  }
}
