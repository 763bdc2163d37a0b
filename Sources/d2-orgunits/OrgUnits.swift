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
    Keeps the organisation units of a pair's source in the store. Each active one stands for itself and all below it. \
    After `sync --level District` d2-pull(1) reads a country by its districts, and d2-slices(1) makes a slice of each.
    """,
    """
    `sync` fetches the units and shows which were added, changed or removed. Its selection (`--level`, `--root`) stays \
    in force until `--all`. Disabled units stay disabled, with all below them. If most active units seem to be \
    missing, nothing is written, because a user who may see less than before looks just so; `--force` writes it \
    anyway.
    """,
    """
    `check` compares with the destination before any data move. It finds units that are missing there, have another \
    name, code or parent, or were closed in the time that you ask about. It writes one problem a line, and ends with 1 \
    if there is any.
    """,
    """
    `copy` makes the units that the destination lacks, under the source's uids, parents first, with names, codes, \
    dates, place, contact and values of attributes. With `--update` it also takes over renames, moves, closings and \
    codes. It deletes nothing. First the destination validates everything, then d2-orgunits asks you. A unit that \
    cannot be made is a line with `refused` and the reason, and the status is 1. After an interruption, run the same \
    command again.
    """,
    """
    You can name units by uid, code or name. If several units have a name, it is refused, with those that it could \
    mean.
    """,
  ])

  // MARK: Sync

  private static let syncLevel = Option(
    "--level", value: "N|NAME", help: "Select only units of this level (default: as the last time; the first time all)."
  )
  private static let root = Option("--root", value: "UID|NAME", help: "Select only this unit and those below it.")
  private static let all = Flag("--all", help: "Select all units again.")
  private static let force = Flag(
    "--force", help: "Write the change even if most of the active units seem to be missing.")

  private static let sync = Verb(
    CommandDescription(
      metadataVerb: "d2-orgunits sync", "fetch the source's units into the store, and report what changed",
      example: ("d2-orgunits sync --pair hmis --level District", "fetch the districts; each stands for all below it"),
      groups: [ServerOptions.transport],
      options: [Command.dryRun, syncLevel, root, all, force],
      incomplete: "the source has no such unit, or most seem to be missing: nothing was written")
  ) { arguments, log in
    let (store, pair) = try PairOptions.open(arguments, writes: true)
    let client = try pair.client(of: .source, arguments, log)
    return try OrgUnitSync(store: store, pair: pair, client: client, log: log, environment: arguments.environment).run(
      level: arguments[syncLevel], root: arguments[root], all: arguments[all], force: arguments[force])
  }

  // MARK: List

  private static let active = Flag("--active", help: "Show only those that are pulled.")
  private static let level = Option("--level", as: .number(in: 1...100), help: "Select all units of this level.")

  private static let list = Verb(
    CommandDescription(
      metadataVerb: "d2-orgunits list", "list the units of a pair in the store by priority, or those of a server",
      example: ("d2-orgunits list --pair hmis --active | jq -r .name", "list the names of the units that are pulled"),
      more: [("d2-orgunits list --url https://hmis.example --level 1", "find the id of the top unit of a server")],
      groups: ServerListing.groups,
      options: [active, level.described("Show only units of this level."), ServerListing.search, Listing.option])
  ) { arguments, log in
    let level = arguments[level]
    if try ServerListing.isWanted(arguments) {
      return try ServerListing(
        "organisationUnits", fields: ["id", "name", "code", "level"], filters: level.map { ["level:eq:\($0)"] } ?? []
      ).run(arguments, log)
    }
    let (store, pair) = try PairOptions.open(arguments)
    var listing = Listing(arguments, columns: ["id", "name", "code", "level", "priority", "active"])
    try OrgUnitTable(store, pair).forEach(active: arguments[active]) { unit in
      if level == nil || unit.level == level, ServerListing.matches(unit.name, arguments) {
        try listing.add(unit.json)
      }
    }
    try listing.finish()
    return .success
  }

  // MARK: Enable, disable, set

  private static func switching(_ verb: String, to isActive: Bool) -> Verb {
    Verb(
      CommandDescription(
        metadataVerb: "d2-orgunits \(verb)",
        isActive ? "pull units again" : "stop pulling units; the next sync does not change that",
        example: ("d2-orgunits \(verb) --pair hmis \"Bo\" Kenema", "\(verb) two districts"), operands: "UNIT…",
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
    "--priority", as: .number(in: 0...1_000_000_000, or: "none"), help: "Give the units this priority.")

  private static let setting = Verb(
    CommandDescription(
      metadataVerb: "d2-orgunits set", "set the priority of units: small numbers are pulled first",
      example: ("d2-orgunits set --pair hmis --priority 1 Bo", "pull Bo first"), operands: "UNIT…",
      options: [Command.dryRun, priority, level])
  ) { arguments, log in
    guard let priority = arguments[priority] else { throw CommandFailure(.usage, "say what to set: --priority N") }
    let (store, pair) = try PairOptions.open(arguments, writes: true)
    let table = OrgUnitTable(store, pair)
    let changed = try table.setPriority(priority, try selected(arguments, in: table))
    log.info("\(counted(changed, "unit")) changed")
    return .success
  }

  /// The units that the operands name, or all of a level.
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
        "find what is missing, different or was closed in 2022 at the destination"
      ),
      groups: [ServerOptions.transport],
      options: [OrgUnitCheck.from, OrgUnitCheck.to, Listing.option],
      incomplete: "units are missing or different at the destination")
  ) { arguments, log in
    let (store, pair) = try PairOptions.open(arguments)
    return try OrgUnitCheck(store: store, pair: pair, arguments: arguments, log: log).run()
  }

  // MARK: Copy

  private static let copy = Verb(
    CommandDescription(
      metadataVerb: "d2-orgunits copy", "make the units that the destination lacks",
      example: (
        "d2-orgunits copy --pair hmis --below Bo --dry-run",
        "show which facilities of Bo are new, and what the destination says about them"
      ),
      groups: [ServerOptions.transport],
      options: [
        PairOptions.below, OrgUnitCopy.update, OrgUnitCopy.sameName,
        Command.dryRun, Prompt.confirmation.described("Do not ask before d2-orgunits makes or changes units."),
        Listing.option,
      ],
      incomplete: "some units were refused, or you did not say yes")
  ) { arguments, log in
    let (store, pair) = try PairOptions.open(arguments)
    var copy = try OrgUnitCopy(store: store, pair: pair, arguments: arguments, log: log)
    return try copy.run()
  }
}
