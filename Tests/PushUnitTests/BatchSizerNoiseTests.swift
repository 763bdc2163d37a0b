import TestSupport
import Testing

@testable import D2Client
@testable import StandInServer
@testable import d2_push

/// A server whose imports take as long as a real one's, noise included; its time is only counted.
struct NoisyServer {
  let seconds: (_ values: Int) -> Double
  private let noise: CostNoise
  private(set) var now = 0.0

  init(seed: UInt64, _ seconds: @escaping (_ values: Int) -> Double) {
    self.seconds = seconds
    noise = CostNoise(seed: seed)
  }

  mutating func post(_ values: Int) -> Double {
    let time = seconds(values) * noise.next(atSeconds: now)
    now += time
    return time
  }

  /// Posts all values in batches of one size.
  mutating func post(_ values: Int, size: Int) {
    for first in stride(from: 0, to: values, by: size) { _ = post(min(size, values - first)) }
  }

  /// Posts all values in the sizer's batches. Returns the sizes.
  @discardableResult
  mutating func post(_ values: Int, _ sizer: BatchSizer) -> [Int] {
    var left = values
    var sizes: [Int] = []
    while left > 0 {
      // As much as d2-push reads ahead.
      let size = left <= 40_000 ? sizer.size(ofLast: left) : sizer.size
      let seconds = post(min(size, left))
      sizer.record(size: size, values: min(size, left), seconds: seconds)
      left -= min(size, left)
      sizes.append(size)
    }
    return sizes
  }
}

@Suite("BatchSizer and noise")
struct BatchSizerNoiseTests {
  static let fixedSizes = [200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000]

  /// The sizer's rate compared with the best fixed size, which differs by seed; for ten seeds, in ascending order.
  static func shares(
    values: Int, likesLargeBatches: Bool, longestSeconds: Double = 20, _ seconds: @escaping (Int) -> Double
  ) -> [Double] {
    (1...10 as ClosedRange<UInt64>).map { seed in
      let best = fixedSizes.map { size in
        var server = NoisyServer(seed: seed, seconds)
        server.post(values, size: size)
        return server.now
      }.min()!
      let sizer = BatchSizer(100...50_000, longestSeconds: longestSeconds)
      sizer.begin(likesLargeBatches: likesLargeBatches)
      var server = NoisyServer(seed: seed, seconds)
      server.post(values, sizer)
      return best / server.now
    }.sorted()
  }

  static func text(_ shares: [Double]) -> String { "\(shares.map { ($0 * 100).rounded() / 100 })" }

  @Test(
    "comes near the best fixed size whatever the noise", arguments: ["2.40", "2.42", "2.43"],
    [103_000, 200_000, 516_000, 1_000_000])
  func nearBest(version: String, values: Int) throws {
    let model = try #require(CostModel(version))
    let shares = Self.shares(values: values, likesLargeBatches: version != "2.43") {
      model.importSeconds(values: $0, preheats: true, concurrent: 1)
    }
    #expect(shares[5] >= 0.9 && shares[0] >= 0.75, "\(Self.text(shares))")
    print("\(version), \(values) values: \(Self.text(shares)) of the best fixed size")
  }

  @Test(
    "finds a best size that no server had, on servers ten times as fast and as slow",
    arguments: [200, 1000, 5000, 20_000, 50_000], [0.1, 1, 10])
  func otherServers(best: Int, scale: Double) {
    let curve = BatchTimes.Curve(fixed: Double(best) * 0.2, growth: Double(best) / 0.2)
    let shares = Self.shares(values: 400_000, likesLargeBatches: false, longestSeconds: 20 * max(1, scale)) {
      0.0003 * scale * curve.time(Double($0))
    }
    #expect(shares[5] >= 0.85 && shares[0] >= 0.6, "\(Self.text(shares))")
  }

  @Test("follows a server whose best size changes", arguments: [("2.43", "2.42"), ("2.42", "2.43")])
  func changes(before: String, after: String) throws {
    let models = [try #require(CostModel(before)), try #require(CostModel(after))]
    let best = Self.fixedSizes.map { Double($0) / models[1].importSeconds(values: $0, preheats: true, concurrent: 1) }
      .max()!
    for seed in 1...3 as ClosedRange<UInt64> {
      let sizer = BatchSizer(100...50_000, longestSeconds: 20)
      for model in models {
        var server = NoisyServer(seed: seed) { model.importSeconds(values: $0, preheats: true, concurrent: 1) }
        // The measurements of the previous server must be forgotten first.
        let sizes = server.post(model.name == before ? 1_000_000 : 6_000_000, sizer).suffix(24)
        guard model.name == after else { continue }
        let values = Double(sizes.reduce(0, +))
        let rate = values / sizes.reduce(0) { $0 + model.importSeconds(values: $1, preheats: true, concurrent: 1) }
        #expect(rate >= 0.8 * best, "seed \(seed): \(Array(sizes))")
      }
    }
  }

  @Test("the first request, cold and eight times as slow, is no reason to take fewer values")
  func cold() {
    let sizer = BatchSizer(100...50_000, longestSeconds: 20)
    sizer.begin(likesLargeBatches: true)
    let server = SimulatedServer.v42
    sizer.record(size: sizer.size, values: sizer.size, seconds: 8 * server.seconds(sizer.size))
    for _ in 0..<3 { sizer.record(size: sizer.size, values: sizer.size, seconds: server.seconds(sizer.size)) }
    #expect(sizer.size >= 10_000, "\(sizer.size)")
  }

  @Test("requests that are slower because others run beside them do not make a size look worse")
  func among() {
    let limit = ConcurrencyLimit(foundUpTo: 16)
    // Its number was found before.
    limit.begin(at: 8)
    let sizer = BatchSizer(100...50_000, longestSeconds: 20, limit: limit)
    var random = SeededGenerator(seed: 1)
    var sizes: [Int] = []
    for number in 0..<300 {
      // Eight at a time for a while, and one at a time again.
      let among = number / 20 % 2 == 0 ? 1 : 8
      let size = sizer.size
      let seconds = SimulatedServer.v43.seconds(size) * Double(among) * BatchSizerTests.noise(&random)
      sizer.record(size: size, values: size, seconds: seconds, among: Double(among))
      if number >= 60 { sizes.append(size) }
    }
    #expect(sizes.allSatisfy { (100...3000).contains($0) }, "\(sizes)")
  }
}
