import D2Client
import D2Common
import D2Ledger
import D2Store
import Glibc

/// Claims slices, runs the command for them, and records the outcome of each.
///
/// One pipeline moves several neighbouring slices, as many as pay. If it fails, the worker bisects them until it has
/// found the slice that fails.
final class Worker {
  /// What the workers of a run share.
  struct Shared: Sendable {
    let settings: Runner.Settings
    let log: Log
    let meter: RunMeter
    let breaker: CircuitBreaker
    let output: LineOutput
    let size = RunSize()
  }

  private let shared: Shared
  private let home: WorkFolder
  private let ledger: Ledger
  private let notes: SliceNotes
  private let pipeline: Pipeline
  private var settings: Runner.Settings { shared.settings }
  private var breaker: CircuitBreaker { shared.breaker }

  static let defaultAttempts = 5
  /// The wait for slices of other workers, which may fail.
  private static let idleSeconds = 1.0
  private static let lookAgainSeconds = 0.02

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

  /// - Parameter home: the folder with the session and the turns of its commands; another worker may share it.
  init(_ shared: Shared, home: WorkFolder) throws {
    self.shared = shared
    self.home = home
    ledger = Ledger(try Store(shared.settings.store))
    try ledger.hurry()
    notes = SliceNotes(shared, ledger)
    pipeline = Pipeline(
      settings: shared.settings, log: shared.log, meter: shared.meter, output: shared.output, home: home)
  }

  /// Works until no slice is left, or a signal comes.
  func run() throws {
    while breaker.wait(), !hasGivenUp {
      let room = shared.meter.reserve(wanted, ofAll: settings.mostSlices)
      guard room > 0 else { return }
      let token = Self.newToken()
      let begin = monotonicSeconds()
      let slices = try notes.patiently {
        try ledger.claimRun(
          settings.pair, worker: Self.name, token: token, leaseSeconds: settings.leaseSeconds, order: settings.order,
          most: room, plan: settings.plan, last: breaker.suspect)
      }
      shared.meter.giveBack(room - slices.count)
      if slices.isEmpty {
        guard try waitForSlices() else { return }
        continue
      }
      shared.log.debug("\(counted(slices.count, "slice")) claimed in \(Int((monotonicSeconds() - begin) * 1e6)) µs")
      try work(on: slices, token)
    }
  }

  private var hasGivenUp: Bool { settings.giveUpSeconds.map { breaker.downSeconds >= $0 } ?? false }

  private var wanted: Int {
    guard settings.joins else { return 1 }
    return shared.size.next(
      left: shared.meter.left, of: shared.meter.total, workers: settings.jobs * Runner.lanes,
      sharesStore: settings.sharesStore)
  }

  /// Waits a moment for slices of other workers. Returns false if no slice is left.
  private func waitForSlices() throws -> Bool {
    let ended = shared.meter.figures.ended
    let open = try notes.patiently { try ledger.open(settings.pair, plan: settings.plan) }
    if open.waiting + open.leased + open.retry == 0 { return false }
    if settings.endsWhenIdle, open.waiting == 0 { return false }
    shared.meter.draw()
    let due = open.nextMilliseconds.map { max(0.05, Double($0) / 1000) } ?? Self.idleSeconds
    let end = monotonicSeconds() + (open.waiting > 0 ? 0.05 : min(due, Self.idleSeconds))
    // Another worker of this run may finish the last slice meanwhile.
    while monotonicSeconds() < end, shared.meter.figures.ended == ended {
      guard pause(seconds: Self.lookAgainSeconds) else { return false }
    }
    return true
  }

  // MARK: The slices of one claim

  /// What to do after slices were moved.
  private enum Verdict {
    case noted
    /// One slice made the pipeline fail. The worker bisects them to find it.
    case divide
    /// Stop: a signal came, or the lease was lost.
    case stop
  }

  private func work(on slices: [Slice], _ token: String) throws {
    do { try move(slices, token) } catch {
      // Slices that did not end need not wait until the lease expires.
      try? ledger.releaseAll(token: token)
      throw error
    }
  }

  /// Moves the slices of a claim, and bisects them if one makes the others fail.
  private func move(_ slices: [Slice], _ token: String) throws {
    var lease = HeldLease(of: slices.count, token, seconds: settings.leaseSeconds, ledger)
    var parts = [slices]
    while let part = parts.popLast() {
      switch try move(part, token, &lease) {
      case .noted: lease.ended(part.count)
      case .divide:
        let half = part.count / 2
        shared.log.info("\(counted(part.count, "slice")) failed together; moving them in two parts")
        parts += [Array(part[half...]), Array(part[..<half])]
      case .stop:
        return try notes.patiently { try ledger.releaseAll(token: token) }
      }
    }
  }

