import D2Client
import D2Common
import D2Ledger
import D2Store
import Glibc

/// Moves a pair's slices with several workers in one process.
struct Runner {
  /// The settings that the workers share.
  struct Settings: Sendable {
    let store: StoreLocation
    let pair: Pair
    let command: String
    /// Whether one command may move several slices. Only d2's own commands are known to report the outcome of each.
    let joins: Bool
    let jobs: Int
    /// Whether workers of other hosts may use the same ledger.
    let sharesStore: Bool
    let environment: [String: String]
    let leaseSeconds: Double
    let order: Ledger.Order
    let mostAttempts: Int
    let retrySeconds: Double
    let acceptsRejects: Bool
    let trustsStatus: Bool
    let showsChildren: Bool
    let endsWhenIdle: Bool
    let mostSlices: Int?
    /// The name of the plan whose slices are moved; `nil` for all.
    let plan: String?
    let giveUpSeconds: Double?
    let rejectsFolder: String
    /// The folder that records what increments delivered; `nil` if nothing is recorded.
    let deliveredFolder: String?
    let dataSets: [String: String]
    let units: [String: String]

    func dataSetName(_ uid: String) -> String { dataSets[uid] ?? uid }
    func unitName(_ uid: String) -> String { units[uid] ?? uid }
  }

  private static let jobs = Option(
    "--jobs", "-j", as: .number(in: 1...256), help: "Run N slices at a time (default 1).")
  static let order = Option(
    "--order", as: .one(of: Ledger.Order.self), help: "Begin with the newest or the oldest period (default newest).")
  private static let lease = Option(
    "--lease", as: .duration,
    help: "Let a worker keep its slice for TIME after it dies (default 2m; a live worker renews).")
  private static let attempts = Option(
    "--attempts", as: .number(in: 1...1000), help: "Park a slice after N failed attempts (default 5).")
  private static let retryAfter = Option(
    "--retry-after", as: .duration,
    help: "Wait this long before the second attempt (default 30s); the pause doubles each time.")
  private static let acceptRejects = Flag(
    "--accept-rejects",
    help: "Mark slices with refused values as done; the rejects keep these values (default: mark them as refused).")
  private static let trustStatus = Flag(
    "--trust-status",
    help: "Mark a slice as done if the command ends with 0, without proof that d2-pull and d2-push ended well.")
  private static let rejectsDir = Option(
    "--rejects-dir", value: "DIR",
    help: "Keep the refused values of each slice in DIR (default: beside the user's store).")
  private static let plan = Option("--plan", value: "NAME", help: "Run only slices of this plan.")
  private static let giveUpAfter = Option(
    "--give-up-after", as: .duration,
    help: "End if a server has been down for TIME (default: wait until it is back).")
  private static let maxSlices = Option("--max-slices", as: .number(in: 0...Int.max), help: "End after N slices.")
  private static let noWait = Flag(
    "--no-wait", help: "End when no slice is waiting, even if retries are due later or other workers still run.")

  static let options: [any AnyOption] = [
    jobs, ImportLimit.option, order, lease, attempts, retryAfter, acceptRejects, trustStatus, rejectsDir, plan,
    giveUpAfter, maxSlices, noWait,
  ]

  /// A worker reads the next slices while it delivers the previous ones.
  static let lanes = 2

  /// The command to run by default.
  static let defaultCommand =
    "d2-pull --slice \"$D2_SLICE\" --spool | d2-push --slice \"$D2_SLICE\" --rejects \"$D2_REJECTS\" >/dev/null"

  private let arguments: Arguments
  private let log: Log
  private let jobs: Int
  private let settings: Settings
  private let open: Int
  private let ends: [DHIS2Client]

