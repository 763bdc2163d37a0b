import D2Client
import Glibc

/// What requests to a server take by how many values they hold, learnt from all that were answered.
///
/// A request costs something by itself, something for each value, and something for each pair of its values:
/// `seconds = scale · (fixed + n + n² / growth)`. Up to 2.42 the first part is large, from 2.43 on the last one
/// (docs/dhis2-servers.md, "What it costs"). Which of many such curves a server follows is found by `CurveFit`.
struct BatchTimes: Sendable {
  /// Times in units of what one value costs.
  struct Curve: Sendable {
    /// The cost of a request without values.
    let fixed: Double
    /// The size at which the growing part costs as much as the values themselves.
    let growth: Double

    func time(_ values: Double) -> Double { fixed + values + values * values / growth }
    func timeOfValue(_ values: Double) -> Double { time(values) / values }

    /// The time of a value in batches of the best size within the bounds.
    func leastTimeOfValue(_ bounds: ClosedRange<Double>) -> Double {
      timeOfValue(min(max((fixed * growth).squareRoot(), bounds.lowerBound), bounds.upperBound))
    }
  }

  /// Like 2.43.1 on two cores, where 500 to 2,000 values a request are best.
  static let smallBatches = Curve(fixed: 80, growth: 20_000)
  /// Like 2.42.5.2 on two cores, where 20,000 values and more are best.
  static let largeBatches = Curve(fixed: 5000, growth: 100_000)

  private static let curves: [Curve] = (3...17).flatMap { fixed in
    (8...23).map { growth in Curve(fixed: Double(1 << fixed), growth: Double(1 << growth)) }
  }
  /// How far servers are from those that were measured, as the logarithm of each parameter.
  private static let spread = 1.5
  /// How far a server is from what it was for the command before.
  private static let spreadOfSameServer = 0.7

  private var fit: CurveFit

  /// - Parameters:
  ///   - expected: what the server is like.
  ///   - isSameServer: that was found by another command, and not by the version.
  init(expected: Curve, isSameServer: Bool = false) {
    let spread = isSameServer ? Self.spreadOfSameServer : Self.spread
    fit = CurveFit(
      prior: Self.curves.map { curve in
        let (fixed, growth) = (log(curve.fixed / expected.fixed), log(curve.growth / expected.growth))
        return -(fixed * fixed + growth * growth) / (2 * spread * spread)
      })
  }

  /// A request was answered.
  ///
  /// - Parameter among: how many were under way meanwhile, which makes each slower, and no size worse.
  mutating func learn(values: Int, seconds: Double, among: Int) {
    fit.learn(seconds: seconds, told: Self.curves.map { log($0.time(Double(values))) }, among: among)
  }

  /// The curve in the middle of those that may be right.
  func likely(among: Int) -> Curve {
    var (fixed, growth) = (0.0, 0.0)
    for candidate in fit.candidates(among: among) {
      fixed += candidate.probability * log(Self.curves[candidate.curve].fixed)
      growth += candidate.probability * log(Self.curves[candidate.curve].growth)
    }
    return Curve(fixed: exp(fixed), growth: exp(growth))
  }

  /// What is to be expected of batches of some sizes, in the order of the sizes.
  struct Expectation {
    fileprivate var logarithm: Double = 0
    /// The time of a value as a multiple of what it is in batches of the best size.
    fileprivate(set) var loss: Double = 0
    /// What a request takes: the middle of what the curves tell, whose ends may be far off.
    var seconds: Double { exp(logarithm) }
  }

  func expectations(of sizes: [Int], bounds: ClosedRange<Int>, among: Int) -> [Expectation] {
    let bounds = Double(bounds.lowerBound)...Double(bounds.upperBound)
    var expected = Array(repeating: Expectation(), count: sizes.count)
    for candidate in fit.candidates(among: among) {
      let curve = Self.curves[candidate.curve]
      let least = curve.leastTimeOfValue(bounds)
      for (place, size) in sizes.enumerated() {
        expected[place].logarithm += candidate.probability * (candidate.scale + log(curve.time(Double(size))))
        expected[place].loss += candidate.probability * curve.timeOfValue(Double(size)) / least
      }
    }
    return expected
  }
}
