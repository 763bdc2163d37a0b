import D2Client
import D2Common
import D2Store

/// Keeps the organisation units of a pair in step with its source.
package struct OrgUnits: ToolkitCommand {
  package static let name = "d2-orgunits"
  package static let abstract = "keep the organisation units of a pair in step with its source"

  package static func main(_ words: [String]) async -> Never {
    await Command.main(
      Self.self, words, manual: manual, [sync, list, enable, disable, setting, check, copy])
  }

  private static let manual = Manual([
    """
    Keeps the organisation units of a pair's source in the store. Each active one stands for itself and all below it: \
    whoever syncs `--level District` pulls a country by its districts, and d2-slices(1) makes a slice of each.
    """,
    """
    `sync` fetches what there is and says what was added, changed or is gone. What it selects (`--level`, `--root`) is \
    selected from then on, until `--all`. Units that were disabled stay so, with all below them. Where most active \
    units would be found missing, nothing is written: a user who may see less than before looks just so; `--force` \
    does it all the same.
    """,
    """
    `check` compares with the destination before any data move: units that are not there, have another name, code or \
    parent, or were closed in the time that is asked about. It writes one problem a line, and ends with 1 where there \
    is any.
    """,
    """
    `copy` makes at the destination the units that it lacks, under the source's uids, parents first, with names, \
    codes, dates, place and contact; with `--update` it also takes over renames, moves, closings and codes. It \
    deletes nothing. First the destination validates all, then you are asked. What cannot be made is a line with \
    `refused` and the reason, and the status is 1. A run that was stopped is begun again.
    """,
    """
    Units are named by uid, code or name. A name that several have is refused, with those that it could mean.
    """,
  ])

  // MARK: Sync

  private static let syncLevel = Option(
    "--level", value: "N|NAME", help: "Only units of this level (default: as the last time, at first all).")
  private static let root = Option("--root", value: "UID|NAME", help: "Only this unit and those below it.")
  private static let all = Flag("--all", help: "All units again.")
  private static let force = Flag("--force", help: "Also where most of the active units would be found missing.")

  private static let sync = Verb(
    CommandDescription(
      metadataVerb: "d2-orgunits sync", "fetch the source's units into the store, and report what changed",
      example: ("d2-orgunits sync --pair hmis --level District", "the districts; each stands for all below it"),
      groups: [ServerOptions.transport],
      options: [Command.dryRun, syncLevel, root, all, force],
      incomplete: "the source has no such unit, or most would be found missing: nothing was written")
  ) { arguments, log in
    let (store, pair) = try PairOptions.open(arguments, writes: true)
    let client = try pair.client(of: .source, arguments, log)
    return try OrgUnitSync(store: store, pair: pair, client: client, log: log, environment: arguments.environment).run(
      level: arguments[syncLevel], root: arguments[root], all: arguments[all], force: arguments[force])
  }

  // MARK: List

  private static let active = Flag("--active", help: "Only those that are pulled.")
  private static let level = Option("--level", as: .number(in: 1...100), help: "All units of this level.")

  private static let list = Verb(
    CommandDescription(
      metadataVerb: "d2-orgunits list", "list the units in the store, in order of priority",
      example: ("d2-orgunits list --pair hmis --active | jq -r .name", "the names of those that are pulled"),
      options: [active, level.described("Only of this level."), Listing.option])
  ) { arguments, log in
    let level = arguments[level]
    let (store, pair) = try PairOptions.open(arguments)
    var listing = Listing(arguments, columns: ["id", "name", "code", "level", "priority", "active"])
    try OrgUnitTable(store, pair).forEach(active: arguments[active]) { unit in
      if level == nil || unit.level == level { try listing.add(unit.json) }
    }
    try listing.finish()
    return .success
  }

  // MARK: Enable, disable, set

  private static func switching(_ verb: String, to isActive: Bool) -> Verb {
    Verb(
      CommandDescription(
        metadataVerb: "d2-orgunits \(verb)",
        isActive ? "pull units again" : "no longer pull units; the next sync leaves it so",
        example: ("d2-orgunits \(verb) --pair hmis \"Bo\" Kenema", "two districts"), operands: "UNIT…",
        options: [Command.dryRun, level])
    ) { arguments, log in
      let (store, pair) = try PairOptions.open(arguments, writes: true)
      let table = OrgUnitTable(store, pair)
      let changed = try table.setActive(isActive, try selected(arguments, in: table))
      log.info("\(counted(changed, "unit"))\(verbForm(changed, "is", "are")) \(isActive ? "active" : "inactive") now")
      return .success
    }
  }

  private static let enable = switching("enable", to: true)
  private static let disable = switching("disable", to: false)

  private static let priority = Option(
    "--priority", as: .number(in: 0...1_000_000_000, or: "none"), help: "The priority.")

  private static let setting = Verb(
    CommandDescription(
      metadataVerb: "d2-orgunits set", "set the priority of units: those of a small number are pulled first",
      example: ("d2-orgunits set --pair hmis --priority 1 Bo", "Bo goes first"), operands: "UNIT…",
      options: [Command.dryRun, priority, level])
  ) { arguments, log in
    guard let priority = arguments[priority] else { throw CommandFailure(.usage, "say what to set: --priority N") }
    let (store, pair) = try PairOptions.open(arguments, writes: true)
    let table = OrgUnitTable(store, pair)
    let changed = try table.setPriority(priority, try selected(arguments, in: table))
    log.info("\(counted(changed, "unit")) changed")
    return .success
  }

  /// The units that operands name, or all of a level.
  private static func selected(_ arguments: Arguments, in table: OrgUnitTable) throws -> [String] {
    let units = try table.all()
    if let level = arguments[level] {
      guard arguments.operands.isEmpty else { throw CommandFailure(.usage, "give either units or --level") }
      let found = units.filter { $0.level == level }.map(\.uid)
      guard !found.isEmpty else { throw CommandFailure(.usage, "the store has no unit of level \(level)") }
      return found
    }
    guard !arguments.operands.isEmpty else { throw CommandFailure(.usage, "say which units: by uid, code or name") }
    return try NameSelection(units, kind: "organisation unit").find(arguments.operands).map(\.uid)
  }

  // MARK: Check

  private static let check = Verb(
    CommandDescription(
      metadataVerb: "d2-orgunits check",
      "compare the units that are pulled with the destination's, before any data move",
      example: (
        "d2-orgunits check --pair hmis --from 2022-01-01 --to 2022-12-31 > problems.ndjson",
        "what the destination lacks, has differently, or had closed in 2022"
      ),
      groups: [ServerOptions.transport],
      options: [OrgUnitCheck.from, OrgUnitCheck.to, Listing.option],
      incomplete: "the destination lacks units or has them differently")
  ) { arguments, log in
    let (store, pair) = try PairOptions.open(arguments)
    return try OrgUnitCheck(store: store, pair: pair, arguments: arguments, log: log).run()
  }

  // MARK: Copy

  private static let copy = Verb(
    CommandDescription(
      metadataVerb: "d2-orgunits copy", "make at the destination the units that it lacks",
      example: (
        "d2-orgunits copy --pair hmis --below Bo --dry-run",
        "which facilities of Bo are new, and what the destination says of them"
      ),
      groups: [ServerOptions.transport],
      options: [
        PairOptions.below, OrgUnitCopy.update, OrgUnitCopy.sameName,
        Command.dryRun, Prompt.confirmation.described("Do not ask before units are made or changed."), Listing.option,
      ],
      incomplete: "some units were refused, or you did not say yes")
  ) { arguments, log in
    let (store, pair) = try PairOptions.open(arguments)
    return try OrgUnitCopy(store: store, pair: pair, arguments: arguments, log: log).run()
  }
}