  init(_ arguments: Arguments, _ log: Log) throws {
    self.arguments = arguments
    self.log = log
    jobs = arguments[Self.jobs] ?? 1
    if let word = arguments.operands.first, arguments.operands.count > arguments.operandsBehindDashes.count {
      throw CommandFailure(.usage, "unexpected argument \(word.quoted): put the command after --")
    }
    guard arguments.operands.count <= 1 else {
      throw CommandFailure(.usage, "the command must be one word of the shell: put it into quotes")
    }
    let environment = arguments.environment
    let location = try StoreLocation.resolve(option: arguments[Store.option], environment: environment)
    let (store, pair) = try PairOptions.open(arguments, writes: true)
    var units: [String: String] = [:]
    try OrgUnitTable(store, pair).forEach { if $0.isActive { units[$0.uid] = $0.name } }
    settings = Settings(
      store: location, pair: pair, command: arguments.operands.first ?? Self.defaultCommand,
      joins: arguments.operands.isEmpty, jobs: jobs,
      sharesStore: store.database.dialect == .postgresql,
      environment: Self.environment(environment, location, arguments),
      leaseSeconds: arguments[Self.lease] ?? 120, order: arguments[Self.order] ?? .newest,
      mostAttempts: arguments[Self.attempts] ?? Worker.defaultAttempts,
      retrySeconds: arguments[Self.retryAfter] ?? 30, acceptsRejects: arguments[Self.acceptRejects],
      trustsStatus: arguments[Self.trustStatus], showsChildren: arguments[CommandDescription.verbose],
      endsWhenIdle: arguments[Self.noWait], mostSlices: arguments[Self.maxSlices],
      plan: arguments[Self.plan], giveUpSeconds: arguments[Self.giveUpAfter],
      rejectsFolder: try Self.rejectsFolder(arguments, environment, location, pair),
      deliveredFolder: arguments.operands.isEmpty
        ? DeliveredFolder.path(environment, location, pair: pair.id) : nil,
      dataSets: try DataSetTable(store, pair).names(), units: units)
    var ends: [DHIS2Client] = []
    for server in [pair.source, pair.destination] {
      var options = try ServerOptions(arguments, log, server)
      // The servers are asked while a slice is held, so both answers together must take less time than its lease.
      options.configuration.limitPatience(seconds: max(1, settings.leaseSeconds / 8))
      ends.append(DHIS2Client(options, log))
    }
    self.ends = ends
    let open = try Ledger(store).open(pair, plan: settings.plan)
    self.open = open.waiting + open.leased + open.retry
    guard settings.leaseSeconds >= 1 else { throw CommandFailure(.usage, "--lease: at least a second") }
  }

  /// The commands of the pipeline must find the same store, and each other.
  private static func environment(
    _ environment: [String: String], _ location: StoreLocation, _ arguments: Arguments
  ) -> [String: String] {
    var environment = environment
    switch location {
    case .sqlite(let path): environment["D2_STORE"] = WorkingFolder.absolute(path)
    case .postgresql(let url): environment["D2_STORE"] = url
    }
    // d2-push multiplies its own requests by the number of workers.
    let jobs = arguments[ImportLimit.option] ? 1 : arguments[jobs] ?? 1
    environment[ImportLimit.jobsVariable] = String(jobs)
    if let folder = OwnFolder.path { environment["PATH"] = folder + ":" + (environment["PATH"] ?? "/usr/bin:/bin") }
    return environment
  }

  private static func rejectsFolder(
    _ arguments: Arguments, _ environment: [String: String], _ location: StoreLocation, _ pair: Pair
  ) throws(CommandFailure) -> String {
    var folder = arguments[rejectsDir] ?? ""
    if folder.isEmpty {
      folder = environment["D2_REJECTS_DIR"] ?? ""
      if folder.isEmpty {
        let state = try StateFolder.path(environment, orElse: "say where refused values go with --rejects-dir")
        // The numbers of pairs and slices start again in each store.
        folder = "\(state)/rejects/\(location.fingerprint)"
      }
      folder += "/pair-\(pair.id)"
    }
    folder = WorkingFolder.absolute(folder)
    PrivateFolder.make(folder)
    guard access(folder, W_OK) == 0 else {
      throw CommandFailure(.cannotWrite, "cannot write to \(folder): \(SystemError())")
    }
    return folder
  }

  /// Refuses more workers than the destination can bear imports, before any worker begins. Values for a queue do not
  /// count as imports.
  private func limitImports() throws {
    guard jobs > ImportLimit.most, !arguments[ImportLimit.option], settings.command.firstRange(of: "--via") == nil
    else { return }
    let version = try ServerInfo(ends[1]).version
    guard ImportLimit.isNeeded(by: version) else { return }
    throw ImportLimit.failure("--jobs \(jobs)", imports: jobs, version)
  }

