import D2Client
import D2Common
import D2Ledger
import D2Store

/// The ledger: divides a backlog or an increment into slices, leases them to workers, and records what is done.
package struct Slices: ToolkitCommand {
  package static let name = "d2-slices"
  package static let abstract = "cut a backlog or an increment into slices, move them, and keep the ledger"

  package static func main(_ words: [String]) async -> Never {
    await Command.main(
      Self.self, words, manual: manual,
      [
        plan, run, status, report, SelectedSlices.list, SelectedSlices.reset, SelectedSlices.verify, HeldSlice.claim,
        HeldSlice.renew, HeldSlice.done, HeldSlice.fail,
      ])
  }

  private static let manual = Manual(
    [
      """
      Moves years of data, or what changed since the last time, in slices that survive crashes, restarts and broken \
      links. A slice is one data set, some time and some organisation units: what one pull and one push move. `plan` \
      adds slices to the ledger in the store, `run` moves them, `status` and `report` show the progress. The other \
      verbs are for those who bring their own engine.
      """,
      """
      A slice is waiting, leased to a worker, in retry, done, refused, or failed. It is done when d2-pull(1) and \
      d2-push(1) both ended well and said so, not before. A worker that dies loses its lease, and another one takes \
      the slice. A slice that fails waits longer each time. After `--attempts` it is parked as failed, with its last \
      error, until `reset`. When the destination refuses values, a retry changes nothing: the slice rests as refused, \
      with its rejects and the reason, until `reset`. With `--accept-rejects` it is done instead. A server that is \
      down makes all workers wait, and costs no slice an attempt. Any number of workers, on any number of hosts, can \
      run at once on one PostgreSQL store.
      """,
      """
      Run `plan` again, and it adds only what is missing. With `-i` it opens a window from the last delivery of each \
      data set to now, by the source's clock. The mark of the last delivery moves when all slices of the window are \
      done. `plan -i` adds none while a window is open.
      """,
      """
      `plan --analytics` makes slices of sums: what the options ask of the source's analytics tables, a slice for each \
      period. Sums do not show when they changed. So an increment of them is the last periods again: with `-i` slices \
      that are done wait again.
      """,
      """
      For each slice, `run` starts the command after `--`, under `bash -o pipefail -c`, with the variables below. The \
      default is `d2-pull --slice "$D2_SLICE" --spool | d2-push --slice "$D2_SLICE" --rejects "$D2_REJECTS" \
      >/dev/null`. SIGTERM and Ctrl-C end the commands first, and give their slices back.
      """,
      """
      Done is not verified: d2-reconcile(1) compares both ends, and lets `verify` mark the slices that are equal.
      """,
    ],
    environment: [
      ("D2_SLICE", "For the command of `run`: the slice, as JSON."),
      (
        "D2_SLICE_ID, D2_PAIR",
        "For the command of `run`: the slice's number, and the pair as `--pair` takes it (id:7)."
      ),
      (
        "D2_REJECTS",
        "For the command of `run`: a file for the refused values of this attempt. If the command reads everything, it becomes the slice's file."
      ),
      (
        "D2_REJECTS_DIR",
        "The folder of refused values without `--rejects-dir`: it has a folder `pair-N` for each pair of a store."
      ),
      (
        "D2_SESSION_DIR",
        "For the command of `run`: a private folder in which the commands of a worker share the session with each server."
      ),
      (
        "D2_SUMMARY_DIR",
        "For the command of `run`: the folder in which d2-pull and d2-push write their summaries automatically."
      ),
    ],
    files: [
      (
        "~/.local/state/d2/rejects/STORE/pair-N/slice-N.ndjson",
        "Refused values of a slice, unless `--rejects-dir` or D2_REJECTS_DIR names another folder. The report points to them."
      )
    ])

  static let statuses: [(status: ExitStatus, meaning: String)] = [
    (.success, "done"), (.usage, "the command line is wrong, or a name is unknown or not unique"),
    (.unreachable, "a server or the store cannot be reached"),
    (.temporary, "a server or the store failed: retry later"),
    (.configuration, "there is no such pair, or the store is unusable"),
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

  private static let plan = Verb(
    description(
      "plan",
      "add slices of a backlog (by data set, period and organisation unit), or of the changes since the last delivery",
      example: (
        "d2-slices plan --pair hmis --from 2017-01-01 --to 2024-12-31",
        "plan eight years of all active data sets; a second time adds nothing"
      ),
      more: [
        ("d2-slices plan --pair hmis -i", "plan what changed since the last delivery of each data set"),
        (
          "d2-slices plan --pair hmis -i --analytics --indicator-group UID --level 3 --period LAST_3_MONTHS",
          "plan the sums of the last three months, again each time"
        ),
      ],
      groups: [AnalyticsPlanner.group, ServerOptions.transport], options: Planner.options + [Command.dryRun])
  ) { arguments, log in
    let (store, pair) = try PairOptions.open(arguments, writes: true)
    return try Planner(store: store, pair: pair, arguments: arguments, log: log).run()
  }

  private static let run = Verb(
    description(
      "run", "run slices: claim them, run a command for each, record the outcome",
      example: ("d2-slices run --pair hmis --jobs 4", "pull and push, four slices at a time, until nothing is left"),
      more: [
        (
          "d2-slices run --pair hmis -- 'd2-pull --slice \"$D2_SLICE\" --spool | jq -c \"select(.value != null)\" | d2-push --slice \"$D2_SLICE\" --rejects \"$D2_REJECTS\"'",
          "use your own filter"
        )
      ], operands: "[-- COMMAND]", title: "How", options: Runner.options,
      incomplete: "everything possible is done, but values were refused or slices are parked")
  ) { arguments, log in
    try await Runner(arguments, log).run()
  }

  private static let status = Verb(
    description(
      "status", "show the progress, by data set and period",
      example: ("d2-slices status --pair hmis", "show the progress, the rate, and what is left"),
      more: [
        ("d2-slices status --pair hmis --lag", "show how far each data set is behind its source"),
        (
          "d2-slices status --pair hmis --lag --prometheus /var/lib/node_exporter/d2-hmis.prom > /dev/null",
          "write the lag for Prometheus, from cron"
        ),
      ],
      groups: [ServerOptions.transport],
      options: [StatusReport.by, StatusReport.plan, Listing.option] + LagReport.options,
      incomplete:
        "slices are parked or have refused values; with --lag: a data set is further behind than --max-lag, or was never delivered"
    )
  ) { arguments, log in
    let isLag = arguments[LagReport.lag] || arguments.has(LagReport.prometheus)
    if !isLag, let option = arguments.first(of: LagReport.options) {
      throw CommandFailure(.usage, "\(option.name) goes with --lag")
    }
    let (store, pair) = try PairOptions.open(arguments)
    if isLag { return try LagReport(store: store, pair: pair, arguments: arguments, log: log).write() }
    return try StatusReport(ledger: Ledger(store), pair: pair).write(arguments, log)
  }

  private static let report = Verb(
    description(
      "report",
      "make a page with progress, a heat map of data sets by period, and the refused values with their causes",
      example: ("d2-slices report --pair hmis --html hmis.html", "make a page for a browser, a phone or a printer"),
      more: [
        ("d2-slices report --pair hmis | jq '.refused.causes[] | {count, cause}'", "show why values were refused")
      ],
      title: "Output", options: Report.options)
  ) { arguments, log in
    let (store, pair) = try PairOptions.open(arguments)
    return try Report(arguments: arguments).write(store, pair, log)
  }
}
