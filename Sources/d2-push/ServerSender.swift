import D2Client
import D2Common

/// Posts batches to a DHIS2 server until each value has an outcome.
struct ServerSender: BatchSender {
  private let options: PushOptions
  private let client: DHIS2Client
  private let destination: Destination
  private let locator: LineLocator
  private let pace: Pace
  /// The registrations that came with values, if the input consists of them.
  private let held: HeldRegistrations?

  /// If requests are faster than this, d2-push makes the next batch while they run.
  private static let quickSeconds = 0.2
  /// One batch is sent, two are compressed meanwhile, and one is filled. Together they share the bytes of one.
  private static let batchesAhead = 4

  /// Signs in and finds out which server it is.
  ///
  /// - Parameters:
  ///   - held: if the input is registrations that came with values.
  ///   - checkCalendar: refuses a destination whose calendar differs from that of the values' source, if the source is
  ///     known.
  /// - Throws: `ServerError`; `CommandFailure`, 64, for an option that this server does not support.
  init(
    _ options: PushOptions, _ client: DHIS2Client, held: HeldRegistrations? = nil,
    checkCalendar: (_ calendar: String) throws -> Void = { _ in }
  ) throws {
    self.options = options
    self.held = held
    self.client = client
    let server = try DestinationTraits(client, options)
    if let calendar = server.calendar { try checkCalendar(calendar) }
    if server.failsWholeGroups, let strategy = options.importStrategy, ["CREATE", "UPDATE"].contains(strategy) {
      throw CommandFailure(
        .usage,
        "--import-strategy \(strategy): this server (\(server.version?.text ?? "")) would create and update; the only other strategy that it knows is DELETE"
      )
    }
    try Self.limitImports(options, client, server)
    let elements = options.kind == .dataValues ? ElementDirectory(client, asks: options.asksAboutElements) : nil
    locator = LineLocator(options, server, elements)
    pace = Pace(options, client, server)
    let metadata = ServerMetadata(client, options)
    destination = Destination(
      Importer(client, options, server), server, metadata, options, sizer: pace.sizer, looksAhead: options.looksAhead)
    guard let dataSet = options.expectedDataSet else { return }
    // Ask now, while the source still works on its answer.
    elements?.expect(dataSet: dataSet)
    if server.failsWholeGroups, options.looksAhead { _ = metadata.units(of: dataSet) }
  }

  /// Up to 2.42, too many concurrent imports stop the server for good. The limit counts all workers of a run on this
  /// host.
  private static func limitImports(
    _ options: PushOptions, _ client: DHIS2Client, _ server: DestinationTraits
  ) throws(CommandFailure) {
    guard ImportLimit.isNeeded(by: server.version), !options.forcesConcurrency else { return }
    let (jobs, number, isFound) = (options.jobsOfRun, options.server.concurrency, options.server.findsConcurrency)
    let imports = isFound ? jobs : jobs * number
    guard imports <= ImportLimit.most else {
      let workers = "\(jobs) workers at a time" + (isFound ? "" : ", each with --concurrency \(number)")
      throw ImportLimit.failure(jobs == 1 ? "--concurrency \(number)" : workers, imports: imports, server.version)
    }
    if isFound { client.limit.restrict(to: ImportLimit.most / jobs) }
  }

  // MARK: BatchSender

  var followSeconds: Double { 0 }
  var isQuick: Bool { (pace.sizer.lastSeconds ?? .infinity) <= Self.quickSeconds }
  var compressesAhead: Bool { isQuick && options.compressesValues && client.limit.current == 1 }
  var learnt: JSONValue { pace.sizer.learnt }

  func batchMaker() -> any BatchMaker {
    // The turn of this command has come.
    pace.takeUp()
    return Batcher(options, destination.traits, pace.sizer) {
      compressesAhead ? Self.batchesAhead : client.limit.current
    }
  }

  /// The uid of the destination's default option combo.
  var defaultCombo: [UInt8] { destination.traits.defaultCombo }

  func locate(_ block: [UInt8]) -> LocatedLines {
    var piece = locator.locate(block)
    held?.keepBack(&piece)
    return piece
  }

  func send(_ batch: Batch, follows: Bool) -> SentBatch {
    let start = monotonicSeconds()
    let begun = pace.begin()
    var settlement = Settlement(batch, destination)
    let (settled, failure) = settlement.run()
    var outcome = settled
    outcome.seconds = monotonicSeconds() - start
    pace.ended(batch, seconds: outcome.seconds, begun: begun, isUsual: outcome.attempts == 1 && failure == nil)
    if options.dryRun { outcome.notes = [.init("dryRun", true)] }
    if held != nil { outcome.notes.append(.init("registrations", true)) }
    if options.deletesStale { outcome.notes.append(.init("stale", true)) }
    return .answered(outcome, failure: failure)
  }

  func look(at asked: [QueuedRequest]) -> DeliveryWatch.Round { DeliveryWatch.Round() }

  func news(of batch: Batch, _ outcome: BatchOutcome) -> String? {
    outcome.refused.isEmpty
      ? nil
      : "\(outcome.httpStatus) from \(client.server): \(counted(outcome.refused.count, "value")) refused"
  }

  func progress(_ totals: Account.Totals, perSecond: Int) -> String {
    "\(totals.read) read, \(totals.accountedFor) answered for, \(perSecond)/s, \(totals.refused) refused, batches of \(pace.sizer.size)"
  }
}
