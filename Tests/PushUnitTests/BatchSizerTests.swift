import D2Common
import TestSupport
import Testing

@testable import d2_push

/// Values per second by batch size, as servers were seen to take them.
struct SimulatedServer: Sendable, CustomTestStringConvertible {
  let name: String
  /// The rate is interpolated linearly over the logarithm of the size, and constant outside these points.
  let points: [(size: Double, rate: Double)]

  var testDescription: String { name }

  /// 2.42.5.2 with `preheatCache=true`.
  static let v42 = SimulatedServer(
    name: "2.42", points: [(500, 650), (1000, 1200), (5000, 3290), (20_000, 6520), (50_000, 6850)])
  /// 2.43.1.
  static let v43 = SimulatedServer(
    name: "2.43", points: [(500, 1900), (1000, 1800), (5000, 1400), (20_000, 950), (50_000, 594)])
  static let flat = SimulatedServer(name: "flat", points: [(1000, 3000)])

  func seconds(_ values: Int) -> Double {
    let size = Double(values)
    guard let above = points.firstIndex(where: { $0.size >= size }) else { return size / points.last!.rate }
    guard above > 0 else { return size / points[0].rate }
    let (low, high) = (points[above - 1], points[above])
    let share = logarithm(size / low.size) / logarithm(high.size / low.size)
    return size / (low.rate + (high.rate - low.rate) * share)
  }

  /// Finds a number from 1 on by bisecting: the standard library has no such function.
  private func logarithm(_ number: Double) -> Double {
    var number = number
    var result = 0.0
    var step = 1.0
    while number >= 2 {
      number /= 2
      result += 1
    }
    for _ in 0..<30 {
      number *= number
      step /= 2
      if number >= 2 {
        number /= 2
        result += step
      }
    }
    return result
  }
}

@Suite("BatchSizer")
struct BatchSizerTests {
  static func noise(_ random: inout SeededGenerator) -> Double { Double.random(in: 0.9...1.1, using: &random) }

  /// The time for this many values, and the sizes that were used.
  static func run(
    _ sizer: BatchSizer, _ server: SimulatedServer, values: Int, seed: UInt64
  ) -> (seconds: Double, sizes: [Int], longest: Double) {
    var random = SeededGenerator(seed: seed)
    var left = values
    var total = 0.0
    var sizes: [Int] = []
    var longest = 0.0
    while left > 0 {
      let size = sizer.size
      let count = min(size, left)
      let seconds = server.seconds(count) * noise(&random)
      sizer.record(size: size, values: count, seconds: seconds)
      left -= count
      total += seconds
      sizes.append(size)
      longest = max(longest, seconds)
    }
    return (total, sizes, longest)
  }

  static func bestFixed(_ server: SimulatedServer, values: Int) -> Double {
    [500, 1000, 2000, 5000, 10_000, 20_000, 50_000].map { Double(values) / Double($0) * server.seconds($0) }.min()!
  }

  @Test(
    "comes near the best fixed size over 200,000 values, though it has to look for it",
    arguments: [SimulatedServer.v42, .v43, .flat])
  func nearBest(server: SimulatedServer) {
    let best = Self.bestFixed(server, values: 200_000)
    var worst = 0.0
    for seed in 0..<40 as Range<UInt64> {
      let run = Self.run(BatchSizer(100...50_000, longestSeconds: 20), server, values: 200_000, seed: seed)
      worst = max(worst, run.seconds / best)
      #expect(run.seconds <= best / 0.8, "seed \(seed): \(run.seconds) s instead of \(best) s: \(run.sizes)")
    }
    print("\(server.name): at worst \((worst * 1000).rounded() / 1000) of the best fixed size's time")
  }

