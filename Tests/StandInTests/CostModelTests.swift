import Testing

@testable import StandInServer

/// Requests take the measured time.
@Suite struct CostModelTests {
  @Test func ratesAreThoseOfTheTable() {
    let model = CostModel("2.42")!
    #expect(abs(model.importSeconds(values: 5000, preheats: true, concurrent: 1) - (5000 / 3290 + 0.003)) < 0.01)
    #expect(model.importSeconds(values: 1000, preheats: false, concurrent: 1) > 12)
    #expect(
      model.importSeconds(values: 20_000, preheats: true, concurrent: 1) / 20_000
        < model.importSeconds(values: 2000, preheats: true, concurrent: 1) / 2000)
    let newer = CostModel("2.43")!
    #expect(
      newer.importSeconds(values: 50_000, preheats: true, concurrent: 1) / 50_000
        > newer.importSeconds(values: 1000, preheats: true, concurrent: 1) / 1000)
    #expect(
      newer.importSeconds(values: 1000, preheats: true, concurrent: 2)
        > 2 * newer.importSeconds(values: 1000, preheats: true, concurrent: 1))
    #expect(CostModel("2.41") == nil)
  }

  @Test("more cores are so many pairs: an import of a pair's own is as quick as one alone, two share it")
  func cores() {
    var model = CostModel("2.43")!
    func seconds(_ concurrent: Int) -> Double {
      model.importSeconds(values: 1000, preheats: true, concurrent: concurrent)
    }
    let (alone, beside) = (seconds(1), seconds(2))
    model.cores = 16
    #expect(seconds(1) == alone && seconds(8) == alone)
    #expect(abs(seconds(16) - beside) < 1e-9 && seconds(12) > alone && seconds(12) < beside)
    // Beyond that they queue.
    #expect(seconds(32) > 1.9 * beside)
  }

  @Test("noise is that of its seed: a cold import, a few that are slow, drift over minutes")
  func noise() {
    func series(_ seed: UInt64) -> [Double] {
      let noise = CostNoise(seed: seed)
      return (0..<2000).map { noise.next(atSeconds: Double($0)) }
    }
    let factors = series(3)
    #expect(factors == series(3) && factors != series(4))
    #expect((8 / 1.6...8 * 1.6).contains(factors[0]), "\(factors[0])")
    let slow = factors.dropFirst().count { $0 > 3 }
    #expect((60...140).contains(slow), "\(slow) of 2000")
    let usual = factors.filter { $0 < 3 }
    #expect(usual.min()! < 0.75 && usual.max()! > 1.3)
    // Neighbours are similar, because the drift is slow.
    let steps = zip(usual, usual.dropFirst()).map { abs($0 - $1) / $0 }
    #expect(steps.max()! < 0.35, "\(steps.max()!)")
  }

  @Test func theServerSleepsThatLong() throws {
    let server = try SmallServer(.v42, values: 0) {
      $0.costModel = "2.42"
      $0.costScale = 0.2
    }
    let start = Clock.steadyNanoseconds()
    let answer = TestClient.ask(
      server.port, "POST", "/api/dataValueSets?preheatCache=true", headers: TestClient.admin, body: server.payload(1000)
    )
    let seconds = Double(Clock.steadyNanoseconds() - start) / 1e9
    let expected = (1000.0 / 1200 + 0.111) * 0.2
    #expect(answer.status == 200 && seconds > expected && seconds < expected + 20)
  }
}
