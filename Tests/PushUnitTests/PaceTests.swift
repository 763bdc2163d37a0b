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

  let model: CostModel
  private let noise: CostNoise
  private let sizer: BatchSizer
  private let limit: ConcurrencyLimit
  private var running: [Running] = []
  private(set) var now = 0.0
  private(set) var most = 0

  /// - Parameter concurrency: `nil`: it is found.
  init(_ model: CostModel, seed: UInt64, concurrency: Int?) {
    self.model = model
    noise = CostNoise(seed: seed)
    let limit = concurrency.map { ConcurrencyLimit(fixed: $0) } ?? ConcurrencyLimit(foundUpTo: 16)
    sizer = BatchSizer(100...50_000, longestSeconds: 20) { limit.current }
    if model.name != "2.43" {
      sizer.beginLarge()
      limit.restrict(to: ImportLimit.most)
    }
    self.limit = limit
  }

  /// Posts all values; as d2-push, which gives a batch the fewer bytes the more are under way.
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
    let values = min(size, left, 50_000 / limit.current)
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
      sizer, limit, size: done.size, values: done.values, seconds: now - done.start, among: limit.end(done.begun))
  }
}

@Suite("Pace")
struct PaceTests {
  @Test(
    "finds how many requests at a time pay, on two cores and on sixteen", arguments: ["2.42", "2.43"], [2, 4, 16])
  func concurrency(version: String, cores: Int) throws {
    var model = try #require(CostModel(version))
    model.cores = cores
    let bound = version == "2.43" ? 16 : ImportLimit.most
    var shares: [Double] = []
    for seed in 1...10 as ClosedRange<UInt64> {
      let best = [1, 2, 3, 4, 6, 8, 12, 16].filter { $0 <= bound }.map { number in
        var server = SharedServer(model, seed: seed, concurrency: number)
        server.post(1_000_000)
        return server.now
      }.min()!
      var server = SharedServer(model, seed: seed, concurrency: nil)
      server.post(1_000_000)
      #expect(server.most <= bound)
      shares.append(best / server.now)
    }
    shares.sort()
    #expect(shares[5] >= 0.85 && shares[0] >= 0.65, "\(BatchSizerNoiseTests.text(shares))")
    print("\(version), \(cores) cores: \(BatchSizerNoiseTests.text(shares)) of the best fixed concurrency")
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
