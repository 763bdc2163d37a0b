import D2Client
import Glibc

/// Predicts how long a request takes, by its number of values and the number of requests in flight. It learns from all
/// answers.
///
/// A request costs something fixed, something for each value, and something for each pair of its values: `seconds =
/// scale · (fixed + (n + n² / growth) · slowdown)`. Up to 2.42 the first part is large, from 2.43 on the last one
/// (docs/dhis2-servers.md, "What it costs"). The first part is waiting, which other requests do not prolong. The others
/// are work, for which requests share the cores (`ServerCapacity`). `CurveFit` finds which of many suppositions about a
/// server is right.
struct BatchTimes: Sendable {
  /// Times in units of the cost of one value.
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

  private struct Supposition {
    let curve: Curve
    let capacity: ServerCapacity

    /// The time of a request, with this many requests in flight.
    func time(_ values: Double, _ among: Double) -> Double {
      curve.fixed + (values + values * values / curve.growth) * capacity.slowdown(among)
    }

    func rate(_ values: Double, _ among: Double) -> Double { among * values / time(values, among) }

    /// The rate with batches of the best size within the bounds.
    func bestRate(_ bounds: ClosedRange<Double>, _ among: Double) -> Double {
      let best = (curve.fixed * curve.growth / capacity.slowdown(among)).squareRoot()
      return rate(min(max(best, bounds.lowerBound), bounds.upperBound), among)
    }
  }

  private static let curves: [Curve] = (3...17).flatMap { fixed in
    (8...23).map { growth in Curve(fixed: Double(1 << fixed), growth: Double(1 << growth)) }
  }
  /// How far servers differ from the measured ones, as the logarithm of each parameter.
  private static let spread = 1.5
  /// How far a server differs from what the previous command found. It also applies while d2-push searches for two
  /// things at once. Then a longer time than expected is attributed to the number of requests rather than to their
  /// size.
  private static let narrowSpread = 0.7

  /// If the number of requests is found too, curves that are further off are left out: those off by a factor of about
  /// twenty.
  private static let mostImprobability = 10.0

  private let suppositions: [Supposition]
  private var fit: CurveFit
  private var candidates: [CurveFit.Candidate]

  /// - Parameters:
  ///   - expected: what the server is probably like.
  ///   - isSameServer: whether an earlier command measured that. Otherwise it follows from the version.
  ///   - capacities: the suppositions about concurrent requests, each with the logarithm of its probability.
  init(expected: Curve, isSameServer: Bool = false, capacities: [(ServerCapacity, Double)]) {
    let spread = isSameServer || capacities.count > 1 ? Self.narrowSpread : Self.spread
    var prior: [Double] = []
    var suppositions: [Supposition] = []
    for curve in Self.curves {
      let (fixed, growth) = (log(curve.fixed / expected.fixed), log(curve.growth / expected.growth))
      let improbability = (fixed * fixed + growth * growth) / (2 * spread * spread)
      // Each further curve would have to be weighed with all capacities.
      if capacities.count > 1, improbability > Self.mostImprobability { continue }
      for (capacity, weight) in capacities {
        suppositions.append(Supposition(curve: curve, capacity: capacity))
        prior.append(weight - improbability)
      }
    }
    self.suppositions = suppositions
    fit = CurveFit(prior: prior)
    candidates = fit.candidates
  }

  /// Learns from an answered request.
  ///
  /// - Parameter among: the average number of requests in flight meanwhile.
  mutating func learn(values: Int, seconds: Double, among: Double) {
    fit.learn(seconds: seconds, told: suppositions.map { log($0.time(Double(values), among)) })
    candidates = fit.candidates
  }

  /// The average of the probable curves, weighted by probability.
  var likely: Curve {
    var (fixed, growth) = (0.0, 0.0)
    for candidate in candidates {
      fixed += candidate.probability * log(suppositions[candidate.curve].curve.fixed)
      growth += candidate.probability * log(suppositions[candidate.curve].curve.growth)
    }
    return Curve(fixed: exp(fixed), growth: exp(growth))
  }

  /// How many seconds a request takes: the weighted average of the curves, because single curves may be far off.
  func seconds(_ values: Int, among: Int) -> Double {
    exp(
      candidates.reduce(0) {
        $0 + $1.probability
          * ($1.scale + log(suppositions[$1.curve].time(Double(values), Double(among))))
      })
  }

  /// The time of a value in batches of some sizes, as a multiple of the time at the best size.
  func losses(of sizes: [Int], bounds: ClosedRange<Int>, among: Int) -> [Double] {
    losses(of: sizes.map { Setting(among: among, size: $0, bounds: bounds) })
  }

  /// A number of concurrent requests, and their size.
  struct Setting {
    let among: Int
    let size: Int
    /// The bounds of the size.
    let bounds: ClosedRange<Int>
  }

  /// The time of a value, as a multiple of the time with the best setting.
  func losses(of settings: [Setting]) -> [Double] {
    let ranges = Set(settings.map { Range(among: $0.among, bounds: $0.bounds) })
    var losses = Array(repeating: 0.0, count: settings.count)
    for candidate in candidates {
      let supposition = suppositions[candidate.curve]
      let best = ranges.reduce(0) { max($0, supposition.bestRate($1.bounds, $1.among)) }
      for (place, setting) in settings.enumerated() {
        losses[place] +=
          candidate.probability * best / supposition.rate(Double(setting.size), Double(setting.among))
      }
    }
    return losses
  }

  private struct Range: Hashable {
    let among: Double
    let bounds: ClosedRange<Double>

    init(among: Int, bounds: ClosedRange<Int>) {
      self.among = Double(among)
      self.bounds = Double(bounds.lowerBound)...Double(bounds.upperBound)
    }
  }
}
