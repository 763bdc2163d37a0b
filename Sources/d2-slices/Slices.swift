import D2Client
import D2Common
import D2Ledger
import D2Store

/// The ledger: cuts a backlog or an increment into slices, hands them to workers, knows what is done.
@main
struct Slices {
  static func main() async {
    await Command.main(
      name: "d2-slices", abstract: "the ledger: cut a backlog or an increment into slices, and have them worked off",
      manual: manual,
      [plan, run, status, report, list, reset, verify, claim, renew, done, fail], scripts: ScriptFamily.all)
  }

  static let statuses: [(status: ExitStatus, meaning: String)] = [
    (.success, "done"), (.usage, "the command line is wrong, or a name is unknown or not unique"),
    (.unreachable, "a server or the store cannot be reached"), (.temporary, "a server or the store failed: try later"),
    (.configuration, "no such pair, or a bad store"),
  ]

  static func description(
    _ verb: String, _ abstract: String, example: (String, String), more: [(String, String)] = [], operands: String = "",
    groups: [OptionGroup] = [], title: String = "Selection", options: [any AnyOption] = [], incomplete: String? = nil
  ) -> CommandDescription {
    CommandDescription(
      name: "d2-slices \(verb)", abstract: abstract,
      examples: ([example] + more).map { (command: $0.0, effect: $0.1) },
      groups: (options.isEmpty ? [] : [OptionGroup(title, options)]) + [PairOptions.group] + groups,
      statuses: statuses + (incomplete.map { [(.incomplete, $0)] } ?? []), operands: operands)
  }

  // MARK: Plan

  private static let plan = Verb(
    description(
      "plan",
      "add slices: each data set, period and organisation unit of a backlog, or the increment since the last success",
      example: (
        "d2-slices plan --pair hmis --from 2017-01-01 --to 2024-12-31",
        "eight years of all active data sets; again: nothing new"
      ),
      more: [("d2-slices plan --pair hmis -i", "what changed since each data set was delivered last")],
      groups: [ServerOptions.transport], options: Planner.options + [Command.dryRun])
  ) { arguments, log in
    let (store, pair) = try PairOptions.open(arguments, writes: true)
    return try Planner(store, pair, arguments, log).run()
  }

  // MARK: One slice by hand

  private static let leaseOption = Option(
    "--lease", value: "TIME", help: "How long a worker has a slice, unless it renews (default 10m).")
  private static let tokenOption = Option("--token", value: "TOKEN", help: "As claim gave it: proves the lease.")

  private static let claim = Verb(
    description(
      "claim", "lease the next slice to a worker, and print it",
      example: ("slice=$(d2-slices claim --pair hmis) && d2-pull --slice \"$slice\" | …", "one slice by hand"),
      options: [
        leaseOption, Option("--worker", value: "NAME", help: "Who has it (default: host and process)."),
        Option("--order", value: "newest|oldest", help: "Which period first (default newest)."),
      ], incomplete: "no slice is waiting")
  ) { arguments, log in
    let order = try arguments.choice("--order", Ledger.Order.allCases.map(\.rawValue))
    let lease = try arguments.seconds("--lease") ?? 600
    let (store, pair) = try PairOptions.open(arguments, writes: true)
    let worker = arguments.string("--worker") ?? Worker.name
    let ledger = Ledger(store)
    try ledger.hurry()
    guard
      let slice = try ledger.claim(
        pair, worker: worker, token: Worker.newToken(), leaseSeconds: lease,
        order: order.flatMap(Ledger.Order.init(rawValue:)) ?? .newest)
    else {
      log.info("no slice of \(pair.label) is waiting")
      return .incomplete
    }
    let output = LineOutput.standardOutput()
    try output.line(slice.task.text)
    try output.flush()
    return .success
  }

  /// The number and token of a slice that a worker has.
  private static func held(_ arguments: Arguments) throws(CommandFailure) -> (id: Int, token: String) {
    let slice = arguments.string("--slice")
    if let word = arguments.operands.dropFirst(slice == nil ? 1 : 0).first {
      throw CommandFailure(
        .usage,
        "unexpected argument \(word.quoted): \(slice == nil ? "one slice at a time" : "--slice says which slice")")
    }
    if let text = slice {
      let slice = try Slice(task: text)
      guard let token = slice.token else {
        throw CommandFailure(.usage, "--slice has no token: give what claim printed")
      }
      return (slice.id, token)
    }
    guard let id = arguments.operands.first.flatMap({ Int($0) }), let token = arguments.string("--token")
    else {
      throw CommandFailure(.usage, "say which slice: --slice JSON as claim printed it, or its number with --token")
    }
    return (id, token)
  }

