import D2Common

/// The scripts that chain the commands (`scripts/sync`, …), by the names under which they are installed: what shells complete of them. Their help and
/// manual pages they write themselves.
struct ScriptFamily {
  var all: [CommandDescription] { [sync, backlog, continuous, Self.integrator, reconcile] }

  /// What `d2-slices plan` and `d2-slices list` select by.
  private let planning: [any AnyOption]
  private let selection: [any AnyOption]
  private let store: [any AnyOption]

  /// - Parameter slices: d2-slices, to which they pass options on.
  init(_ slices: DescribedCommand) {
    func options(_ verb: String, _ title: String) -> [any AnyOption] {
      let description = slices.verbs.first { $0.name == verb }
      return description?.groups.first { $0.title == title }?.options ?? []
    }
    planning = options("d2-slices plan", "Selection").filter { $0.name != "--dry-run" }
    selection = options("d2-slices list", "Selection").filter { !["--state", "--format"].contains($0.name) }
    store = options("d2-slices plan", "Pair").filter { $0.name == "--store" }
  }

  private var sync: CommandDescription {
    Self.script(
      "d2-sync", "bring a pair's destination up to date",
      [Self.jobs, Self.acceptRejects, Self.forceConcurrency, Self.dryRun] + store + planning)
  }

  private var backlog: CommandDescription {
    Self.script(
      "d2-backlog", "move years of data",
      [
        Self.jobs, Option("--host", values: "HOST", help: "Works there too, over ssh."), Self.acceptRejects,
        Self.forceConcurrency, Self.dryRun,
      ] + store + planning)
  }

  private var continuous: CommandDescription {
    Self.script(
      "d2-continuous", "keep a pair's destination up to date",
      [
        Option("--interval", value: "SECONDS", help: "From one run to the next."), Self.jobs, Self.acceptRejects,
        Self.forceConcurrency,
        Self.dryRun,
      ] + store + planning)
  }

  private var reconcile: CommandDescription {
    Self.script(
      "d2-reconcile", "prove that what the ledger has as done is there",
      [
        Self.jobs, Option("--all", help: "Those that were verified before, too."),
        Option("--numeric", help: "Values that are the same number are equal."),
        Option("--ignore-extras", help: "Verify slices of which the destination holds more."), Self.dryRun,
      ] + store + selection)
  }

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
