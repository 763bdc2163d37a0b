import D2Client
import D2Common
import D2Ledger
import D2Store
import Glibc

/// Claims slices one after the other, runs the command for each, and notes what came of it.
final class Worker {
  private let settings: Runner.Settings
  private let log: Log
  private let meter: RunMeter
  private let breaker: CircuitBreaker
  private let output: LineOutput
  private let ledger: Ledger
  private var pair: Pair { settings.pair }

  static let defaultAttempts = 5
  /// How long a child that was asked to end may take.
  private static let gracePeriodSeconds = 30.0
  /// Waiting for slices of others, which may fail.
  private static let idleSeconds = 1.0
  /// A store that cannot be reached for so long ends the run.
  private static let storePatienceSeconds = 600.0
  private static let longestPauseSeconds = 3600.0

  static var name: String {
    var buffer = [CChar](repeating: 0, count: 256)
    gethostname(&buffer, buffer.count - 1)
    let host = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    return "\(host):\(getpid())"
  }

  static func newToken() -> String {
    var random = SystemRandomNumberGenerator()
    return String(random.next(), radix: 16) + String(random.next(), radix: 16)
  }

  init(_ settings: Runner.Settings, _ log: Log, meter: RunMeter, breaker: CircuitBreaker, output: LineOutput) throws {
    self.settings = settings
    self.log = log
    self.meter = meter
    self.breaker = breaker
    self.output = output
    ledger = Ledger(try Store(settings.store))
    try ledger.hurry()
  }

  /// Works until nothing is left, or a signal comes.
  func run() throws {
    while breaker.wait(), !hasGivenUp, !meter.hasEnough(settings.mostSlices) {
      let token = Self.newToken()
      let begin = monotonicSeconds()
      let slice = try patiently {
        try ledger.claim(
          pair, worker: Self.name, token: token, leaseSeconds: settings.leaseSeconds, order: settings.order,
          plan: settings.plan, last: breaker.suspect)
      }
      guard let slice else {
        meter.gotNone()
        let open = try patiently { try ledger.open(pair, plan: settings.plan) }
        if open.waiting + open.leased + open.retry == 0 { return }
        if settings.endsWhenIdle, open.waiting == 0 { return }
        meter.draw()
        let due = open.nextMilliseconds.map { max(0.05, Double($0) / 1000) } ?? Self.idleSeconds
        guard pause(seconds: open.waiting > 0 ? 0.05 : min(due, Self.idleSeconds)) else { return }
        continue
      }
      log.debug("slice \(slice.id) claimed in \(Int((monotonicSeconds() - begin) * 1e6)) µs")
      try work(on: slice, token)
    }
  }

  private var hasGivenUp: Bool { settings.giveUpSeconds.map { breaker.downSeconds >= $0 } ?? false }

