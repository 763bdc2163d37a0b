import TestSupport
import Testing

@testable import D2Client
@testable import StandInServer
@testable import d2_push

/// Requests that share the cores of a server; time is only counted.
struct SharedServer {
  private struct Running {
    let size: Int
    let values: Int
    let begun: Int
    let start: Double
    var secondsLeft: Double
  }

  private static let bytesOfValue = 240
  /// Of all requests together, as d2-push has it.
  private static let mostBytes = 50_000 * bytesOfValue

  let model: CostModel
  private let noise: CostNoise
  private let sizer: BatchSizer
  private let limit: ConcurrencyLimit
  private var running: [Running] = []
  private(set) var now = 0.0
  private(set) var most = 0

  /// - Parameters:
  ///   - concurrency: `nil`: it is found.
  ///   - cores: as the server reports them; `nil` if it does not.
  init(_ model: CostModel, seed: UInt64, concurrency: Int?, cores: Int? = nil) {
    self.model = model
    noise = CostNoise(seed: seed)
    let limit = concurrency.map { ConcurrencyLimit(fixed: $0) } ?? ConcurrencyLimit(foundUpTo: 16)
    let isOld = model.name != "2.43"
    if isOld { limit.restrict(to: ImportLimit.most) }
    sizer = BatchSizer(100...50_000, longestSeconds: 20, limit: limit) { Self.mostBytes / $0 }
    Pace.begin(
      sizer, limit, likesLargeBatches: isOld, bestConcurrency: cores.map { max(1, $0 / 2) })
    self.limit = limit
  }

  /// Posts all values.
  mutating func post(_ values: Int) {
    var left = values
    while left > 0 || !running.isEmpty {
      while left > 0, running.count < limit.current { begin(&left) }
      most = max(most, running.count)
      finishNext()
    }
  }

  private mutating func begin(_ left: inout Int) {
    let size = sizer.size
    let values = min(size, left, Self.mostBytes / limit.current / Self.bytesOfValue)
    left -= values
    let seconds = model.importSeconds(values: values, preheats: true, concurrent: 1) * noise.next(atSeconds: now)
    running.append(
      Running(size: size, values: values, begun: limit.begin(), start: now, secondsLeft: seconds))
  }

  private func slowdown(_ request: Running) -> Double {
    model.importSeconds(values: request.values, preheats: true, concurrent: running.count)
      / model.importSeconds(values: request.values, preheats: true, concurrent: 1)
  }

  private mutating func finishNext() {
    let ends = running.map { $0.secondsLeft * slowdown($0) }
    let next = ends.indices.min { ends[$0] < ends[$1] }!
    for place in running.indices { running[place].secondsLeft -= ends[next] / slowdown(running[place]) }
    now += ends[next]
    let done = running.remove(at: next)
    Pace.learn(
      sizer, limit, size: done.size, values: done.values, bytes: done.values * Self.bytesOfValue,
      seconds: now - done.start, among: limit.end(done.begun))
  }
}

@Suite("Pace")
struct PaceTests {
  /// The required share of the best fixed number of requests, which differs by seed.
  struct Bar: Sendable, CustomTestStringConvertible {
    let values: Int
    let seeds: ClosedRange<UInt64>
    let worst: Double
    var median = 0.85
    var testDescription: String { "\(values) values" }

    /// Up to 2.42 that is a dozen requests, and one slow request decides how long all take. With the best number known
    /// before, one would reach 0.5 in the worst case. The median of ten seeds is anything from 0.75 to 0.95.
    static let short = Bar(values: 200_000, seeds: 1...40, worst: 0.4)
    static let long = Bar(values: 1_000_000, seeds: 1...10, worst: 0.7)
  }

  static let servers = ["2.42", "2.43"].flatMap { version in [2, 4, 16].map { (version, $0) } }

  @Test(
    "finds how many requests at a time pay, on two cores, four and sixteen", arguments: servers, [Bar.short, .long])
  func concurrency(server: (version: String, cores: Int), bar: Bar) throws {
    try expectNearBest(server, bar, cores: nil)
  }

  @Test(
    "is nearer to the best number if the server reports its cores", arguments: servers,
    [Bar(values: 200_000, seeds: 1...40, worst: 0.4, median: 0.9), Bar(values: 1_000_000, seeds: 1...10, worst: 0.7)])
  func knownCores(server: (version: String, cores: Int), bar: Bar) throws {
    try expectNearBest(server, bar, cores: server.cores)
  }

  @Test(
    "corrects a number of cores that misleads, because others use them or the server limits itself",
    arguments: [("2.42", 2, 16), ("2.42", 16, 2), ("2.43", 2, 16), ("2.43", 16, 2)])
  func misleadingCores(version: String, cores: Int, reported: Int) throws {
    // Above the best number, 2.43 on two cores is equally fast with two requests and with eight.
    let bar = Bar(values: 2_000_000, seeds: 1...10, worst: 0.6, median: 0.75)
    try expectNearBest((version, cores), bar, cores: reported)
  }

  private func expectNearBest(_ server: (version: String, cores: Int), _ bar: Bar, cores: Int?) throws {
    var model = try #require(CostModel(server.version))
    model.cores = server.cores
    let bound = server.version == "2.43" ? 16 : ImportLimit.most
    var shares: [Double] = []
    for seed in bar.seeds {
      let best = [1, 2, 3, 4, 6, 8, 12, 16].filter { $0 <= bound }.map { number in
        var server = SharedServer(model, seed: seed, concurrency: number)
        server.post(bar.values)
        return server.now
      }.min()!
      var server = SharedServer(model, seed: seed, concurrency: nil, cores: cores)
      server.post(bar.values)
      #expect(server.most <= bound)
      shares.append(best / server.now)
    }
    shares.sort()
    #expect(shares[shares.count / 2] >= bar.median && shares[0] >= bar.worst, "\(BatchSizerNoiseTests.text(shares))")
    print(
      "\(server.version), \(server.cores) cores, \(bar.values) values: median \(shares[shares.count / 2]), "
        + "worst \(shares[0]) of the best fixed concurrency")
  }

  @Test("a size that another command found is where the next one begins")
  func handsOn() throws {
    let first = BatchSizer(100...50_000, longestSeconds: 20)
    #expect(first.found == nil)
    var random = SeededGenerator(seed: 2)
    for _ in 0..<60 {
      let size = first.size
      let seconds = SimulatedServer.v42.seconds(size) * BatchSizerTests.noise(&random)
      first.record(size: size, values: size, seconds: seconds)
    }
    let found = try #require(first.found)
    #expect(found.size >= 10_000, "\(found.size)")
    let second = BatchSizer(100...50_000, longestSeconds: 20)
    second.begin(at: found)
    #expect(second.size == found.size)
    second.record(size: found.size, values: found.size, seconds: SimulatedServer.v42.seconds(found.size))
    #expect(second.size >= 7000, "\(second.size)")
    // The bounds of this command count.
    let bounded = BatchSizer(100...3000, longestSeconds: 20)
    bounded.begin(at: found)
    #expect(bounded.size == 3000)
  }
}