  @Test(
    "stays within its bounds",
    arguments: [100...50_000, 500...20_000, 3000...3000, 1...10, 20_000...50_000, 999...1001],
    [SimulatedServer.v42, .v43, .flat])
  func bounds(range: ClosedRange<Int>, server: SimulatedServer) {
    let sizer = BatchSizer(range, longestSeconds: 1e9)
    #expect(range.contains(sizer.size))
    let run = Self.run(sizer, server, values: 200 * range.upperBound.clamped(to: 1...3000), seed: 1)
    #expect(run.sizes.allSatisfy { range.contains($0) })
    if range.count > 1000 { #expect(Set(run.sizes).count > 1) }
  }

  @Test("asks for hardly a batch that takes longer than the longest request", arguments: [0.5, 2.0, 5.0])
  func batchTime(longest: Double) {
    for server in [SimulatedServer.v42, .v43, .flat] {
      let sizer = BatchSizer(100...50_000, longestSeconds: longest)
      let run = Self.run(sizer, server, values: 300_000, seed: 3)
      // The cost of larger batches is not known at first.
      let slow = run.sizes.filter { server.seconds($0) * 0.9 > longest }
      #expect(slow.count <= 2 + run.sizes.count / 20, "\(server.name): \(slow) of \(run.sizes.count)")
      #expect(run.longest <= 3 * longest, "\(server.name): \(run.longest)")
      #expect(server.seconds(sizer.size) * 0.9 <= longest, "\(server.name)")
    }
  }

  @Test("after a request that was too large, all are smaller, for good", arguments: [SimulatedServer.v42, .flat])
  func tooMuch(server: SimulatedServer) {
    let sizer = BatchSizer(100...50_000, longestSeconds: 1e9)
    _ = Self.run(sizer, server, values: 100_000, seed: 5)
    sizer.tooMuch(4000)
    #expect(sizer.size <= 2000)
    let run = Self.run(sizer, server, values: 300_000, seed: 6)
    #expect(run.sizes.allSatisfy { $0 <= 2000 })
    sizer.tooMuch(1)
    #expect(sizer.size == 100)
    _ = Self.run(sizer, server, values: 1000, seed: 7)
    #expect(sizer.size == 100)
  }

  @Test("batches that bytes cut short teach what their own number of values takes")
  func cutShort() throws {
    let sizer = BatchSizer(100...50_000, longestSeconds: 20)
    #expect(sizer.size == 1000)
    // None is as large as requested, and a value costs the same in each.
    for values in [300, 600, 200, 500, 400, 700, 300, 600] {
      sizer.record(size: 1000, values: values, seconds: Double(values) / 1000)
    }
    #expect(sizer.learnt == [:])
    #expect(sizer.lastSeconds == 0.6)
    sizer.record(size: 1000, values: 1000, seconds: 1)
    let rate = try #require(sizer.learnt["1000"]?.int)
    #expect((850...1150).contains(rate), "\(rate)")
  }

  @Test("to 2.42 a small batch goes first, within the bounds, and a large one at once behind it")
  func large() {
    for (range, first) in [
      (100...50_000, 500), (500...2000, 500), (5000...5000, 5000), (20_000...50_000, 20_000), (700...50_000, 700),
    ] {
      let sizer = BatchSizer(range, longestSeconds: 20)
      #expect(sizer.lastSeconds == nil)
      sizer.begin(likesLargeBatches: true)
      #expect(sizer.size == first, "\(range)")
    }
    // Cold, and as quick as others.
    for seconds in [3.3, 0.4] {
      let sizer = BatchSizer(100...50_000, longestSeconds: 20)
      sizer.begin(likesLargeBatches: true)
      sizer.record(size: 500, values: 500, seconds: seconds)
      #expect((10_000...30_000).contains(sizer.size), "\(seconds) s: \(sizer.size)")
    }
  }

  @Test("comes down from large batches where another server does not like them")
  func comesDown() {
    let sizer = BatchSizer(100...50_000, longestSeconds: 20)
    sizer.begin(likesLargeBatches: true)
    let run = Self.run(sizer, .v43, values: 200_000, seed: 3)
    #expect(run.sizes.suffix(40).allSatisfy { $0 <= 5000 }, "\(run.sizes)")
  }

  @Test("what is left at the end is divided evenly: no small batch remains, and none is too large")
  func last() {
    let sizer = BatchSizer(100...50_000, longestSeconds: 20)
    sizer.begin(likesLargeBatches: true)
    for size in [500, 20_000, 10_000, 20_000, 20_000] {
      sizer.record(size: size, values: size, seconds: SimulatedServer.v42.seconds(size))
    }
    let size = sizer.found?.size ?? 0
    #expect(size >= 15_000)
    for (left, number) in [
      (300, 1...1), (size, 1...1), (size + 500, 1...1), (size * 7 / 4, 2...2), (size * 5 / 2, 2...3),
    ] {
      var rest = left
      var made: [Int] = []
      while rest > 0 {
        made.append(min(rest, sizer.size(ofLast: rest)))
        rest -= made.last!
      }
      #expect(number.contains(made.count) && made[0] - made.last! <= 1 && 2 * made[0] <= 3 * size, "\(left): \(made)")
    }
    // Of much more, none is the last.
    #expect(sizer.size(ofLast: 1_000_000) == sizer.size)
    sizer.tooMuch(size)
    #expect(sizer.size(ofLast: size) <= size / 2 + 1)
  }

  @Test("a size that is fixed stays at the end too; bounds are kept")
  func lastWithinBounds() {
    let fixed = BatchSizer(5000...5000, longestSeconds: 20)
    fixed.begin(likesLargeBatches: true)
    #expect(fixed.size(ofLast: 5000) == 5000 && fixed.size(ofLast: 6000) == 5000)
    fixed.record(size: 5000, values: 5000, seconds: 1)
    for left in [1, 4999, 6000, 9000, 11_000] { #expect(fixed.size(ofLast: left) == 5000, "\(left)") }
    #expect(fixed.patienceSeconds(for: 5000) == 0)
  }

  @Test("to 2.42 an input of few thousand values is one request; one of more begins small")
  func lastIsFirst() {
    let sizer = BatchSizer(100...50_000, longestSeconds: 20)
    #expect(sizer.size(ofLast: 3000) == 1000 && sizer.patienceSeconds(for: 3000) == 0)
    sizer.begin(likesLargeBatches: true)
    #expect(sizer.size(ofLast: 3000) == 3000 && sizer.size(ofLast: 6000) == 500)
    #expect(sizer.patienceSeconds(for: 499) == 0 && sizer.patienceSeconds(for: 6000) == 0)
    #expect((0.01...0.1).contains(sizer.patienceSeconds(for: 3000)))
  }

  @Test("the end of the input is waited for by a small share of what a request takes, where it may be near")
  func patience() {
    let sizer = BatchSizer(100...50_000, longestSeconds: 20)
    sizer.begin(likesLargeBatches: true)
    for _ in 0..<3 { sizer.record(size: 20_000, values: 20_000, seconds: 3) }
    let size = sizer.size
    #expect(sizer.patienceSeconds(for: size - 1) == 0 && sizer.patienceSeconds(for: 2 * size) == 0)
    #expect((0.05...0.25).contains(sizer.patienceSeconds(for: size + 1)), "\(sizer.patienceSeconds(for: size + 1))")
  }

  @Test("tells values per second by size")
  func learnt() throws {
    let sizer = BatchSizer(2000...2000, longestSeconds: 20)
    #expect(sizer.learnt == [:])
    sizer.record(size: 2000, values: 2000, seconds: 1)
    #expect(sizer.learnt == ["2000": 2000])
    sizer.record(size: 2000, values: 2000, seconds: 0.95)
    let rate = try #require(sizer.learnt["2000"]?.int)
    #expect((2000...2105).contains(rate), "\(rate)")
  }
}

extension Int {
  fileprivate func clamped(to range: ClosedRange<Int>) -> Int {
    Swift.min(Swift.max(self, range.lowerBound), range.upperBound)
  }
}
