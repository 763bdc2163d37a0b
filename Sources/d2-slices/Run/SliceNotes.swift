import D2Common
import D2Ledger
import D2Store

/// Records the outcomes of slices in the ledger, and logs them.
struct SliceNotes {
  /// An attempt that has ended.
  struct Attempt {
    let slice: Slice
    let token: String
    let seconds: Double
    var status: Int
    let counts: Slice.Counts
    let rejects: String?
    /// Why values were refused, unless the run accepts refusals.
    let refusal: String?
  }

  /// Why attempts failed.
  struct Failure {
    var fault: String
    /// Whether waiting changes nothing, for example because the source denies the user these data. After two failures
    /// of the same kind, the slice is parked.
    var isLasting: Bool
    /// Whether a server that is down may be the cause.
    var isServers = false
  }

  private let settings: Runner.Settings
  private let log: Log
  private let meter: RunMeter
  private let breaker: CircuitBreaker
  private let ledger: Ledger

  /// If the store cannot be reached for this long, the run ends.
  private static let storePatienceSeconds = 600.0
  private static let longestPauseSeconds = 3600.0

  init(_ shared: Worker.Shared, _ ledger: Ledger) {
    (settings, log, meter, breaker) = (shared.settings, shared.log, shared.meter, shared.breaker)
    self.ledger = ledger
  }

  /// Retries an operation, because a short failure of the store must not end a run of days.
  func patiently<Result>(_ operation: () throws -> Result) throws -> Result {
    let start = monotonicSeconds()
    var delay = 0.2
    while true {
      do { return try operation() } catch let error as StoreError
        where error.kind == .unreachable || error.kind == .busy
      {
        guard monotonicSeconds() - start < Self.storePatienceSeconds else { throw error }
        log.warning("\(error); trying again")
        guard pause(seconds: delay) else { throw Signals.failure }
        delay = min(delay * 2, 15)
      }
    }
  }

  // MARK: Pulled and pushed

  /// Records slices that were moved together and have ended. Returns those that were recorded.
  func ended(_ attempts: [Attempt]) throws -> Set<Int> {
    let ends = attempts.map {
      Ledger.End($0.slice.id, status: $0.status, $0.counts, rejects: $0.rejects, refusal: $0.refusal)
    }
    let noted = try patiently {
      var noted = try ledger.finish(ends, token: attempts[0].token)
      // If the connection broke meanwhile, the database may have recorded the outcome nevertheless.
      for attempt in attempts where !noted.contains(attempt.slice.id) {
        let state = attempt.refusal == nil ? Slice.State.done : .refused
        if try isNoted(attempt.slice, attempts: attempt.slice.attempts, [state]) { noted.insert(attempt.slice.id) }
      }
      return noted
    }
    for attempt in attempts where noted.contains(attempt.slice.id) {
      let counts = attempt.counts
      meter.done(pulled: counts.pulled ?? 0, refused: counts.refused ?? 0, isAtRest: attempt.refusal != nil)
    }
    for attempt in attempts { say(attempt, isNoted: noted.contains(attempt.slice.id)) }
    meter.draw()
    return noted
  }

  private func say(_ attempt: Attempt, isNoted: Bool) {
    let counts = attempt.counts
    guard isNoted else {
      return log.error("\(name(attempt.slice)): done, but its lease was lost: it will run again")
    }
    let figures =
      "\(counts.pulled ?? 0) read, \((counts.imported ?? 0) + (counts.updated ?? 0) + (counts.deleted ?? 0)) taken, "
      + ((counts.removed ?? 0) > 0 ? "\(counts.removed!) deleted that the source lacks, " : "")
      + "\(counts.refused ?? 0) refused, \(DurationText.measured(attempt.seconds)); \(meter.progress)"
    if let refusal = attempt.refusal {
      let place = attempt.rejects.map { " (see \($0))" } ?? ""
      log.warning("\(name(attempt.slice)): done with refusals: \(refusal)\(place); \(figures)")
    } else {
      log.info("\(name(attempt.slice)): done: \(figures)")
    }
  }

  // MARK: Failed

  /// Records slices that failed together: one slice, or all that could not be moved because a server is down.
  func failed(_ attempts: [Attempt], _ failure: Failure) throws {
    var verdict = CircuitBreaker.Verdict(pauseSeconds: 0, isCharged: true)
    if failure.isServers {
      for attempt in attempts {
        verdict = breaker.failed(attempt.slice.id, of: attempt.slice.dataSet, isReachable: attempt.status != 69)
      }
    }
    for attempt in attempts { try note(attempt, failure, verdict) }
  }

  private func note(_ attempt: Attempt, _ failure: Failure, _ verdict: CircuitBreaker.Verdict) throws {
    let (slice, status) = (attempt.slice, attempt.status)
    let mostAttempts = failure.isLasting && slice.lastError == failure.fault ? 1 : settings.mostAttempts
    let backOff = min(settings.retrySeconds * Double(1 << min(slice.failures, 20)), Self.longestPauseSeconds)
    // After the others: when the pause is over, another slice finds out whether the server is back.
    let wait = verdict.pauseSeconds > 0 ? verdict.pauseSeconds + 1 : backOff * Double.random(in: 0.5...1)
    let attempts = slice.attempts - (verdict.isCharged ? 0 : 1)
    let isNoted = try patiently {
      let isNoted = try ledger.fail(
        slice.id, token: attempt.token, status: status, error: failure.fault, counts: verdict.isCharged,
        pauseSeconds: wait, mostAttempts: mostAttempts, attempt.counts, rejects: attempt.rejects)
      return try isNoted || self.isNoted(slice, attempts: attempts, [.retry, .failed])
    }
    guard isNoted else { return log.error("\(name(slice)): failed (\(failure.fault)), and its lease was lost") }
    let isParked = verdict.isCharged && slice.failures + 1 >= mostAttempts
    meter.failed(isParked: isParked)
    let next =
      isParked
      ? "parked after \(counted(slice.failures + 1, "failed attempt"))"
      : verdict.pauseSeconds > 0
        ? "the server seems down: all pause \(DurationText.measured(verdict.pauseSeconds))"
        : "again in \(DurationText.measured(wait))"
    log.warning("\(name(slice)): status \(status): \(failure.fault); \(next)")
  }

  /// Whether the ledger contains our record.
  private func isNoted(_ slice: Slice, attempts: Int, _ states: Set<Slice.State>) throws -> Bool {
    var isNoted = false
    try ledger.forEach(settings.pair, SliceSelection(ids: [slice.id])) {
      isNoted = states.contains($0.state) && $0.token == nil && $0.worker == Worker.name && $0.attempts == attempts
    }
    return isNoted
  }

  func lost(_ slice: Slice) { log.error("\(name(slice)): its lease is lost; the work on it was stopped") }

  private func name(_ slice: Slice) -> String {
    let time = slice.since.isEmpty ? (slice.periods.isEmpty ? "all time" : slice.periods) : "since \(slice.since)"
    let units =
      slice.orgUnits.count == 1 ? settings.unitName(slice.orgUnits[0]) : counted(slice.orgUnits.count, "unit")
    return "slice \(slice.id) (\(settings.dataSetName(slice.dataSet)), \(time), \(units))"
  }
}
