import D2Client
import D2Common
import D2Store

/// Keeps the data sets of a pair in step with its source.
@main
struct DataSets {
  static func main() async {
    await Command.main(
      name: "d2-datasets", abstract: "keep the data sets of a pair in step with its source",
      manual: manual,
      [sync, list, enable, disable, setting, mark, check, periods])
  }

  static let statuses: [(status: ExitStatus, meaning: String)] = [
    (.success, "done"), (.usage, "the command line is wrong, or a name is unknown or not unique"),
    (.unreachable, "a server or the store cannot be reached"), (.temporary, "a server failed after all retries"),
    (.notDHIS2, "the other end does not speak DHIS2"), (.refused, "credentials or access refused"),
    (.configuration, "no such pair, or a bad store"),
  ]

  private static func description(
    _ verb: String, _ abstract: String, example: (String, String), operands: String = "", groups: [OptionGroup] = [],
    options: [Option] = [], incomplete: String? = nil, inPair: Bool = true
  ) -> CommandDescription {
    CommandDescription(
      name: "d2-datasets \(verb)", abstract: abstract, examples: [(command: example.0, effect: example.1)],
      groups: (options.isEmpty ? [] : [OptionGroup("Selection", options)]) + (inPair ? [PairOptions.group] : [])
        + groups,
      statuses: statuses + (incomplete.map { [(.incomplete, $0)] } ?? []), operands: operands)
  }

  private static let sync = Verb(
    description(
      "sync", "fetch the source's data sets into the store, and report what changed",
      example: ("d2-datasets sync --pair hmis", "all data sets that the user may see"),
      groups: [ServerOptions.transport],
      options: [
        Store.dryRun,
        Option(
          "--data-set", value: "UID|CODE|NAME", repeats: true,
          help: "Only these are added; those that are in the store already are kept in step too."),
        Option("--all", help: "All data sets again, where only some were chosen before."),
        Option("--force", help: "Also where most of the active data sets would be found missing."),
      ], incomplete: "the source has no such data set, or some cannot be used: the rest is in the store")
  ) { arguments, log in
    let (store, pair) = try PairOptions.open(arguments, writes: true)
    let client = DHIS2Client(try ServerOptions(arguments, log, pair.source), log)
    return try DataSetSync(store, pair, client, log).run(
      only: arguments.texts("--data-set"), all: arguments.has("--all"), force: arguments.has("--force"))
  }

  private static let list = Verb(
    description(
      "list", "list the data sets in the store",
      example: ("d2-datasets list --pair hmis --active --format tsv", "those that are pulled, for a spreadsheet"),
      options: [Option("--active", help: "Only those that are pulled."), Listing.option])
  ) { arguments, log in
    let (store, pair) = try PairOptions.open(arguments)
    var listing = try Listing(
      arguments, columns: ["id", "name", "periodType", "includeDeleted", "active", "syncedThrough"])
    for set in try DataSetTable(store, pair).all() where set.isActive || !arguments.has("--active") {
      try listing.add(set.json)
    }
    try listing.finish()
    return .success
  }

  /// A verb that changes some data sets.
  private static func changing(
    _ description: CommandDescription, _ change: @escaping @Sendable (Arguments) throws -> (inout DataSet) -> Void
  ) -> Verb {
    Verb(description) { arguments, log in
      let change = try change(arguments)
      guard !arguments.operands.isEmpty else {
        throw CommandFailure(.usage, "say which data sets: by uid, code or name, or all")
      }
      let (store, pair) = try PairOptions.open(arguments, writes: true)
      let table = DataSetTable(store, pair)
      let changed = try table.transaction {
        let sets = try table.all()
        let chosen =
          arguments.operands == ["all"]
          ? sets.filter(\.isActive) : try NameSelection(sets, kind: "data set").find(arguments.operands)
        var changed = 0
        for var set in chosen {
          change(&set)
          let isWritten = try table.write(set)
          var isMarked = false
          if arguments.has("--synced-through") {
            let kind = kind(arguments)
            isMarked = try table.mark(set, through: set.marks[kind].through, kind)
          }
          if isWritten || isMarked { changed += 1 }
        }
        return changed
      }
      log.info("\(counted(changed, "data set")) changed")
      return .success
    }
  }