  private func move(_ slices: [Slice], _ token: String, _ lease: inout HeldLease) throws -> Verdict {
    let rejects = SharedRejects(slices, folder: settings.rejectsFolder, token: token)
    let result = try pipeline.run(slices, rejects: rejects.attempt, &lease)
    switch result.end {
    case .status(let status): return try judge(slices, token, status, result, rejects)
    case .lost: for slice in slices { notes.lost(slice) }
    case .interrupted: break
    }
    _ = try rejects.deal(slices)
    for files in rejects.files { _ = try files.keep(isWhole: false) }
    return .stop
  }

  private func judge(
    _ slices: [Slice], _ token: String, _ status: Int, _ result: Pipeline.Result, _ rejects: SharedRejects
  ) throws -> Verdict {
    let outcome = AttemptOutcome(status: status, result, settings)
    if case .failed(let fault, let isLasting) = outcome {
      if try areCredentialsRefused(status, result, token) {
        rejects.discard()
        return .stop
      }
      if slices.count > 1, try !isServerDown(status, slices, token) {
        rejects.discard()
        return .divide
      }
      return try noteFailure(slices, token, (status, fault, isLasting), result, rejects)
    }
    guard let reading = RunReading(of: slices, pull: result.pull, push: result.push), try rejects.deal(slices) else {
      rejects.discard()
      return .divide
    }
    breaker.succeeded()
    shared.size.took(slices.count, seconds: result.seconds)
    let attempts = try slices.indices.map { place in
      let (pull, push) = (reading.summaries[place].pull, reading.summaries[place].push)
      let own = slices.count == 1 ? status : push?["status"]?.int ?? 0
      let part = Pipeline.Result(
        end: .status(own), pull: pull, push: push, lastLine: result.lastLine,
        seconds: result.seconds / Double(slices.count))
      let outcome = AttemptOutcome(status: own, part, settings)
      return SliceNotes.Attempt(
        slice: slices[place], token: token, seconds: part.seconds, status: own,
        counts: Slice.Counts(pull: pull, push: push), rejects: try rejects.files[place].keep(isWhole: true),
        refusal: outcome.refusal)
    }
    let noted = try notes.ended(attempts)
    for attempt in attempts where attempt.slice.periods.isEmpty {
      let counts = attempt.counts
      let isWhole = attempt.refusal == nil && counts.refused ?? 0 == 0 && counts.notSent ?? 0 == 0
      pipeline.keepDelivered(attempt.slice, isWhole: isWhole && noted.contains(attempt.slice.id))
    }
    return .noted
  }

  private func noteFailure(
    _ slices: [Slice], _ token: String, _ failure: (status: Int, fault: String, isLasting: Bool),
    _ result: Pipeline.Result, _ rejects: SharedRejects
  ) throws -> Verdict {
    _ = try rejects.deal(slices)
    let attempts = try slices.indices.map { place in
      SliceNotes.Attempt(
        slice: slices[place], token: token, seconds: result.seconds, status: max(failure.status, 1),
        counts: slices.count == 1 ? Slice.Counts(pull: result.pull, push: result.push) : Slice.Counts(),
        rejects: try rejects.files[place].keep(isWhole: false), refusal: nil)
    }
    if let refusal = result.pull?["refusal"]?.string, slices.count == 1, try isAlive(token) {
      var attempt = attempts[0]
      attempt.status = Int(ExitStatus.refused.rawValue)
      try notes.failed([attempt], .init(fault: StableReason.of("d2-pull: " + refusal), isLasting: true))
    } else {
      let isServers = CircuitBreaker.statuses.contains(failure.status)
      try notes.failed(
        attempts, .init(fault: failure.fault, isLasting: failure.isLasting, isServers: isServers))
    }
    return .noted
  }

  /// Whether slices failed because a server refuses the credentials. Their attempts do not count.
  private func areCredentialsRefused(_ status: Int, _ result: Pipeline.Result, _ token: String) throws -> Bool {
    let statuses = [status, result.pull?["status"]?.int, result.push?["status"]?.int]
    // The source names data that it refuses.
    guard statuses.contains(Int(ExitStatus.refused.rawValue)), result.pull?["refusal"]?.string == nil else {
      return false
    }
    try renewLease(token)
    return breaker.credentialsAreRefused()
  }

  /// Whether slices failed because a server is down, and not because of one of them.
  private func isServerDown(_ status: Int, _ slices: [Slice], _ token: String) throws -> Bool {
    guard CircuitBreaker.statuses.contains(status) else { return false }
    return try !isAlive(token)
  }

  /// Whether both servers accept the user.
  private func isAlive(_ token: String) throws -> Bool {
    try renewLease(token)
    return breaker.isAlive()
  }

  /// Renews the lease before the servers are asked, because the requests take a part of it.
  private func renewLease(_ token: String) throws {
    _ = try notes.patiently { try ledger.renewAll(token: token, leaseSeconds: settings.leaseSeconds) }
  }
}
