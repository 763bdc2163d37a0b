import Glibc
import Synchronization

/// How times of imports of a real server differ from each other (docs/dhis2-servers.md, trap 31). The same seed makes
/// the same noise.
final class CostNoise: Sendable {
  /// The first import is cold: it takes eight times as long.
  private static let cold = 8.0
  /// One import in twenty takes five to eight times as long as its neighbours.
  private static let slowShare = 0.05
  private static let slow = 5.0...8.0
  /// All others differ by so much.
  private static let usual = 0.88...1.12
  /// Over minutes the whole server becomes faster and slower, by so much as a logarithm.
  private static let drift = 0.35
  private static let driftPeriod = 120.0...600.0

  private let seed: UInt64
  private let period: Double
  private let phase: Double
  private let imports = Mutex(0)

  init(seed: UInt64) {
    self.seed = seed
    var random = Random(seed: seed)
    period = Double.random(in: Self.driftPeriod, using: &random)
    phase = Double.random(in: 0..<(2 * .pi), using: &random)
  }

  /// By what the next import's time is multiplied.
  ///
  /// - Parameter seconds: when it begins, since the server started.
  func next(atSeconds seconds: Double) -> Double {
    let number = imports.withLock { number in
      number += 1
      return number
    }
    // Each import has numbers of its own: they do not depend on how many were asked for before.
    var random = Random(seed: seed &+ UInt64(number) &* 0x1000_0001)
    let drift = exp(Self.drift * sin(2 * .pi * seconds / period + phase))
    let usual = Double.random(in: Self.usual, using: &random) * drift
    let isSlow = Double.random(in: 0..<1, using: &random) < Self.slowShare
    if number == 1 { return usual * Self.cold }
    return isSlow ? usual * Double.random(in: Self.slow, using: &random) : usual
  }
}
