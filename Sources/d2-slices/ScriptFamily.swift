import D2Common
import D2Store

/// The scripts that chain the commands (`scripts/sync`, …), by the names under which they are installed: what shells complete of them. Their help and
/// manual pages they write themselves.
enum ScriptFamily {
  static let all = [sync, backlog, continuous, integrator, reconcile]

  private static let sync = script(
    "d2-sync", "bring a pair's destination up to date",
    [jobs, acceptRejects, forceConcurrency, dryRun] + [Store.option] + Planner.options)

  private static let backlog = script(
    "d2-backlog", "move years of data",
    [
      jobs, Option("--host", values: "HOST", help: "Works there too, over ssh."), acceptRejects,
      forceConcurrency, dryRun,
    ] + [Store.option] + Planner.options)

  private static let continuous = script(
    "d2-continuous", "keep a pair's destination up to date",
    [
      Option("--interval", value: "SECONDS", help: "From one run to the next."), jobs, acceptRejects, forceConcurrency,
      dryRun,
    ] + [Store.option] + Planner.options)

  private static let reconcile = script(
    "d2-reconcile", "prove that what the ledger has as done is there",
    [
      jobs, Option("--all", help: "Those that were verified before, too."),
      Option("--numeric", help: "Values that are the same number are equal."),
      Option("--ignore-extras", help: "Verify slices of which the destination holds more."), dryRun,
    ] + [Store.option] + SelectedSlices.options.filter { $0.name != "--state" })

  private static let integrator = script(
    "d2-integrator", "move the data of all active pairs",
    [
      Option("--direct_sync", "-d", help: "Post to the destinations instead of dispatcher2."),
      Option("--year", "-y", value: "YEAR", help: "That year."),
      Option("--month", "-m", value: "MONTH", help: "That month."),
      Option("--quarter", "-q", value: "QUARTER", help: "That quarter."),
      Option("--period", "-p", value: "PERIOD", help: "That period."),
      Option("--days_back", "-n", value: "N", help: "From N days ago until today."),
      Option("--current_date", "-c", help: "Today."),
      Option("--district_list", "-l", value: "UNIT,…", help: "Only these organisation units."),
      Option("--incremental", "-i", help: "Only what changed since the last run with -i."),
      dryRun,
    ], operands: "")

  private static let jobs = Option("--jobs", "-j", value: "N", help: "Slices at a time.")
  private static let acceptRejects = Option(
    "--accept-rejects", help: "A slice is done also where values were refused.")

  private static let forceConcurrency = Option(
    "--force-concurrency", help: "More than six imports at once to a server up to 2.42, too.")

  private static let dryRun = Option("--dry-run", help: "Say what would be done, and do nothing.")

  private static func script(
    _ name: String, _ abstract: String, _ options: [any AnyOption], operands: String = "PAIR"
  ) -> CommandDescription {
    CommandDescription(
      name: name, abstract: abstract, examples: [], groups: [OptionGroup("Options", options)], statuses: [],
      operands: operands, common: OptionGroup("Help", [Option("--help", "-h", help: "What it does.")]))
  }
}
