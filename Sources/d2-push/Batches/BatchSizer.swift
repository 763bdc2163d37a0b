import D2Client
import D2Common
import Synchronization

/// Finds the batch size at which a server accepts the most values a second.
///
/// Servers differ in direction. At 2.42, batches of 20,000 values are six times as fast as batches of 1,000. At 2.43,
/// batches of 1,000 are three times as fast as batches of 50,000 (docs/dhis2-servers.md, "What it costs").
///
/// Times are noisy, so d2-push does not judge a size by its own times. The times of all requests together show what
/// each size costs (`BatchTimes`). d2-push uses the size with the smallest expected loss. Now and then a request is
/// half or twice as large, because equal sizes say nothing about others. If the number of concurrent requests is also
/// to be found, the same times show which number is best (`losses`).
///
/// The limit may call this class while it holds its lock. So this class never calls the limit inside a lock.
final class BatchSizer: Sendable {
  /// What one command passes to the next.
  struct Found: Sendable {
    let curve: BatchTimes.Curve
    let size: Int
  }

  private struct State: Sendable {
    var times: BatchTimes
    /// The average bytes of a value; 0 before the first answer.
    var bytesOfValue = 0
    /// The rung of the first batch, and the rung of the batches while the limit is rising.
    var first: Int
    var rising: Int
    var mostRung: Int
    /// The first batch may be larger, up to this many values, if it then is all of the input.
    var mostOfFirst = 0
    /// Whether an earlier command has found where to begin.
    var isKnown = false
    /// Whether the next batch is larger (1) or smaller (-1) than the size that seems best.
    var look = 0
    /// How many requests were in flight at the last one; 0 before the first.
    var among = 0
    /// The rung of the next batch, and the limit of concurrent requests that it was chosen for; `nil` after new
    /// measurements.
    var chosen: (rung: Int, among: Int)?
    var lookAround = LookAround(firstPause: 2, longestPause: BatchSizer.longestPause)
    /// The rungs that were used.
    var used: Set<Int> = []
    var lastSeconds: Double?
  }

  /// The size at which the search begins. If several requests share the server, it begins with half of it.
  private static let firstSize = 1000
  /// Up to 2.42, small batches are much slower than large ones. But the first request is cold, and takes eight times as
  /// long as others. So the first batch is small, which warms up the server, and a large one follows at once. If the
  /// whole input is not much larger, it is one request.
  private static let firstSizeOfLargeBatches = 500
  private static let mostOfFirst = 5000
  /// While the limit is rising, all batches have one size, so that their times depend on the limit only. For servers
  /// that like large batches, this size is large enough to keep a core busy.
  private static let risingSizeOfLargeBatches = 7000
  /// Round numbers, close enough that the best size is always near one of them.
  private static let steps = [10, 15, 20, 30, 50, 70]
  /// A look goes two rungs up or down, to about half or twice the size.
  private static let reach = 2
  /// If even the smallest size takes too long, sizes that take up to this many times as long are acceptable too.
  private static let quicker = 1.5
  /// At the end of the input, divide up to this many batches of the best size evenly. A small remainder would cost as
  /// much as a full request. No batch becomes larger than the best size by more than half.
  private static let evenBatches = 3
  /// If less than this is left, the end of the input may be near. It pays to wait for it for this share of a request's
  /// time, but never longer than this maximum.
  private static let patience = 0.05
  private static let mostPatienceSeconds = 0.25
  /// The wait while the time of a request is unknown.
  private static let usualPatienceSeconds = 0.05
  /// If the size is known, looks at other sizes are rare from the beginning.
  private static let firstPauseOfKnown = 6
  private static let longestPause = 12

  private let sizes: [Int]
  private let bounds: ClosedRange<Int>
  private let longestSeconds: Double
  /// The limit of concurrent requests.
  private let limit: ConcurrencyLimit
  /// How many bytes a batch may hold, by the number of concurrent requests.
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

  /// If the number of concurrent requests is fixed, the curves alone describe the server.
  private static func capacities(_ limit: ConcurrencyLimit, best: Int? = nil) -> [(ServerCapacity, Double)] {
    guard limit.isFound else { return [(ServerCapacity.unlimited, 0)] }
    return Array(zip(ServerCapacity.suppositions, ServerCapacity.prior(expected: best)))
  }

