import Testing

@testable import StandInServer

/// Requests cost what was measured.
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
    #expect(answer.status == 200 && seconds > expected && seconds < expected + 5)
  }
}