  private static let heldOptions: [any AnyOption] = [
    Option("--slice", value: "JSON", help: "What claim printed; instead of number and token."), tokenOption,
  ]

  private static func answered(_ isHeld: Bool, _ id: Int, _ log: Log) -> ExitStatus {
    if !isHeld { log.error("slice \(id): its lease is lost; another worker may have it") }
    return isHeld ? .success : .incomplete
  }

  private static let renew = Verb(
    description(
      "renew", "lengthen a lease",
      example: ("d2-slices renew --pair hmis --slice \"$slice\" --lease 20m", "twenty minutes from now"),
      operands: "[ID]", options: heldOptions + [leaseOption], incomplete: "the lease is lost")
  ) { arguments, log in
    let (id, token) = try held(arguments)
    let (store, _) = try PairOptions.open(arguments, writes: true)
    return answered(
      try Ledger(store).renew(id, token: token, leaseSeconds: try arguments.seconds("--lease") ?? 600), id, log)
  }

  private static let summaryOptions: [any AnyOption] = [
    Option("--pull-summary", value: "FILE", help: "What d2-pull --summary wrote: its figures are kept."),
    Option("--push-summary", value: "FILE", help: "What d2-push --summary wrote."),
    Option("--rejects", value: "FILE", help: "Where its refused values are."),
  ]

  private static func summary(_ option: String, _ arguments: Arguments) throws(CommandFailure) -> JSONValue? {
    guard let path = arguments.string(option) else { return nil }
    guard let bytes = try? FileBytes.read(path, atMost: 16 << 20), let json = try? JSONValue(parsing: bytes) else {
      throw CommandFailure(.cannotRead, "\(option) \(path): cannot be read as JSON")
    }
    return json
  }

  private static let done = Verb(
    description(
      "done", "note that a slice was pulled and pushed",
      example: (
        "d2-slices done --pair hmis --slice \"$slice\" --pull-summary pull.json --push-summary push.json",
        "with its figures"
      ), operands: "[ID]",
      options: heldOptions + summaryOptions + [
        Option(
          "--accept-rejects",
          help: "It is done also where the summaries say that values were refused; else it is noted as refused.")
      ],
      incomplete:
        "values were refused: noted as such; or the lease is lost, or a summary says that not all went well: nothing was noted"
    )
  ) { arguments, log in
    let (id, token) = try held(arguments)
    let pull = try summary("--pull-summary", arguments)
    let push = try summary("--push-summary", arguments)
    let reason = Slice.refusal(pull: pull, push: push, needsPull: false)
    for (name, summary) in [("d2-pull", pull), ("d2-push", push)] where reason == nil {
      guard let status = summary?["status"]?.int, status != 0 else { continue }
      log.error("slice \(id): \(name) ended with status \(status): not done")
      return .incomplete
    }
    let refusal = arguments.has("--accept-rejects") ? nil : reason
    let (store, _) = try PairOptions.open(arguments, writes: true)
    let isHeld = try Ledger(store).finish(
      id, token: token, status: push?["status"]?.int ?? 0, Slice.Counts(pull: pull, push: push),
      rejects: arguments.string("--rejects"), refusal: refusal)
    guard isHeld, let refusal else { return answered(isHeld, id, log) }
    log.error("slice \(id): noted as refused, not as done: \(refusal) (--accept-rejects notes it as done)")
    return .incomplete
  }

  private static let fail = Verb(
    description(
      "fail", "note that an attempt failed: another follows later",
      example: ("d2-slices fail --pair hmis --slice \"$slice\" --error 'no space left'", "with a reason"),
      operands: "[ID]",
      options: heldOptions + summaryOptions + [
        Option("--error", value: "TEXT", help: "Why."), Option("--status", value: "N", help: "The exit status."),
        Option("--attempts", value: "N", help: "Park it after so many (default 5)."),
        Option("--retry-after", value: "TIME", help: "The pause before the next attempt (default: by their number)."),
      ], incomplete: "the lease is lost")
  ) { arguments, log in
    let (id, token) = try held(arguments)
    let most = try arguments.int("--attempts", in: 1...1000) ?? Worker.defaultAttempts
    let status = try arguments.int("--status", in: 0...255) ?? 1
    let (pull, push) = (try summary("--pull-summary", arguments), try summary("--push-summary", arguments))
    let counts = Slice.Counts(pull: pull, push: push)
    let rejects = arguments.string("--rejects")
    let pause = try arguments.seconds("--retry-after") ?? 30
    let (store, _) = try PairOptions.open(arguments, writes: true)
    let ledger = Ledger(store)
    // A pipeline that ends with 1 since values were refused is no failure: another attempt would change nothing.
    if status == 1, let refusal = Slice.refusal(pull: pull, push: push) {
      log.info("slice \(id): its summaries say that values were refused: noted as refused, not as failed")
      let isHeld = try ledger.finish(id, token: token, status: 1, counts, rejects: rejects, refusal: refusal)
      return answered(isHeld, id, log)
    }
    let isHeld = try ledger.fail(
      id, token: token, status: status, error: arguments.string("--error") ?? "ended with status \(status)",
      counts: true, pauseSeconds: pause, mostAttempts: most, counts, rejects: rejects)
    return answered(isHeld, id, log)
  }