  /// Begins with what is known about the server. Nothing was sent yet.
  ///
  /// - Parameter concurrency: the number of concurrent requests that is probably best; `nil` if that is unknown.
  func begin(likesLargeBatches: Bool, concurrency: Int? = nil) {
    let expected = likesLargeBatches ? BatchTimes.largeBatches : BatchTimes.smallBatches
    let times = BatchTimes(expected: expected, capacities: Self.capacities(limit, best: concurrency))
    state.withLock { state in
      state.times = times
      guard likesLargeBatches else { return }
      state.first = Self.rung(of: Self.firstSizeOfLargeBatches, in: sizes)
      state.rising = Self.rung(of: Self.risingSizeOfLargeBatches, in: sizes)
      state.mostOfFirst = Self.mostOfFirst
    }
  }

  /// Begins with what an earlier command found a short while ago. Nothing was sent yet.
  ///
  /// - Parameter concurrency: the best number of concurrent requests.
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

  /// How many values the next batch should hold if at most `left` values remain.
  func size(ofLast left: Int) -> Int {
    let usual = size
    let among = limit.current
    return state.withLock { (state) -> Int in
      guard among == 1, state.among > 0 || state.isKnown else {
        return left <= state.mostOfFirst && bounds.contains(left) ? left : usual
      }
      let wanted = state.among > 0 ? sizes[best(state, among)] : usual
      guard left < Self.evenBatches * wanted else { return usual }
      let least = max(1, left / wanted)
      let most = min(3 * wanted / 2, sizes[state.mostRung])
      let shares = [least, least + 1].map { (left + $0 - 1) / $0 }.filter { $0 <= most && bounds.contains($0) }
      let losses = state.times.losses(of: shares, bounds: bounds, among: among)
      return shares.indices.min { losses[$0] < losses[$1] }.map { shares[$0] } ?? usual
    }
  }

  /// Seconds to wait for more input, or its end, if this many values have come; 0 if it does not pay.
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

  /// How many seconds the last request took; `nil` before the first answer.
  var lastSeconds: Double? { state.withLock { $0.lastSeconds } }

  /// What was learnt: values per second by size, for the sizes that were used.
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

  /// Records the answer to a batch.
  ///
  /// - Parameters:
  ///   - size: the size that was aimed for when the batch was filled.
  ///   - values: how many it held. This is less if the byte limit or the end of the input cut it short.
  ///   - bytes: the bytes of all values.
  ///   - among: the average number of requests in flight meanwhile.
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

  /// - Parameter look: 1 for a larger batch than the one that seems best, -1 for a smaller one.
  private func best(_ state: State, _ among: Int, look: Int = 0) -> Int {
    let bounds = bounds(state, among)
    // Among the sizes above the byte limit, the smallest is as good as any, because the limit ends the batch.
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

  /// How many values a batch may hold, with this many concurrent requests.
  private func bounds(_ state: State, _ among: Int) -> ClosedRange<Int> {
    guard state.bytesOfValue > 0 else { return bounds }
    return bounds.clamped(to: 1...max(bounds.lowerBound, mostBytes(among) / state.bytesOfValue))
  }

  private func setting(_ state: State, _ among: Int) -> BatchTimes.Setting {
    let bounds = bounds(state, among)
    return .init(among: among, size: min(sizes[best(state, among)], bounds.upperBound), bounds: bounds)
  }

  /// The loss at each number of concurrent requests, compared with the best the server could do. Each number uses the
  /// size that is best for it.
  func losses(of levels: [Int]) -> [Double] {
    state.withLock { state in
      state.times.losses(of: levels.map { setting(state, $0) })
    }
  }

  /// Halves the next batch, and never again uses one as large: a request was too large, or took longer than a proxy
  /// waits.
  func tooMuch(_ values: Int) {
    state.withLock { state in
      state.mostRung = min(state.mostRung, Self.rung(of: values / 2, in: sizes))
      state.chosen = nil
    }
  }
}
