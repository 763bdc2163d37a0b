import D2Client
import D2Common
import D2Ledger
import D2Store

/// Selects slices by options, and lists, resets or verifies them.
enum SelectedSlices {
  private enum State: String, CaseIterable { case waiting, leased, retry, done, verified, refused, failed }

  private static let states = Option(
    "--state", values: "STATE",
    as: ValueReader(
      "STATE", "waiting, leased, retry, done, verified, refused or failed", choices: State.allCases.map(\.rawValue)
    ) { State(rawValue: $0) },
    help: "Select slices in this state: waiting, leased, retry, done, verified, refused or failed.")
  private static let dataSets = Option(
    "--data-set", values: "UID|CODE|NAME", splits: false, help: "Select slices of these data sets.")
  private static let periods = Option(
    "--period", values: "PERIOD",
    help: "Select slices of these periods, as the ledger has them, or of relative ones (LAST_3_MONTHS).")
  private static let ids = Option(
    "--id", values: "N", as: ValueReader("N", "the number of a slice") { Int32($0).map(Int.init) },
    help: "Select these slices.")
  private static let options: [any AnyOption] = [states, dataSets, periods, ids, StatusReport.plan]

  private static func selection(
    _ arguments: Arguments, _ store: Store, _ pair: Pair, _ log: Log
  ) throws -> SliceSelection {
    var selection = SliceSelection(ids: arguments[ids])
    // Without that state, "done" includes the verified slices.
    if arguments[states].contains(.verified) { selection.onlyVerified = true }
    selection.states = arguments[states].map { Slice.State(rawValue: $0.rawValue) ?? .done }
    if arguments.has(dataSets) {
      selection.dataSets = try NameSelection(DataSetTable(store, pair).all(), kind: "data set")
        .find(arguments[dataSets]).map(\.uid)
    }
    selection.periods = try askedPeriods(arguments, store, pair, log)
    selection.plan = arguments[StatusReport.plan]
    return selection
  }

  /// The selected periods as the ledger spells them. A relative period selects those of the slices that share a day
  /// with it.
  private static func askedPeriods(
    _ arguments: Arguments, _ store: Store, _ pair: Pair, _ log: Log
  ) throws -> [String] {
    let asked = arguments[periods]
    let relatives = asked.compactMap { RelativePeriod($0) }
    guard !relatives.isEmpty else { return asked }
    let source = try pair.client(of: .source, arguments, log)
    let clock = try PeriodClock(source, relatives, log)
    let dates = relatives.map { $0.dates(by: clock) }
    let known = Set(try Ledger(store).progress(pair).map(\.periods))
    let chosen = known.filter { text in
      let ends = text.split(separator: ".").compactMap { Period(id: $0) }
      guard let first = ends.first, let last = ends.last else { return false }
      return dates.contains { $0.overlaps(first.start...last.end) }
    }
    // An empty list would select every slice.
    return asked.filter { RelativePeriod($0) == nil } + (chosen.isEmpty ? relatives.map(\.name) : chosen.sorted())
  }

  // MARK: List

  static let list = Verb(
    Slices.description(
      "list", "list slices",
      example: (
        "d2-slices list --pair hmis --state failed | jq -r .lastError | sort | uniq -c", "show why slices are parked"
      ),
      more: [
        (
          "d2-slices list --pair hmis --state waiting --format tsv | parallel --header : --colsep '\\t' …",
          "feed another engine"
        )
      ],
      options: options + [Listing.option])
  ) { arguments, log in
    let (store, pair) = try PairOptions.open(arguments)
    var listing = Listing(
      arguments,
      columns: [
        "id", "state", "dataSet", "periods", "since", "orgUnits", "children", "attempt", "pulled", "refused",
        "lastStatus", "lastError",
      ])
    try Ledger(store).forEach(pair, try selection(arguments, store, pair, log)) { try listing.add($0.json) }
    try listing.finish()
    return .success
  }

  // MARK: Reset

  private static let all = Flag("--all", help: "Select all slices.")
  private static let remove = Flag("--remove", help: "Remove the slices from the ledger instead.")

  static let reset = Verb(
    Slices.description(
      "reset", "make slices wait again, and forget their attempts",
      example: ("d2-slices reset --pair hmis --state failed", "let parked slices run again"),
      more: [("d2-slices reset --pair hmis --all --remove --yes", "forget all slices, without a question")],
      options: options + [all, remove, Prompt.confirmation, Command.dryRun])
  ) { arguments, log in
    let (store, pair) = try PairOptions.open(arguments, writes: true)
    let selection = try selection(arguments, store, pair, log)
    guard options.contains(where: arguments.has) != arguments[all] else {
      throw CommandFailure(.usage, "say which: --state, --data-set, --period, --id, or --all")
    }
    let ledger = Ledger(store)
    try confirmReset(arguments, ledger, pair, selection)
    let removes = arguments[remove]
    let count = try removes ? ledger.remove(pair, selection) : ledger.reset(pair, selection)
    log.info(counted(count, "slice") + (removes ? " removed" : verbForm(count, "waits", "wait") + " again"))
    return .success
  }

  /// Asks before a reset of slices that are done, because that was work, or before a removal, because the ledger then
  /// forgets them. Open or parked slices lose nothing.
  private static func confirmReset(
    _ arguments: Arguments, _ ledger: Ledger, _ pair: Pair, _ selection: SliceSelection
  ) throws {
    guard !arguments[Prompt.confirmation], !arguments[Command.dryRun] else { return }
    var (count, done) = (0, 0)
    try ledger.forEach(pair, selection) { slice in
      count += 1
      if slice.state == .done { done += 1 }
    }
    let removes = arguments[remove]
    guard removes ? count > 0 : done > 0 else { return }
    try Prompt.confirm(
      removes
        ? "remove \(counted(count, "slice")) of \(pair.label) from the ledger (\(done)\(verbForm(done, "is", "are")) done)?"
        : "\(done) of \(counted(count, "slice")) of \(pair.label)\(verbForm(done, "is", "are")) done: run them again?",
      otherwise: "no slice was changed", arguments)
  }

  // MARK: Verify

  static let verify = Verb(
    Slices.description(
      "verify", "record that both ends of done slices were compared, and are equal",
      example: (
        "d2-diff --slice \"$slice\" --extras > /dev/null && d2-slices verify --pair hmis --id 17",
        "verify one slice by hand; d2-reconcile (scripts/reconcile) does it for all"
      ),
      options: [ids.described("Verify the slices with these numbers.")],
      incomplete: "a slice is not done, or is no longer there")
  ) { arguments, log in
    let (store, pair) = try PairOptions.open(arguments, writes: true)
    let selection = SliceSelection(ids: arguments[ids])
    guard !selection.ids.isEmpty else { throw CommandFailure(.usage, "say which: --id N") }
    let ledger = Ledger(store)
    _ = try ledger.verify(pair, selection)
    var verified: Set<Int> = []
    try ledger.forEach(pair, selection) { if $0.isVerified { verified.insert($0.id) } }
    guard let other = Set(selection.ids).subtracting(verified).min() else { return .success }
    throw CommandFailure(.incomplete, "slice \(other) is not done: it cannot be verified")
  }
}
