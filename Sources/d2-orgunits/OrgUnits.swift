import D2Client
import D2Common
import D2Store

/// Keeps the organisation units of a pair in step with its source.
@main
struct OrgUnits {
  static func main() async {
    await Command.main(
      name: "d2-orgunits", abstract: "keep the organisation units of a pair in step with its source",
      manual: manual, [sync, list, enable, disable, setting, check])
  }

  static let statuses: [(status: ExitStatus, meaning: String)] = [
    (.success, "done"), (.usage, "the command line is wrong, or a name is unknown or not unique"),
    (.unreachable, "a server or the store cannot be reached"), (.temporary, "a server failed after all retries"),
    (.notDHIS2, "the other end does not speak DHIS2"), (.refused, "credentials or access refused"),
    (.configuration, "no such pair, or a bad store"),
  ]

  private static func description(
    _ verb: String, _ abstract: String, example: (String, String), operands: String = "", groups: [OptionGroup] = [],
    options: [Option] = [], incomplete: String? = nil
  ) -> CommandDescription {
    CommandDescription(
      name: "d2-orgunits \(verb)", abstract: abstract, examples: [(command: example.0, effect: example.1)],
      groups: (options.isEmpty ? [] : [OptionGroup("Selection", options)]) + [PairOptions.group] + groups,
      statuses: statuses + (incomplete.map { [(.incomplete, $0)] } ?? []), operands: operands)
  }

  private static let sync = Verb(
    description(
      "sync", "fetch the source's units into the store, and report what changed",
      example: ("d2-orgunits sync --pair hmis --level District", "the districts; each stands for all below it"),
      groups: [ServerOptions.transport],
      options: [
        Store.dryRun,
        Option("--level", value: "N|NAME", help: "Only units of this level (default: as the last time, at first all)."),
        Option("--root", value: "UID|NAME", help: "Only this unit and those below it."),
        Option("--all", help: "All units again."),
        Option("--force", help: "Also where most of the active units would be found missing."),
      ], incomplete: "the source has no such unit, or most would be found missing: nothing was written")
  ) { arguments, log in
    let (store, pair) = try PairOptions.open(arguments, writes: true)
    let client = DHIS2Client(try ServerOptions(arguments, log, pair.source), log)
    return try OrgUnitSync(store, pair, client, log).run(
      level: arguments.string("--level"), root: arguments.string("--root"), all: arguments.has("--all"),
      force: arguments.has("--force"))
  }

  private static let list = Verb(
    description(
      "list", "list the units in the store, in order of priority",
      example: ("d2-orgunits list --pair hmis --active | jq -r .name", "the names of those that are pulled"),
      options: [
        Option("--active", help: "Only those that are pulled."),
        Option("--level", value: "N", help: "Only of this level."),
        Listing.option,
      ])
  ) { arguments, log in
    let level = try arguments.int("--level", in: 1...100)
    let (store, pair) = try PairOptions.open(arguments)
    var listing = try Listing(arguments, columns: ["id", "name", "code", "level", "priority", "active"])
    try OrgUnitTable(store, pair).forEach(active: arguments.has("--active")) { unit in
      if level == nil || unit.level == level { try listing.add(unit.json) }
    }
    try listing.finish()
    return .success
  }

  private static func switching(_ verb: String, to isActive: Bool) -> Verb {
    Verb(
      description(
        verb, isActive ? "pull units again" : "no longer pull units; the next sync leaves it so",
        example: ("d2-orgunits \(verb) --pair hmis \"Bo\" Kenema", "two districts"), operands: "UNIT…",
        options: [Store.dryRun, Option("--level", value: "N", help: "All units of this level.")])
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

  private static let setting = Verb(
    description(
      "set", "set the priority of units: those of a small number are pulled first",
      example: ("d2-orgunits set --pair hmis --priority 1 Bo", "Bo goes first"), operands: "UNIT…",
      options: [
        Store.dryRun,
        Option("--priority", value: "N|none", help: "The priority."),
        Option("--level", value: "N", help: "All units of this level."),
      ])
  ) { arguments, log in
    let isNone = arguments.string("--priority") == "none"
    guard arguments.has("--priority") else { throw CommandFailure(.usage, "say what to set: --priority N") }
    let priority = isNone ? nil : try arguments.int("--priority", in: 0...1_000_000_000)
    let (store, pair) = try PairOptions.open(arguments, writes: true)
    let table = OrgUnitTable(store, pair)
    let changed = try table.setPriority(priority, try selected(arguments, in: table))
    log.info("\(counted(changed, "unit")) changed")
    return .success
  }

  /// The units that operands name, or all of a level.
  private static func selected(_ arguments: Arguments, in table: OrgUnitTable) throws -> [String] {
    let units = try table.all()
    if let level = try arguments.int("--level", in: 1...100) {
      guard arguments.operands.isEmpty else { throw CommandFailure(.usage, "give either units or --level") }
      let found = units.filter { $0.level == level }.map(\.uid)
      guard !found.isEmpty else { throw CommandFailure(.usage, "the store has no unit of level \(level)") }
      return found
    }
    guard !arguments.operands.isEmpty else { throw CommandFailure(.usage, "say which units: by uid, code or name") }
    return try NameSelection(units, kind: "organisation unit").find(arguments.operands).map(\.uid)
  }

  private static let check = Verb(
    description(
      "check", "compare the units that are pulled with the destination's, before any data move",
      example: (
        "d2-orgunits check --pair hmis --from 2022-01-01 --to 2022-12-31 > problems.ndjson",
        "what the destination lacks, has differently, or had closed in 2022"
      ),
      groups: [ServerOptions.transport],
      options: [
        Option("--from", value: "DATE", help: "Units must be open from here on (default: this year's begin)."),
        Option("--to", value: "DATE", help: "Units must be open up to here (default: today)."), Listing.option,
      ], incomplete: "the destination lacks units or has them differently")
  ) { arguments, log in
    let (store, pair) = try PairOptions.open(arguments)
    return try OrgUnitCheck(store, pair, arguments, log).run()
  }
}