  // MARK: Looking

  static let selectionOptions: [any AnyOption] = [
    Option(
      "--state", values: "STATE", help: "waiting, leased, retry, done, verified, refused or failed."),
    Option("--data-set", values: "UID|CODE|NAME", help: "Only of these data sets."),
    Option("--period", values: "PERIOD", help: "Only of these periods, as the ledger has them."),
    Option("--id", values: "N", help: "Only these slices."),
    Option("--plan", value: "NAME", help: "Only of the plan of this name."),
  ]

  static func selection(_ arguments: Arguments, _ store: Store, _ pair: Pair) throws -> SliceSelection {
    var selection = SliceSelection()
    for name in arguments.list("--state") {
      if name == "verified" {
        selection.states.append(.done)
        selection.onlyVerified = true
      } else if let state = Slice.State(rawValue: name) {
        selection.states.append(state)
      } else {
        throw CommandFailure(.usage, "--state \"\(name)\": waiting, leased, retry, done, verified, refused or failed")
      }
    }
    if arguments.has("--data-set") {
      selection.dataSets = try NameSelection(DataSetTable(store, pair).all(), kind: "data set").find(
        arguments.texts("--data-set")
      ).map(\.uid)
    }
    selection.periods = arguments.list("--period")
    selection.plan = arguments.string("--plan")
    for text in arguments.list("--id") {
      guard let id = Int32(text).map({ Int($0) }) else {
        throw CommandFailure(.usage, "--id \"\(text)\": the number of a slice")
      }
      selection.ids.append(id)
    }
    return selection
  }

  private static let list = Verb(
    description(
      "list", "list slices",
      example: (
        "d2-slices list --pair hmis --state failed | jq -r .lastError | sort | uniq -c", "why slices are parked"
      ),
      more: [
        (
          "d2-slices list --pair hmis --state waiting --format tsv | parallel --header : --colsep '\\t' …",
          "feed another engine"
        )
      ],
      options: selectionOptions + [Listing.option])
  ) { arguments, log in
    let (store, pair) = try PairOptions.open(arguments)
    var listing = Listing(
      arguments,
      columns: [
        "id", "state", "dataSet", "periods", "since", "orgUnits", "children", "attempt", "pulled", "refused",
        "lastStatus",
        "lastError",
      ])
    try Ledger(store).forEach(pair, try selection(arguments, store, pair)) { try listing.add($0.json) }
    try listing.finish()
    return .success
  }

  private static let status = Verb(
    description(
      "status", "say how far the ledger is, by data set and period",
      example: ("d2-slices status --pair hmis", "progress, rate, what is left"),
      more: [
        ("d2-slices status --pair hmis --lag", "how far each data set is behind its source"),
        (
          "d2-slices status --pair hmis --lag --prometheus /var/lib/node_exporter/d2-hmis.prom > /dev/null",
          "the same for those who watch, from cron"
        ),
      ],
      groups: [ServerOptions.transport],
      options: [
        Option(
          "--by", value: "data-set|period|all|pair",
          help:
            "A row for each data set (default), for each period, or (all) for each period of each data set; with --lag for each data set, or one for the pair."
        ),
        Option("--plan", value: "NAME", help: "Only of the plan of this name."),
        Listing.option,
      ] + LagReport.options,
      incomplete:
        "slices are parked, or done with refusals; with --lag: a data set is further behind than --max-lag, or was never delivered"
    )
  ) { arguments, log in
    let isLag = arguments.has("--lag") || arguments.has("--prometheus")
    for option in LagReport.options where !isLag && arguments.has(option.name) {
      throw CommandFailure(.usage, "\(option.name) goes with --lag")
    }
    let (store, pair) = try PairOptions.open(arguments)
    if isLag { return try LagReport(store, pair, arguments, log).write() }
    return try StatusReport(Ledger(store), pair).write(arguments, log)
  }

