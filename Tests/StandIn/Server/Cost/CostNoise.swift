import Glibc
import Synchronization

/// Imitates how import times of a real server vary (docs/dhis2-servers.md, trap 31). The same seed gives the same
/// noise.
final class CostNoise: Sendable {
  /// The first import is cold, and takes eight times as long.
  private static let cold = 8.0
  /// One import in twenty takes five to eight times as long as its neighbours.
  private static let slowShare = 0.05
  private static let slow = 5.0...8.0
  /// The variation of all others.
  private static let usual = 0.88...1.12
  /// Over minutes the whole server becomes faster and slower; this is the range of the logarithm.
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

  /// The factor for the next import's time.
  ///
  /// - Parameter seconds: its start, in seconds since the server started.
  func next(atSeconds seconds: Double) -> Double {
    let number = imports.withLock { number in
      number += 1
      return number
    }
    // Each import has its own random numbers, which do not depend on how many were used before.
    var random = Random(seed: seed &+ UInt64(number) &* 0x1000_0001)
    let drift = exp(Self.drift * sin(2 * .pi * seconds / period + phase))
    let usual = Double.random(in: Self.usual, using: &random) * drift
    let isSlow = Double.random(in: 0..<1, using: &random) < Self.slowShare
    if number == 1 { return usual * Self.cold }
    return isSlow ? usual * Double.random(in: Self.slow, using: &random) : usual
  }
}
