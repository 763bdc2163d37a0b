import Glibc

/// Finds which of several curves fits the times of requests, whatever the server's current speed.
///
/// Times of real servers are noisy (docs/dhis2-servers.md, trap 31). One request in twenty takes five to eight times as
/// long as its neighbours, and all become slower and faster over minutes. So each curve has a scale that follows the
/// times, and a time far from the expected one has little weight. A request can be slow by chance, but never fast: a
/// time far below the expected one moves the scale at once.
package struct CurveFit: Sendable {
  /// The evaluation of one curve.
  package struct Candidate: Sendable {
    /// The index of the curve.
    package let curve: Int
    package let probability: Double
    /// The logarithm of the factor from the curve's time to seconds.
    package let scale: Double
  }

  /// How much the times of equal requests differ, as logarithms.
  private static let spread = 0.15
  /// If a time is this many spreads below the expected one, the expectation was wrong.
  private static let farBelow = 3.0
  /// Evidence is forgotten slowly, because the server changes: half of it within 70 requests.
  private static let memory = 0.99
  /// The least share of a deviation that the scale follows.
  private static let leastGain = 0.15
  private static let leastProbability = 1e-4

  /// The logarithm of each curve's probability before any request.
  private let prior: [Double]
  /// The evidence of the requests for each curve.
  private var evidence: [Double]
  private var scales: [Double] = []
  private var samples = 0

  /// - Parameter prior: the logarithm of each curve's probability before any request; a common summand does not matter.
  package init(prior: [Double]) {
    self.prior = prior
    evidence = prior.map { _ in 0 }
  }

  /// Learns from an answered request.
  ///
  /// - Parameter told: the logarithm of each curve's time for this request, without the scale.
  package mutating func learn(seconds: Double, told: [Double]) {
    let time = log(seconds)
    samples += 1
    guard samples > 1 else {
      scales = told.map { time - $0 }
      return
    }
    let gain = max(1 / Double(samples), Self.leastGain)
    for curve in told.indices {
      let deviation = time - told[curve] - scales[curve]
      // A Cauchy distribution: because of its long tails, outliers have little weight.
      evidence[curve] = evidence[curve] * Self.memory - log1p(deviation * deviation / (Self.spread * Self.spread))
      scales[curve] += deviation < -Self.farBelow * Self.spread ? deviation : gain * min(deviation, 2 * Self.spread)
    }
  }

  /// The probable curves; their probabilities add up to 1.
  package var candidates: [Candidate] {
    let logarithms = zip(prior, evidence).map { $0 + $1 }
    let most = logarithms.max() ?? 0
    let weights = logarithms.map { exp($0 - most) }
    let least = Self.leastProbability * weights.reduce(0, +)
    let sum = weights.reduce(0) { $1 < least ? $0 : $0 + $1 }
    return weights.indices.compactMap { curve in
      weights[curve] < least
        ? nil
        : Candidate(
          curve: curve, probability: weights[curve] / sum, scale: scales.isEmpty ? 0 : scales[curve])
    }
  }
}