  private static let report = Verb(
    description(
      "report", "make a page: heat map of data sets by period, progress, what was refused and why",
      example: ("d2-slices report --pair hmis --html hmis.html", "a page for a browser, a phone or a printer"),
      more: [("d2-slices report --pair hmis | jq '.refused.causes[] | {count, cause}'", "why values were refused")],
      title: "Output", options: Report.options)
  ) { arguments, log in
    let report = try Report(arguments)
    let (store, pair) = try PairOptions.open(arguments)
    return try report.write(store, pair, log)
  }

  private static let reset = Verb(
    description(
      "reset", "make slices wait again from the beginning",
      example: ("d2-slices reset --pair hmis --state failed", "another try for what is parked"),
      more: [("d2-slices reset --pair hmis --all --remove --yes", "forget them all, without asking")],
      options: selectionOptions + [
        Option("--all", help: "All slices."), Option("--remove", help: "Take them out of the ledger instead."),
        Prompt.confirmation, Command.dryRun,
      ])
  ) { arguments, log in
    let (store, pair) = try PairOptions.open(arguments, writes: true)
    let selection = try selection(arguments, store, pair)
    let selects = ["--state", "--data-set", "--period", "--id", "--plan"].contains { arguments.has($0) }
    guard selects != arguments.has("--all") else {
      throw CommandFailure(.usage, "say which: --state, --data-set, --period, --id, or --all")
    }
    let ledger = Ledger(store)
    try confirmReset(arguments, ledger, pair, selection)
    let count =
      arguments.has("--remove") ? try ledger.remove(pair, selection) : try ledger.reset(pair, selection)
    log.info(
      "\(counted(count, "slice"))\(arguments.has("--remove") ? " removed" : verbForm(count, "waits", "wait") + " again")"
    )
    return .success
  }

  /// What is only open or parked loses nothing by waiting again; what is done was work, and taken out is forgotten.
  private static func confirmReset(
    _ arguments: Arguments, _ ledger: Ledger, _ pair: Pair, _ selection: SliceSelection
  ) throws {
    guard !arguments.has(Prompt.confirmation.name), !arguments.has(Command.dryRun.name) else { return }
    var (count, done) = (0, 0)
    try ledger.forEach(pair, selection) { slice in
      count += 1
      if slice.state == .done { done += 1 }
    }
    let removes = arguments.has("--remove")
    guard removes ? count > 0 : done > 0 else { return }
    try Prompt.confirm(
      removes
        ? "take \(counted(count, "slice")) of \(pair.label) out of the ledger, \(done) of which\(verbForm(done, "is", "are")) done?"
        : "\(done) of \(counted(count, "slice")) of \(pair.label)\(verbForm(done, "is", "are")) done: do them again?",
      otherwise: "no slice was changed", arguments)
  }

  private static let verify = Verb(
    description(
      "verify", "note that both ends of slices that are done were compared, and are equal",
      example: (
        "d2-diff --slice \"$slice\" --extras > /dev/null && d2-slices verify --pair hmis --id 17",
        "one slice by hand; d2-reconcile (scripts/reconcile) does it for all"
      ),
      options: [Option("--id", values: "N", help: "Slices of these numbers.")],
      incomplete: "a slice is not done, or is no longer there")
  ) { arguments, log in
    let (store, pair) = try PairOptions.open(arguments, writes: true)
    let selection = try selection(arguments, store, pair)
    guard !selection.ids.isEmpty else { throw CommandFailure(.usage, "say which: --id N") }
    let ledger = Ledger(store)
    _ = try ledger.verify(pair, selection)
    var verified: Set<Int> = []
    try ledger.forEach(pair, selection) { if $0.isVerified { verified.insert($0.id) } }
    guard let other = Set(selection.ids).subtracting(verified).min() else { return .success }
    throw CommandFailure(.incomplete, "slice \(other) is not done: it cannot be verified")
  }

  // MARK: Run

  private static let run = Verb(
    description(
      "run", "work slices off: claim, run a command for each, note what came of it",
      example: ("d2-slices run --pair hmis --jobs 4", "pull and push, four at a time, until nothing is left"),
      more: [
        (
          "d2-slices run --pair hmis -- 'd2-pull --slice \"$D2_SLICE\" --spool | jq -c \"select(.value != null)\" | d2-push --slice \"$D2_SLICE\" --rejects \"$D2_REJECTS\"'",
          "with a filter of one's own"
        )
      ], operands: "[-- COMMAND]", title: "How", options: Runner.options,
      incomplete: "all that could be done is done, but values were refused or slices are parked")
  ) { arguments, log in
    try await Runner(arguments, log).run()
  }
}
