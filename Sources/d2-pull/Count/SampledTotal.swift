import Glibc

/// Estimates how many values all units have, from those of a random sample.
struct SampledTotal: Equatable {
  let expected: Double
  /// The 95 % confidence interval, approximately.
  let low: Double
  /// `nil` if too few of the sampled units have values.
  let high: Double?

  /// Two-sided, for 95 %.
  private static let z = 1.96
}

extension SampledTotal {
  /// It estimates two things separately: how many of the units have any values, and how many values those have.
  ///
  /// - Parameters:
  ///   - counts: the values of each sampled unit.
  ///   - units: how many units there are.
  init(_ counts: [Int], of units: Int) {
    let seen = Double(counts.reduce(0, +))
    let holding = counts.filter { $0 > 0 }.map(Double.init)
    let n = Double(counts.count)
    let all = Double(units)
    guard counts.count < units else {
      self.init(expected: seen, low: seen, high: seen)
      return
    }
    guard n > 0, !holding.isEmpty else {
      self.init(expected: 0, low: 0, high: nil)
      return
    }
    let k = Double(holding.count)
    let expected = all * seen / n
    let share = Self.share(k, of: n, among: all)
    // The sampled units are known exactly; only the others are uncertain.
    let unseen = (1 - n / all).squareRoot()
    let mean = seen / k
    guard holding.count >= 3 else {
      self.init(expected: expected, low: max(seen, all * share.low * mean / 5), high: nil)
      return
    }
    let deviation = (holding.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (k - 1)).squareRoot()
    let half = Self.studentT(k - 1) * deviation / k.squareRoot() * unseen
    let low = min(expected, max(seen, all * share.low * max(mean - half, mean / 5)))
    // The sample may miss a kind of unit with a share of up to three in k (the rule of three). This assumes that such
    // units have twice as many values as the others.
    let unpicked = 1 + 3 / k * unseen
    let high = max(expected, all * share.high * unpicked * max(mean + half, Self.skewedUpper(holding, mean, unseen)))
    self.init(expected: expected, low: low, high: high)
  }

  /// Adds the bounds, not their squares: if one estimate is too low, the other may be too low as well.
  static func + (left: SampledTotal, right: SampledTotal) -> SampledTotal {
    SampledTotal(
      expected: left.expected + right.expected, low: left.low + right.low,
      high: left.high.flatMap { high in right.high.map { high + $0 } })
  }

  /// Wilson's interval of a share.
  private static func share(_ k: Double, of n: Double, among all: Double) -> (low: Double, high: Double) {
    let size = n * max(all - 1, 1) / max(all - n, 1)
    let p = k / n
    let square = z * z / size
    let middle = (p + square / 2) / (1 + square)
    let half = z / (1 + square) * (p * (1 - p) / size + square / (4 * size)).squareRoot()
    return (max(0, middle - half), min(1, middle + half))
  }

  /// The upper bound of a lognormal mean (Cox), within limits. It allows for few units with many values, which a small
  /// sample usually misses.
  private static func skewedUpper(_ values: [Double], _ mean: Double, _ unseen: Double) -> Double {
    let k = Double(values.count)
    let logs = values.map { log($0) }
    let middle = logs.reduce(0, +) / k
    let variance = logs.reduce(0) { $0 + ($1 - middle) * ($1 - middle) } / (k - 1)
    let error = (variance / k + variance * variance / (2 * (k - 1))).squareRoot()
    return min(exp(middle + variance / 2 + studentT(k - 1) * error * unseen), 4 * mean)
  }

  /// The quantile of Student's distribution (Cornish and Fisher's expansion).
  private static func studentT(_ freedom: Double) -> Double {
    z + 2.372 / freedom + 2.822 / (freedom * freedom)
  }
}
