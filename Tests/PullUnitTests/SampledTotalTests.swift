import Glibc
import TestSupport
import Testing

@testable import d2_pull

@Suite("SampledTotal")
struct SampledTotalTests {
  /// How the values of a country's units may be spread.
  enum Spread: CaseIterable {
    /// All report the same.
    case even
    /// Each month or not.
    case scattered
    /// A tenth of them reports.
    case sparse
    /// Many report little, few a hundred times as much.
    case skewed
    /// A tenth reports; one in seven of these is a hospital and has six times as much as the clinics.
    case clinicsAndHospitals
    /// Three in a hundred report, and very different amounts.
    case sparseAndSkewed

    func count(_ random: inout SeededGenerator) -> Int {
      func normal() -> Double { (0..<12).reduce(-6) { sum, _ in sum + Double.random(in: 0...1, using: &random) } }
      switch self {
      case .even: return 120
      case .scattered: return Int.random(in: 0...12, using: &random) * 10
      case .sparse: return Int.random(in: 0...9, using: &random) == 0 ? Int.random(in: 50...150, using: &random) : 0
      case .clinicsAndHospitals:
        return Int.random(in: 0...9, using: &random) > 0 ? 0 : Int.random(in: 0...6, using: &random) == 0 ? 240 : 40
      case .skewed: return max(1, Int(exp(3 + 1.2 * normal())))
      case .sparseAndSkewed:
        return Int.random(in: 0...99, using: &random) < 3 ? max(1, Int(exp(4 + normal()))) : 0
      }
    }
  }

  @Test("the range holds the truth, however values are spread", arguments: Spread.allCases, [20, 50, 100])
  func coverage(spread: Spread, size: Int) {
    var random = SeededGenerator(seed: 11)
    let population = (0..<4000).map { _ in spread.count(&random) }
    let truth = Double(population.reduce(0, +))
    var (held, unbounded, width) = (0, 0, 0.0)
    let rounds = 500
    for _ in 0..<rounds {
      let total = SampledTotal((0..<size).map { _ in population.randomElement(using: &random)! }, of: population.count)
      guard let high = total.high else {
        unbounded += 1
        if total.low <= truth { held += 1 }
        continue
      }
      width += (high - total.low) / truth
      if total.low <= truth, truth <= high { held += 1 }
      if total.low > total.expected || total.expected > high {
        Issue.record("\(total.expected) is not between \(total.low) and \(high)")
      }
    }
    #expect(held * 100 >= rounds * 93, "\(held) of \(rounds)")
    if spread == .even { #expect(width / Double(rounds) < 0.5) }
    if spread == .scattered, size >= 50 { #expect(width / Double(rounds) < 1, "\(width / Double(rounds))") }
    if [.even, .scattered, .skewed].contains(spread) { #expect(unbounded == 0) }
  }

  @Test("all units asked: the number itself; none that holds anything: no upper bound")
  func ends() {
    let whole = SampledTotal([3, 0, 7], of: 3)
    #expect(whole.expected == 10 && whole.low == 10 && whole.high == 10)
    let empty = SampledTotal([0, 0, 0], of: 100)
    #expect(empty.expected == 0 && empty.low == 0 && empty.high == nil)
    let one = SampledTotal([0, 40, 0, 0], of: 100)
    #expect(one.expected == 1000 && one.low >= 40 && one.high == nil)
  }
}