  func run() async throws -> ExitStatus {
    try limitImports()
    // Before a run gives up, it must have checked whether the servers answer.
    let breaker = CircuitBreaker(
      firstPauseSeconds: min(settings.retrySeconds, 5), patienceSeconds: min(900, (settings.giveUpSeconds ?? 1800) / 2),
      refusal: { [ends] in ends.lazy.compactMap(Self.refusal).first }
    ) { [ends] in ends.allSatisfy(\.answers) }
    let meter = RunMeter(open: open, log, draws: log.draws) { breaker.pausedSeconds }
    let output = LineOutput.standardOutput()
    log.info(
      "\(counted(open, "slice")) of \(settings.pair.label)\(verbForm(open, "is", "are")) open; \(jobs) at a time")
    ChildProcess.adoptOrphans()
    WorkFolder.removeAbandoned(in: TemporaryFile.folder(settings.environment))
    let failure = await work(meter, breaker, output)
    try output.flush()
    log.wipe()
    let figures = meter.figures
    log.info(
      "\(counted(figures.done - figures.withRefusals, "slice")) done, \(figures.withRefusals) done with refusals, "
        + "\(counted(figures.failed, "failed attempt")), \(figures.parked) parked; \(counted(figures.pulled, "value")) read, \(figures.refused) refused; \(DurationText.measured(meter.seconds))"
    )
    if let signal = Signals.received {
      log.error("interrupted; run it again to resume")
      return signal == SIGINT ? .interrupted : .terminated
    }
    if let failure { throw failure }
    if let refusal = breaker.refusal {
      log.error("\(refusal); the run stopped, and no attempt counts: correct the credentials, then run it again")
      return .refused
    }
    if let most = settings.giveUpSeconds, breaker.downSeconds >= most {
      log.error("a server has been down for \(DurationText.rough(breaker.downSeconds)): gave up; run it again later")
      return .temporary
    }
    let rests = try tellOfResting()
    return !rests && figures.refused == 0 ? .success : .incomplete
  }

  /// The message of a server that refuses the password or token; `nil` if it does not, or does not answer.
  private static func refusal(_ client: DHIS2Client) -> String? {
    do { _ = try client.json("/api/me?fields=id") } catch let error as ServerError
      where error.kind == .status(401) || error.isForeignToken
    {
      return "\(error)"
    } catch {}
    return nil
  }

  /// Returns the first failure, after all workers have ended.
  private func work(_ meter: RunMeter, _ breaker: CircuitBreaker, _ output: LineOutput) async -> (any Error)? {
    let lanes = settings.joins ? Self.lanes : 1
    let executor = BlockingExecutor(threads: jobs * lanes)
    let shared = Worker.Shared(settings: settings, log: log, meter: meter, breaker: breaker, output: output)
    return await withTaskGroup(of: (any Error)?.self) { group in
      for _ in 0..<jobs {
        do {
          let home = try WorkFolder(in: TemporaryFile.folder(settings.environment))
          for _ in 0..<lanes {
            group.addTask(executorPreference: executor) {
              do {
                try Worker(shared, home: home).run()
                return nil
              } catch { return error }
            }
          }
        } catch {
          group.addTask { error }
        }
      }
      return await group.reduce(nil) { $0 ?? $1 }
    }
  }

  /// Reports how many slices wait for a reset by the user, whoever moved them. Returns whether there are any.
  private func tellOfResting() throws -> Bool {
    let counts = try Ledger(Store(settings.store)).progress(settings.pair, plan: settings.plan)
    let (parked, refused) = (counts.count(of: .failed), counts.count(of: .refused))
    let pair = settings.pair.word
    if parked > 0 {
      log.error(
        "\(counted(parked, "slice"))\(verbForm(parked, "is", "are")) parked: d2-slices list --pair \(pair) --state failed"
      )
    }
    if refused > 0 {
      log.error(
        "\(counted(refused, "slice"))\(verbForm(refused, "is", "are")) done with refusals: d2-slices list --pair \(pair) --state refused "
          + "says why; after fixing the cause: d2-slices reset --pair \(pair) --state refused")
    }
    return parked + refused > 0
  }
}
