import D2Common
import D2Ledger
import D2Store

/// The progress of a pair's ledger.
struct StatusReport {
  /// The allowed values depend on `--lag`.
  static let by = Option(
    "--by", value: "data-set|period|all|pair",
    help:
      "Show a row for each data set (default), each period, or (all) each period of each data set; with --lag for each data set, or one for the pair."
  )
  static let plan = Option("--plan", value: "NAME", help: "Select only slices of this plan.")

  private enum Rows: String, CaseIterable { case dataSet = "data-set", period, all }

  let ledger: Ledger
  let pair: Pair

  /// The time over which the rate is measured.
  static let rateSeconds = 900

  func write(_ arguments: Arguments, _ log: Log) throws -> ExitStatus {
    let by = try arguments.value(of: Self.by, as: .one(of: Rows.self)) ?? .dataSet
    let progress = try ledger.progress(pair, plan: arguments[Self.plan])
    let names = try DataSetTable(ledger.store, pair).names()
    // There is already a count of refused values, so the slices with that state need another name.
    let states = ["waiting", "leased", "retry", "done", "verified", "refused", "failed"].map {
      (state: $0, column: $0 == Slice.State.refused.rawValue ? "refusedSlices" : $0)
    }
    var listing = Listing(arguments)
    for row in Self.summed(progress, by: by) {
      var members: [JSONValue.Member] = []
      if by != .period {
        members += [.init("dataSet", .string(row.dataSet)), .init("name", .string(orNull: names[row.dataSet]))]
      }
      if by != .dataSet { members.append(.init("periods", .string(row.periods))) }
      members.append(.init("slices", .int(row.total)))
      members += states.map { JSONValue.Member($0.column, .int(row.counts[$0.state] ?? 0)) }
      members += [
        .init("percent", .int(Self.percent(row))), .init("pulled", .int(row.pulled)),
        .init("refused", .int(row.refused)),
      ]
      try listing.add(.object(members))
    }
    try listing.finish()
    let line = try line(progress)
    log.info(line)
    return progress.count(of: .failed) + progress.count(of: .refused) == 0 ? .success : .incomplete
  }

  private static func percent(_ row: Ledger.Progress) -> Int {
    row.total == 0 ? 100 : ((row.counts["done"] ?? 0) + (row.counts["verified"] ?? 0)) * 100 / row.total
  }

  private static func summed(_ progress: [Ledger.Progress], by: Rows) -> [Ledger.Progress] {
    guard by != .all else { return progress }
    var rows: [String: Ledger.Progress] = [:]
    for one in progress {
      let key = by == .period ? one.periods : one.dataSet
      var row = rows[key] ?? Ledger.Progress(dataSet: one.dataSet, periods: one.periods)
      row.counts.merge(one.counts) { $0 + $1 }
      row.pulled += one.pulled
      row.refused += one.refused
      rows[key] = row
    }
    return rows.sorted { $0.key < $1.key }.map(\.value)
  }

  /// `412 of 500 slices done (82 %), 80 open, 8 done with refusals, 0 parked; 31 a minute, about 3 min left`.
  func line(_ progress: [Ledger.Progress]) throws -> String {
    let total = progress.reduce(0) { $0 + $1.total }
    let open = progress.reduce(0) { $0 + $1.open }
    let failed = progress.count(of: .failed)
    let refused = progress.count(of: .refused)
    let done = total - open - refused - failed
    var text =
      "\(done) of \(counted(total, "slice")) done\(total > 0 ? " (\(done * 100 / total) %)" : ""), \(open) open, "
      + "\(refused) done with refusals, \(failed) parked"
    if open > 0, let rate = try ledger.rate(pair, within: Self.rateSeconds) {
      text += "; \(Int((rate * 60).rounded())) a minute, about \(DurationText.rough(Double(open) / rate)) left"
    }
    return text
  }
}

extension [Ledger.Progress] {
  func count(of state: Slice.State) -> Int { reduce(0) { $0 + ($1.counts[state.rawValue] ?? 0) } }
}
