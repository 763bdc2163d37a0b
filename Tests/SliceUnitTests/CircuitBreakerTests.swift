import Testing

@testable import d2_slices

@Suite("CircuitBreaker")
struct CircuitBreakerTests {
  private typealias Verdict = CircuitBreaker.Verdict

  @Test("three slices in a row are the server's fault, and a success ends it")
  func row() {
    let breaker = CircuitBreaker(firstPauseSeconds: 100) { true }
    #expect(breaker.failed(1) == Verdict(pauseSeconds: 0, isCharged: true))
    #expect(breaker.failed(1) == Verdict(pauseSeconds: 0, isCharged: true))
    #expect(breaker.failed(2) == Verdict(pauseSeconds: 0, isCharged: true))
    #expect(breaker.downSeconds == 0)
    #expect(breaker.failed(3) == Verdict(pauseSeconds: 100, isCharged: false))
    // The pause is one for all who fail within it.
    #expect(breaker.failed(4) == Verdict(pauseSeconds: 100, isCharged: false))
    #expect(breaker.downSeconds > 0)
    breaker.succeeded()
    #expect(breaker.downSeconds == 0)
    #expect(breaker.failed(1) == Verdict(pauseSeconds: 0, isCharged: true))
    #expect(breaker.failed(2) == Verdict(pauseSeconds: 0, isCharged: true))
  }

  @Test("pauses double, up to five minutes")
  func growth() {
    let breaker = CircuitBreaker(firstPauseSeconds: 0) { false }
    for slice in 1...3 { _ = breaker.failed(slice) }
    #expect(breaker.failed(4).pauseSeconds == 0)
    let long = CircuitBreaker(firstPauseSeconds: 4000) { false }
    for slice in 1...2 { _ = long.failed(slice) }
    #expect(long.failed(3).pauseSeconds == 300)
  }

  @Test("what fails on and on at servers that answer is charged in the end; at servers that do not, never")
  func patience() {
    let alive = CircuitBreaker(firstPauseSeconds: 1, patienceSeconds: 0) { true }
    let dead = CircuitBreaker(firstPauseSeconds: 1, patienceSeconds: 0) { false }
    for slice in 1...2 { for breaker in [alive, dead] { _ = breaker.failed(slice) } }
    #expect(alive.failed(3) == Verdict(pauseSeconds: 1, isCharged: true))
    #expect(dead.failed(3) == Verdict(pauseSeconds: 1, isCharged: false))
    #expect(!alive.failed(4, isReachable: false).isCharged && alive.downSeconds > 0)
    _ = alive.failed(4)
    // Only one of them is down.
    #expect(alive.downSeconds == 0 && dead.downSeconds > 0)
  }

  @Test("the data set that fails comes last while nothing succeeds")
  func suspect() {
    let breaker = CircuitBreaker(firstPauseSeconds: 0) { true }
    for slice in 1...2 { _ = breaker.failed(slice, of: "A") }
    #expect(breaker.suspect == nil)
    _ = breaker.failed(3, of: "A")
    #expect(breaker.suspect == "A")
    breaker.succeeded()
    #expect(breaker.suspect == nil)
  }
}
