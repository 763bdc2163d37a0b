import Glibc

/// Finds out which of several curves the times of requests follow, whatever the server's speed is at the moment.
///
/// Times of real servers are noisy (docs/dhis2-servers.md, trap 31): one request in twenty takes five to eight times as
/// long as its neighbours, and all become slower and faster over minutes. So each curve has a scale that follows the
/// times, and a time far from what was expected says little about the curves. By chance a request is slow, but never
/// fast: a time far below what was expected moves the scale at once.
package struct CurveFit: Sendable {
  /// What is known of one curve.
  package struct Candidate: Sendable {
    /// Its place among the curves.
    package let curve: Int
    package let probability: Double
    /// The logarithm of the factor between what the curve tells and seconds.
    package let scale: Double
  }

  private struct Scales {
    var logarithms: [Double]
    var samples = 1
  }

  /// How far times of equal requests are from each other, as logarithms.
  private static let spread = 0.15
  /// A time so many spreads below what was expected was not expected rightly.
  private static let farBelow = 3.0
  /// What a time says is forgotten slowly, since the server changes: half of it within 70 requests.
  private static let memory = 0.99
  /// How much of a deviation the scale follows at least.
  private static let leastGain = 0.15
  private static let leastProbability = 1e-4
  /// How much of what is known among fewer requests holds among more.
  private static let carriedOver = 0.5

  /// The logarithm of each curve's probability before any request.
  private let prior: [Double]
  /// What requests told of the curves: of those that were alone, and of those that had others beside them.
  private var alone: [Double]?
  private var beside: [Double]?
  /// By the number of requests under way.
  private var scales: [Int: Scales] = [:]

  /// - Parameter prior: the logarithm of each curve's probability before any request; a common summand does not matter.
  package init(prior: [Double]) {
    self.prior = prior
  }

  /// A request was answered.
  ///
  /// - Parameters:
  ///   - told: the logarithm of what each curve tells about this request, scale apart.
  ///   - among: how many requests were under way meanwhile: each number of them has a scale of its own, since they make
  ///     each other slower.
  package mutating func learn(seconds: Double, told: [Double], among: Int = 1) {
    let time = log(seconds)
    guard var scale = scales[among] else {
      scales[among] = Scales(logarithms: told.map { time - $0 })
      return
    }
    scale.samples += 1
    let gain = max(1 / Double(scale.samples), Self.leastGain)
    var evidence = evidence(among)
    for curve in told.indices {
      let deviation = time - told[curve] - scale.logarithms[curve]
      // That of a Cauchy distribution: its long tails leave little weight to what is far off.
      evidence[curve] = evidence[curve] * Self.memory - log1p(deviation * deviation / (Self.spread * Self.spread))
      scale.logarithms[curve] +=
        deviation < -Self.farBelow * Self.spread ? deviation : gain * min(deviation, 2 * Self.spread)
    }
    scales[among] = scale
    if among == 1 { alone = evidence } else { beside = evidence }
  }

  /// What is known of requests alone holds for several at first; not the other way round, since several may hinder each
  /// other in ways of their own.
  private func evidence(_ among: Int) -> [Double] {
    if let known = among == 1 ? alone : beside { return known }
    return among == 1 ? prior.map { _ in 0 } : alone.map { $0.map { $0 * Self.carriedOver } } ?? prior.map { _ in 0 }
  }

  /// The curves that may be right; their probabilities are 1 together.
  ///
  /// - Parameter among: how many requests will be under way; the scales are those of the nearest number that was seen.
  package func candidates(among: Int = 1) -> [Candidate] {
    let logarithms = zip(prior, evidence(among)).map { $0 + $1 }
    let most = logarithms.max() ?? 0
    let weights = logarithms.map { exp($0 - most) }
    let least = Self.leastProbability * weights.reduce(0, +)
    let sum = weights.reduce(0) { $1 < least ? $0 : $0 + $1 }
    let scales = scales.min { abs($0.key - among) < abs($1.key - among) }?.value.logarithms
    return weights.indices.compactMap { curve in
      weights[curve] < least
        ? nil : Candidate(curve: curve, probability: weights[curve] / sum, scale: scales?[curve] ?? 0)
    }
  }
}
