import D2Client
import D2Common
import D2Ledger
import D2Store

/// `d2-slices status --lag`: compares the newest change at the source with what was delivered, by data set.
///
/// It prints what the ledger knows, even if the source does not answer. The status then says why the rest is missing.
struct LagReport {
  static let lag = Flag(
    "--lag",
    help: "Show the lag instead: the newest change at the source and the last delivery (asks the source a little).")
  private static let noAsk = Flag(
    "--no-ask", help: "Show only what was delivered, without asking the source (with --lag).")
  private static let lookBack = Option(
    "--look-back", as: .duration,
    help: "Look back this far for the newest change if nothing changed since the delivery (with --lag; default 720h).")
  private static let maxLag = Option(
    "--max-lag", as: .duration,
    help:
      "End with status 1 if a data set is further behind than TIME, or was never delivered though the source has values of it (with --lag)."
  )
  static let prometheus = Option(
    "--prometheus", value: "FILE",
    help:
      "Write the lag to FILE as metrics too, for node_exporter's textfile collector (*.prom).")

  static let options: [any AnyOption] = [lag, noAsk, lookBack, maxLag, prometheus]

  private enum Rows: String, CaseIterable { case dataSet = "data-set", pair }

  let store: Store
  let pair: Pair
  let arguments: Arguments
  let log: Log
  private var asks: Bool { !arguments[Self.noAsk] }
  private var lookBackSeconds: Int { Int(arguments[Self.lookBack] ?? Self.defaultLookBackSeconds) }
  private var mostLagSeconds: Double? { arguments[Self.maxLag] }

  /// No value is older than this, in any time zone.
  private static let longAgo = UTCTime(seconds: 86400)
  private static let defaultLookBackSeconds = 30.0 * 86400
  /// Monitoring needs a fast answer, even if it is that the source does not answer.
  private static let defaultRetries = 1

  func write() throws -> ExitStatus {
    let isSummedUp = try arguments.value(of: StatusReport.by, as: .one(of: Rows.self)) == .pair
    guard !arguments.has(StatusReport.plan) else {
      throw CommandFailure(.usage, "--plan does not go with --lag, which covers everything that was delivered")
    }
    guard asks || mostLagSeconds == nil else {
      throw CommandFailure(.usage, "--max-lag needs the source's answers: leave out --no-ask")
    }
    var lags = try delivered()
    let failure = asks ? ask(&lags) : nil
    let totals = LagTotals(lags)
    var listing = Listing(arguments, columns: isSummedUp ? [] : Lag.columns)
    if isSummedUp {
      try listing.add(totals.json(pair))
    } else {
      for lag in lags { try listing.add(lag.json) }
    }
    try listing.finish()
    if let file = arguments[Self.prometheus] {
      let metrics = LagMetrics(
        lags, totals, pair, sourceAnswers: asks ? failure == nil : nil, checkedAt: arguments.now())
      let replaced = try ReplacedFile(file, mode: 0o644)
      try replaced.write(Array(metrics.text.utf8))
      try replaced.finish()
    }
    log.info(totals.line(pair, asked: asks))
    if let failure { return failure }
    return mostLagSeconds.map { judge(lags, totals, $0) } ?? .success
  }

  /// The status for lags over the limit. A data set that was never delivered is over it, however young the newest
  /// change: everything at the source is missing.
  private func judge(_ lags: [Lag], _ totals: LagTotals, _ mostLagSeconds: Double) -> ExitStatus {
    var status = ExitStatus.success
    if let worst = totals.worst, Double(worst.seconds!) > mostLagSeconds {
      log.error("\(worst.name) is \(DurationText.rough(Double(worst.seconds!))) behind: more than --max-lag")
      status = .incomplete
    }
    let missing = lags.filter(\.isMissing)
    if !missing.isEmpty {
      let named = missing.map { lag in
        let age = DurationText.rough(Double(lag.changeAgeSeconds ?? lookBackSeconds))
        return
          "\(lag.name)\(lag.kind.suffix) (newest change \(lag.changeAgeSeconds == nil ? "more than " : "")\(age) ago)"
      }
      log.error(
        "never delivered as an increment, which counts as more than --max-lag: \(named.joined(separator: "; "))")
      status = .incomplete
    }
    return status
  }

  /// The state from the ledger and the data sets' marks.
  private func delivered() throws -> [Lag] {
    let deliveries = try Ledger(store).deliveries(pair)
    return try DataSetTable(store, pair).chosen([], of: pair).flatMap { set in
      DataKind.allCases.compactMap { kind in
        let delivery = deliveries.first { $0.dataSet == set.uid && $0.kind == kind }
        // Registrations are moved only if the user asked for them.
        if kind == .registrations, delivery == nil, set.marks[kind]?.through == nil { return nil }
        return Lag(
          dataSet: set.uid, name: set.name, kind: kind, syncedThrough: set.marks[kind]?.through,
          lastDelivered: delivery?.lastFinished.map { UTCTime(seconds: $0 / 1000) }, open: delivery?.open ?? 0,
          parked: delivery?.parked ?? 0, refused: delivery?.refused ?? 0)
      }
    }
  }

  /// Asks the source about each data set. Returns the status of the first failure.
  private func ask(_ lags: inout [Lag]) -> ExitStatus? {
    do {
      var options = try ServerOptions(arguments, log, pair.source)
      if !arguments.has(ServerOptions.retries) { options.retry.retries = Self.defaultRetries }
      let client = DHIS2Client(options, log)
      let info = try ServerInfo(client)
      guard let now = info.time else {
        throw CommandFailure(.notDHIS2, "\(client.server) does not tell the time: what changed cannot be dated")
      }
      let sets = try DataSetTable(store, pair).all()
      let places = try OrgUnitCover(OrgUnitTable(store, pair).all(), only: nil, pair, log).places
      var first: ExitStatus?
      for place in lags.indices {
        try Signals.check()
        guard let set = sets.first(where: { $0.uid == lags[place].dataSet }) else { continue }
        var questions = ChangeQuestions(
          client: client, info: info, dataSet: set, kind: lags[place].kind, places: places)
        do {
          lags[place].change = try NewestChange.search(
            since: lags[place].syncedThrough, now: now, lookBackSeconds: lookBackSeconds,
            resolutionSeconds: lags[place].kind.resolutionSeconds
          ) { try questions.ask(since: $0) }
          lags[place].changeAgeSeconds = lags[place].change?.time.map { max(0, now.seconds - $0.seconds) }
          if mostLagSeconds != nil, lags[place].syncedThrough == nil, lags[place].change?.time == nil {
            lags[place].hasOlderChanges = try questions.ask(since: Self.longAgo).newest != nil
          }
        } catch let error as ServerError {
          // A server that cannot be reached will not answer the next question either.
          guard error.leavesDataInReach else { throw error }
          log.error("\(lags[place].name): \(error)")
          lags[place].error = "\(error)"
          first = first ?? error.exitStatus
        }
      }
      return first
    } catch {
      log.error("the source cannot be asked, only what was delivered is known: \(error)")
      for place in lags.indices where lags[place].change == nil && lags[place].error == nil {
        lags[place].error = "\(error)"
      }
      return Signals.received == nil ? ExitStatus(of: error) : Signals.status
    }
  }
}
