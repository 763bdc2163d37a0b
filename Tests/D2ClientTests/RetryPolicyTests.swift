import Testing

@testable import D2Common
@testable import D2Client

@Suite("RetryPolicy")
struct RetryPolicyTests {
  static let server = try! ServerURL("https://dhis2.example")

  static func error(_ kind: ServerError.Kind, retryAfter: Double? = nil) -> ServerError {
    var error = ServerError(server, "/api/x", kind, "no")
    error.retryAfterSeconds = retryAfter
    return error
  }

  /// Runs an operation that fails with each of the errors in turn, then succeeds.
  static func run(
    _ errors: [any Error], retries: Int = 5, totalSeconds: Double = 600
  ) -> (attempts: [Int], delays: [Double], failure: (any Error)?) {
    var policy = RetryPolicy()
    policy.retries = retries
    policy.totalSeconds = totalSeconds
    policy.firstDelaySeconds = 0
    var attempts: [Int] = []
    var delays: [Double] = []
    do {
      try policy.run(willRetry: { _, delay in delays.append(delay) }) { attempt in
        attempts.append(attempt)
        if attempt <= errors.count { throw errors[attempt - 1] }
      }
      return (attempts, delays, nil)
    } catch { return (attempts, delays, error) }
  }

  @Test("repeats what fails for a passing reason until it succeeds", arguments: 0...5)
  func succeeds(failures: Int) {
    let run = Self.run(Array(repeating: Self.error(.status(503)), count: failures))
    #expect(run.failure == nil)
    #expect(run.attempts == Array(1...failures + 1))
    #expect(run.delays == Array(repeating: 0, count: failures))
  }

  @Test("gives up after so many repetitions, with the last failure", arguments: [0, 1, 3])
  func givesUp(retries: Int) {
    let run = Self.run((1...9).map { Self.error(.status($0 < retries + 1 ? 502 : 504)) }, retries: retries)
    #expect(run.attempts.count == retries + 1)
    #expect((run.failure as? ServerError)?.kind == .status(504))
  }

  @Test(
    "never repeats what will not pass",
    arguments: [
      ServerError.Kind.status(400), .status(401), .status(403), .status(404), .status(409), .status(413), .status(500),
      .loginPage,
      .redirect("x"), .notDHIS2, .emptyBody, .tls, .setup, .disagreement,
    ])
  func final(kind: ServerError.Kind) {
    let run = Self.run([Self.error(kind)])
    #expect(run.attempts == [1] && run.delays == [])
    #expect((run.failure as? ServerError)?.kind == kind)
  }

  @Test(
    "repeats each failure that may pass",
    arguments: [
      ServerError.Kind.unreachable, .timedOut, .broken, .cutOff, .malformed, .status(408), .status(425), .status(429),
      .status(502), .status(503), .status(504),
    ])
  func passing(kind: ServerError.Kind) { #expect(Self.run([Self.error(kind)]).attempts == [1, 2]) }

  @Test("what is marked as final, and other errors, are not repeated")
  func marked() {
    var error = Self.error(.cutOff)
    error.isFinal = true
    #expect(Self.run([error]).attempts == [1])
    #expect(Self.run([CommandFailure(.bug, "x")]).attempts == [1])
  }

  @Test("waits at least as long as the server asks")
  func retryAfter() {
    let start = monotonicSeconds()
    let run = Self.run([Self.error(.status(429), retryAfter: 0.12)])
    #expect(run.attempts == [1, 2] && run.delays == [0.12])
    #expect(monotonicSeconds() - start >= 0.12)
  }

  @Test("begins no attempt later than the policy allows, and does not wait for it either")
  func totalSeconds() {
    let run = Self.run([Self.error(.status(503), retryAfter: 3600)], totalSeconds: 60)
    #expect(run.attempts == [1] && run.delays == [])
    #expect(Self.run([Self.error(.broken), Self.error(.broken)], totalSeconds: 0).attempts == [1])
  }

  @Test("delays stay below a bound that doubles up to the longest")
  func bounds() {
    var policy = RetryPolicy()
    policy.firstDelaySeconds = 0.001
    policy.longestDelaySeconds = 0.004
    policy.retries = 40
    var delays: [Double] = []
    try? policy.run(willRetry: { _, delay in delays.append(delay) }) { _ in throw Self.error(.broken) }
    #expect(delays.count == 40)
    #expect(delays[0] <= 0.001 && delays[1] <= 0.002 && delays.allSatisfy { $0 >= 0 && $0 <= 0.004 })
    // Full jitter: they differ.
    #expect(Set(delays).count > 20)
  }
}
