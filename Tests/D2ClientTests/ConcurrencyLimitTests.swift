import TestSupport
import Testing

@testable import D2Common
@testable import D2Client

@Suite("ConcurrencyLimit")
struct ConcurrencyLimitTests {
  /// A server that handles this many requests at once as fast as one. More share its capacity, and beyond its bound it
  /// refuses them.
  private struct Server {
    var capacity: Int
    var bound: Int
    var seconds = 0.1

    /// Answers all requests in flight.
    func answer(_ limit: ConcurrencyLimit, noise: inout SeededGenerator) {
      let running = limit.current
      for place in 0..<running {
        if place >= bound {
          limit.failed()
        } else {
          let load = max(1, Double(running) / Double(capacity))
          limit.succeeded(
            seconds: seconds * load * Double.random(in: 0.9...1.1, using: &noise), among: Double(running))
        }
      }
    }
  }

  @Test("a fixed limit stays, whatever happens")
  func fixed() {
    let limit = ConcurrencyLimit(fixed: 4)
    for _ in 0..<100 { limit.succeeded(seconds: 1) }
    for _ in 0..<100 { limit.failed() }
    #expect(limit.current == 4 && limit.most == 4)
  }

  @Test(
    "what is found neither starves nor floods the server",
    arguments: [(1, 64), (2, 64), (4, 64), (8, 64), (4, 5), (2, 3), (16, 64)])
  func found(capacity: Int, bound: Int) {
    let limit = ConcurrencyLimit(foundUpTo: 8)
    let server = Server(capacity: capacity, bound: bound)
    var random = SeededGenerator(seed: UInt64(capacity * 100 + bound))
    #expect(limit.current == 2)
    var total = 0
    var most = 0
    let rounds = 400
    for round in 0..<rounds {
      server.answer(limit, noise: &random)
      #expect((1...8).contains(limit.current))
      if round >= 100 {
        total += limit.current
        most = max(most, limit.current)
      }
    }
    let average = Double(total) / Double(rounds - 100)
    // At least half of what the server handles at once, and never much more than twice as much.
    #expect(average >= Double(min(capacity, bound, 8)) * 0.5, "\(average)")
    #expect(most <= max(2, min(8, 2 * capacity + 2, bound + 1)), "\(most)")
  }

  @Test("a server that is in trouble is left alone at once, and asked more again when it is well")
  func trouble() {
    let limit = ConcurrencyLimit(foundUpTo: 8)
    var random = SeededGenerator(seed: 3)
    for _ in 0..<100 { Server(capacity: 8, bound: 64).answer(limit, noise: &random) }
    #expect(limit.current == 8)
    // All requests in flight fail. That counts as one failure, not eight.
    for _ in 0..<8 { limit.failed() }
    #expect(limit.current == 4)
    for _ in 0..<12 { limit.failed() }
    #expect(limit.current == 1)
    for _ in 0..<100 { Server(capacity: 8, bound: 64).answer(limit, noise: &random) }
    #expect(limit.current == 8)
  }

  @Test("a few cheap answers at the beginning do not make the rest look slow for ever")
  func cheapBeginning() {
    let limit = ConcurrencyLimit(foundUpTo: 8)
    var random = SeededGenerator(seed: 5)
    for _ in 0..<6 { limit.succeeded(seconds: 0.004) }
    for _ in 0..<60 { Server(capacity: 8, bound: 64).answer(limit, noise: &random) }
    #expect(limit.current >= 4, "\(limit.current)")
  }

  @Test("a server that has become slower for good is not starved for ever")
  func slower() {
    let limit = ConcurrencyLimit(foundUpTo: 8)
    var random = SeededGenerator(seed: 4)
    for _ in 0..<100 { Server(capacity: 8, bound: 64).answer(limit, noise: &random) }
    for _ in 0..<400 { Server(capacity: 8, bound: 64, seconds: 0.5).answer(limit, noise: &random) }
    #expect(limit.current >= 4)
  }

  @Test("what was found before is where it begins, and changes where the server is another now")
  func begins() {
    let limit = ConcurrencyLimit(foundUpTo: 16)
    #expect(limit.found == 2)
    limit.begin(at: 8)
    #expect(limit.current == 8 && limit.found == 8)
    var random = SeededGenerator(seed: 6)
    for _ in 0..<10 { Server(capacity: 8, bound: 64).answer(limit, noise: &random) }
    #expect((6...12).contains(limit.current), "\(limit.current)")
    for _ in 0..<200 { Server(capacity: 1, bound: 64).answer(limit, noise: &random) }
    #expect(limit.current <= 3, "\(limit.current)")
    let restricted = ConcurrencyLimit(foundUpTo: 16)
    restricted.restrict(to: 3)
    restricted.begin(at: 8)
    #expect(restricted.current == 3)
    let fixed = ConcurrencyLimit(fixed: 5)
    fixed.begin(at: 2)
    #expect(fixed.current == 5 && fixed.found == nil)
  }

  @Test("tells how many requests ran beside one, on an average")
  func among() {
    let limit = ConcurrencyLimit(fixed: 4)
    let first = limit.begin()
    let second = limit.begin()
    #expect(first == 1 && second == 2)
    #expect(limit.end(second) == 2)
    #expect(limit.end(first) == 1)
    let alone = limit.begin()
    #expect(limit.end(alone) == 1)
  }
}