  /// A store that is gone for a moment does not end a run of days.
  private func patiently<Result>(_ operation: () throws -> Result) throws -> Result {
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

  // MARK: One slice

  /// How a command ended.
  private enum End {
    case status(Int)
    /// The lease was lost: somebody else may have the slice.
    case lost
    /// A signal came.
    case interrupted
  }

  private func work(on slice: Slice, _ token: String) throws {
    let start = monotonicSeconds()
    let folder = try WorkFolder(in: TemporaryFile.folder(settings.environment))
    let files = SliceRejects(folder: settings.rejectsFolder, id: slice.id, token: token)
    var (lastOfPull, lastOfOthers) = ("", "")
    let end = try attempt(slice, token, folder, files.attempt) { line in
      if line.hasPrefix("d2-pull: ") { lastOfPull = line } else if !line.isEmpty { lastOfOthers = line }
    }
    let (pull, push) = (folder.summary("pull"), folder.summary("push"))
    switch end {
    case .interrupted:
      _ = try patiently { try ledger.release(slice.id, token: token) }
      _ = try files.keep(isWhole: false)
    case .lost:
      log.error("\(name(slice)): its lease is lost; the work on it was stopped")
      _ = try files.keep(isWhole: false)
    case .status(let status):
      // The last words of one that did its part, or was cut short by another, are no reason.
      let isPullsFault = pull?["status"]?.int ?? 0 != 0
      let (first, second) = isPullsFault ? (lastOfPull, lastOfOthers) : (lastOfOthers, lastOfPull)
      // Names that each attempt has for itself tell nothing of the cause.
      let lastLine = (first.isEmpty ? second : first).replacing(files.attempt, with: "$D2_REJECTS")
        .replacing(folder.path, with: "$D2_SUMMARY_DIR")
      let outcome = AttemptOutcome(
        status: status, pull: pull, push: push, lastLine: lastLine, acceptsRejects: settings.acceptsRejects,
        trustsStatus: settings.trustsStatus)
      let isWhole = if case .failed = outcome { false } else { true }
      var attempt = Attempt(
        slice: slice, token: token, seconds: monotonicSeconds() - start, status: status,
        counts: Slice.Counts(pull: pull, push: push),
        rejects: try files.keep(isWhole: isWhole))
      switch outcome {
      case .done: try noteEnd(attempt, refusal: nil)
      case .refused(let reason): try noteEnd(attempt, refusal: reason)
      case .failed(let fault, let isLasting):
        if let refusal = pull?["refusal"]?.string, try isAlive(slice, token) {
          attempt.status = Int(ExitStatus.refused.rawValue)
          try noteFailure(attempt, StableReason.of("d2-pull: " + refusal), isLasting: true, isServers: false)
        } else {
          attempt.status = max(status, 1)
          let isServers = CircuitBreaker.statuses.contains(status)
          try noteFailure(attempt, fault, isLasting: isLasting, isServers: isServers)
        }
      }
    }
  }

  /// Whether both ends know the user. That takes a part of the lease, which therefore begins anew.
  private func isAlive(_ slice: Slice, _ token: String) throws -> Bool {
    _ = try patiently { try ledger.renew(slice.id, token: token, leaseSeconds: settings.leaseSeconds) }
    return breaker.isAlive()
  }

  private func attempt(
    _ slice: Slice, _ token: String, _ folder: WorkFolder, _ rejects: String, lastLine: (String) -> Void
  ) throws -> End {
    var environment = settings.environment
    // Without its token: only the worker may say that it is done.
    var task = slice
    task.token = nil
    environment["D2_SLICE"] = task.task.text
    environment["D2_SLICE_ID"] = String(slice.id)
    environment["D2_PAIR"] = Pair.reference(slice.pair)
    environment["D2_SUMMARY_DIR"] = folder.path
    environment["D2_REJECTS"] = rejects
    let child = try Child(settings.command, environment: environment)
    var lease = HeldLease(slice.id, token, seconds: settings.leaseSeconds, ledger)
    var killAt: Double?
    while true {
      let status = try child.wait(milliseconds: 200) { line, isError in
        if isError {
          lastLine(line)
          if settings.showsChildren { log.relay(line) }
        } else {
          try output.line(line)
        }
      }
      if let status {
        try output.flush()
        if lease.isLost { return .lost }
        return Signals.received == nil ? .status(Int(status)) : .interrupted
      }
      meter.draw()
      let now = monotonicSeconds()
      if killAt == nil, lease.isLost || Signals.received != nil {
        child.signal(SIGTERM)
        killAt = now + Self.gracePeriodSeconds
      }
      if let deadline = killAt, now >= deadline { child.signal(SIGKILL) }
      try lease.keep(now)
    }
  }

  // MARK: What came of it

  /// An attempt that came to its end, as it is noted.
  private struct Attempt {
    let slice: Slice
    let token: String
    let seconds: Double
    var status: Int
    let counts: Slice.Counts
    let rejects: String?
  }

  /// - Parameter refusal: why values were refused, where nobody accepts that.
  private func noteEnd(_ attempt: Attempt, refusal: String?) throws {
    let (slice, counts) = (attempt.slice, attempt.counts)
    breaker.succeeded()
    let isNoted = try certainly(slice.id, attempts: slice.attempts, then: [refusal == nil ? .done : .refused]) {
      try ledger.finish(
        slice.id, token: attempt.token, status: attempt.status, counts, rejects: attempt.rejects, refusal: refusal)
    }
    guard isNoted else { return log.error("\(name(slice)): done, but its lease was lost: it will be done again") }
    meter.done(pulled: counts.pulled ?? 0, refused: counts.refused ?? 0, isAtRest: refusal != nil)
    let figures =
      "\(counts.pulled ?? 0) read, \((counts.imported ?? 0) + (counts.updated ?? 0) + (counts.deleted ?? 0)) taken, "
      + "\(counts.refused ?? 0) refused, \(DurationText.measured(attempt.seconds)); \(meter.progress)"
    if let refusal {
      let place = attempt.rejects.map { " (see \($0))" } ?? ""
      log.warning("\(name(slice)): done with refusals: \(refusal)\(place); \(figures)")
    } else {
      log.info("\(name(slice)): done: \(figures)")
    }
    meter.draw()
  }

  /// - Parameters:
  ///   - isLasting: whether waiting changes nothing, as where the source refuses the user just these data: when it has
  ///     failed twice in the same way, the slice is parked.
  ///   - isServers: whether it may be the fault of a server that is down.
  private func noteFailure(_ attempt: Attempt, _ fault: String, isLasting: Bool, isServers: Bool) throws {
    let (slice, status) = (attempt.slice, attempt.status)
    let mostAttempts = isLasting && slice.lastError == fault ? 1 : settings.mostAttempts
    let verdict =
      isServers
      ? breaker.failed(slice.id, of: slice.dataSet, isReachable: status != 69)
      : CircuitBreaker.Verdict(pauseSeconds: 0, isCharged: true)
    let backOff = min(settings.retrySeconds * Double(1 << min(slice.attempts - 1, 20)), Self.longestPauseSeconds)
    // Behind the others: when the pause is over, another slice finds out whether the server is back.
    let wait = verdict.pauseSeconds > 0 ? verdict.pauseSeconds + 1 : backOff * Double.random(in: 0.5...1)
    let attempts = slice.attempts - (verdict.isCharged ? 0 : 1)
    let isNoted = try certainly(slice.id, attempts: attempts, then: [.retry, .failed]) {
      try ledger.fail(
        slice.id, token: attempt.token, status: status, error: fault, counts: verdict.isCharged, pauseSeconds: wait,
        mostAttempts: mostAttempts, attempt.counts, rejects: attempt.rejects)
    }
    guard isNoted else { return log.error("\(name(slice)): failed (\(fault)), and its lease was lost") }
    let isParked = verdict.isCharged && slice.attempts >= mostAttempts
    meter.failed(isParked: isParked)
    let next =
      isParked
      ? "parked after \(counted(slice.attempts, "attempt"))"
      : verdict.pauseSeconds > 0
        ? "the server seems down: all pause \(DurationText.measured(verdict.pauseSeconds))"
        : "again in \(DurationText.measured(wait))"
    log.warning("\(name(slice)): status \(status): \(fault); \(next)")
  }

  /// Where the connection broke over the note, it may have been taken all the same.
  private func certainly(
    _ id: Int, attempts: Int, then states: Set<Slice.State>, _ note: () throws -> Bool
  ) throws -> Bool {
    try patiently {
      if try note() { return true }
      var isNoted = false
      try ledger.forEach(pair, SliceSelection(ids: [id])) {
        isNoted = states.contains($0.state) && $0.token == nil && $0.worker == Self.name && $0.attempts == attempts
      }
      return isNoted
    }
  }

  private func name(_ slice: Slice) -> String {
    let time = slice.since.isEmpty ? (slice.periods.isEmpty ? "all time" : slice.periods) : "since \(slice.since)"
    let units =
      slice.orgUnits.count == 1 ? settings.unitName(slice.orgUnits[0]) : counted(slice.orgUnits.count, "unit")
    return "slice \(slice.id) (\(settings.dataSetName(slice.dataSet)), \(time), \(units))"
  }
}
