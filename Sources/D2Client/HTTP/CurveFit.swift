import Glibc

/// Finds out which of several curves the times of requests follow, whatever the server's speed is at the moment.
///
/// Times of real servers are noisy (docs/dhis2-servers.md, trap 31). One request in twenty takes five to eight times as
/// long as its neighbours, and all become slower and faster over minutes. So each curve has a scale that follows the
/// times, and a time far from the expected one says little about the curves. A request is slow by chance, but never
/// fast: a time far below the expected one moves the scale at once.
package struct CurveFit: Sendable {
  /// What is known of one curve.
  package struct Candidate: Sendable {
    /// Its place among the curves.
    package let curve: Int
    package let probability: Double
    /// The logarithm of the factor between what the curve tells and seconds.
    package let scale: Double
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

  /// The logarithm of each curve's probability before any request.
  private let prior: [Double]
  /// What requests told of the curves.
  private var evidence: [Double]
  private var scales: [Double] = []
  private var samples = 0

  /// - Parameter prior: the logarithm of each curve's probability before any request; a common summand does not matter.
  package init(prior: [Double]) {
    self.prior = prior
    evidence = prior.map { _ in 0 }
  }

  /// A request was answered.
  ///
  /// - Parameter told: the logarithm of what each curve tells about this request, scale apart.
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
      // That of a Cauchy distribution: its long tails leave little weight to what is far off.
      evidence[curve] = evidence[curve] * Self.memory - log1p(deviation * deviation / (Self.spread * Self.spread))
      scales[curve] += deviation < -Self.farBelow * Self.spread ? deviation : gain * min(deviation, 2 * Self.spread)
    }
  }

  /// The curves that may be right; their probabilities are 1 together.
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