  private static func kind(_ arguments: Arguments) -> DataKind {
    arguments.has("--registrations") ? .registrations : .dataValues
  }

  private static func switching(_ verb: String, to isActive: Bool) -> Verb {
    changing(
      description(
        verb, isActive ? "pull data sets again" : "no longer pull data sets; the next sync leaves it so",
        example: ("d2-datasets \(verb) --pair hmis BfMAe6Itzgt", "by uid, code or name"), operands: "DATASET…",
        options: [Store.dryRun])
    ) { _ in
      { set in
        set.isActive = isActive
        set.isRemoved = false
      }
    }
  }

  private static let enable = switching("enable", to: true)
  private static let disable = switching("disable", to: false)

  private static let setting = changing(
    description(
      "set", "choose how data sets are pulled",
      example: ("d2-datasets set --pair hmis --include-deleted on all", "deletions at the source travel too"),
      operands: "DATASET…|all",
      options: [Store.dryRun, Option("--include-deleted", value: "on|off", help: "Whether deleted values are pulled.")])
  ) { arguments in
    guard let word = try arguments.choice("--include-deleted", ["on", "off"]) else {
      throw CommandFailure(.usage, "say what to set: --include-deleted on or off")
    }
    return { $0.includesDeleted = word == "on" }
  }

  private static let mark = changing(
    description(
      "mark", "say up to when data sets are delivered: -i of d2-pull goes on from there",
      example: (
        "d2-datasets mark --pair hmis --synced-through 2024-01-31T06:00:00Z all",
        "after a first full run that began then, by the source's clock"
      ), operands: "DATASET…|all",
      options: [
        Store.dryRun,
        Option(
          "--synced-through", value: "TIME|never",
          help: "All that the source had up to then is at the destination: 2024-01-31 or 2024-01-31T06:00:00Z (UTC)."),
        Option("--registrations", help: "Of complete data set registrations, not of values."),
      ])
  ) { arguments in
    guard let text = arguments.string("--synced-through") else {
      throw CommandFailure(.usage, "say up to when: --synced-through TIME")
    }
    let kind = kind(arguments)
    if text == "never" { return { $0.marks[kind].through = nil } }
    guard let time = UTCTime(text) else {
      throw CommandFailure(.usage, "--synced-through \"\(text)\": a time such as 2024-01-31T06:00:00Z, or never")
    }
    guard time <= UTCTime(seconds: UTCTime.now.seconds + 86400) else {
      throw CommandFailure(.usage, "--synced-through \(text) lies in the future")
    }
    return { $0.marks[kind].through = time }
  }

  private static let check = Verb(
    description(
      "check", "compare the data sets that are pulled with the destination's, before any data move",
      example: (
        "d2-datasets check --pair hmis > problems.ndjson",
        "what the destination lacks or has differently: sets, elements, combos, assignments"
      ), groups: [ServerOptions.transport],
      options: [
        Option("--data-set", value: "UID|CODE|NAME", repeats: true, help: "Only these (default: all active ones)."),
        Listing.option,
      ], incomplete: "the destination lacks something or has it differently")
  ) { arguments, log in
    let (store, pair) = try PairOptions.open(arguments)
    return try DataSetCheck(store, pair, arguments, log).run()
  }

  private static let periods = Verb(
    description(
      "periods", "print the periods of a type: id, first and last day",
      example: (
        "d2-datasets periods --type Weekly --from 2024-01-01 --to 2024-03-31 --format tsv", "the weeks of a quarter"
      ),
      options: [
        Option(
          "--type", value: "TYPE", help: "A period type by its DHIS2 name: Daily, Weekly, Monthly, FinancialApril …"),
        Option("--from", value: "DATE", help: "The first day."), Option("--to", value: "DATE", help: "The last day."),
        Listing.option,
      ], inPair: false)
  ) { arguments, log in
    try PeriodListing.run(arguments)
  }
}
