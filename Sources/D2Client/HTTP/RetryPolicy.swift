import D2Common

/// The policy of retries: exponential back-off with full jitter, bounded in number and in time.
///
/// With full jitter (a random delay from zero to the bound), clients that failed together do not retry together.
package struct RetryPolicy: Sendable {
  /// The most retries of a request.
  package var retries = 5
  /// The time after the first attempt in which a retry may begin.
  package var totalSeconds = 600.0
  /// The bound of the first delay. It doubles each time.
  package var firstDelaySeconds = 0.5
  /// The least delay: a request whose answer was lost may still be running.
  package var leastDelaySeconds = 0.0
  /// The longest delay, unless the server asks for a longer one.
  package var longestDelaySeconds = 60.0

  package init() {}

  /// Runs the operation until it succeeds, the failure is final, or the policy is used up. `operation` gets the number
  /// of the attempt, from 1.
  ///
  /// - Parameter willRetry: called before each retry, with the failure and the delay in seconds.
  /// - Throws: the last failure; `CommandFailure` if a signal comes meanwhile.
  package func run<Result>(
    willRetry: (ServerError, Double) -> Void, _ operation: (Int) throws -> Result
  ) throws -> Result {
    let start = monotonicSeconds()
    var attempt = 1
    while true {
      do {
        return try operation(attempt)
      } catch let error as ServerError where error.isRetryable {
        try Signals.check()
        let delay = max(Double.random(in: 0...bound(attempt)), leastDelaySeconds, error.retryAfterSeconds ?? 0)
        guard attempt <= retries, monotonicSeconds() - start + delay <= totalSeconds else { throw error }
        willRetry(error, delay)
        guard pause(seconds: delay) else { throw Signals.failure }
        attempt += 1
      }
    }
  }

  private func bound(_ attempt: Int) -> Double {
    var bound = firstDelaySeconds
    for _ in 1..<max(attempt, 1) { bound = min(bound * 2, longestDelaySeconds) }
    return bound
  }
}
