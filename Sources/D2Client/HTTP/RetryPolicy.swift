import D2Common

/// When to try again: exponential back-off with full jitter, bounded in number and in time.
///
/// Full jitter (a delay drawn between zero and the bound) keeps clients that failed together from coming back together.
package struct RetryPolicy: Sendable {
  /// How often a request is repeated.
  package var retries = 5
  /// How long after the first attempt another may begin.
  package var totalSeconds = 600.0
  /// The bound of the first delay; each further one doubles.
  package var firstDelaySeconds = 0.5
  /// No delay is shorter: a request whose answer was lost may still be at work.
  package var leastDelaySeconds = 0.0
  /// No delay is longer, unless the server asks for it.
  package var longestDelaySeconds = 60.0

  package init() {}

  /// Tries until it succeeds, the failure is final, or the policy is used up. `operation` gets the number of the
  /// attempt, from 1.
  ///
  /// - Parameter willRetry: told of each failure that is retried, with the delay in seconds.
  /// - Throws: the last failure; `CommandFailure` when a signal came meanwhile.
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
