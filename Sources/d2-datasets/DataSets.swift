import D2Client
import D2Common
import D2Store

/// Keeps the data sets of a pair in step with its source.
package struct DataSets: ToolkitCommand {
  package static let name = "d2-datasets"
  package static let abstract = "keep the data sets of a pair in step with its source"

  package static func main(_ words: [String]) async -> Never {
    await Command.main(
      Self.self, words, manual: manual,
      [sync, list, enable, disable, setting, mark, check, copyAssignments, periods])
  }

  private static let manual = Manual([
    """
    Keeps the data sets of a pair's source in the store, with their period types, and up to when each was delivered. \
    What is active is what `d2-pull --pair` reads and d2-slices(1) plans.
    """,
    """
    `sync` fetches what the source's user may see, and says what was added, changed or is gone; data sets that were \
    disabled stay so. `set --include-deleted on` lets deletions at the source travel too.
    """,
    """
    Increments (`-i` of d2-pull(1) and d2-slices(1)) go on from the time that `list` shows as `syncedThrough`, by the \
    source's clock. d2-slices moves it by itself. `mark` sets it by hand, after a full run that something else did.
    """,
    """
    `check` compares with the destination before any data move: data sets, elements, category option combos and \
    assignments that it lacks or has differently, elements whose zeros it does not keep (`zerosNotKept`) and those \
    that hold files, which do not travel (`holdsFiles`). `copy-assignments` assigns at the destination the units that \
    report a data set at the source; it takes no assignment away. `periods` needs no server and no pair: it prints \
    the periods of a type. With a pair, relative periods count from the source's day, with its weeks and financial \
    years.
    """,
  ])

  // MARK: Sync

  private static let chosen = Option(
    "--data-set", values: "UID|CODE|NAME", splits: false,
    help: "Only these are added; those that are in the store already are kept in step too.")
  private static let all = Flag("--all", help: "All data sets again, where only some were chosen before.")
  private static let force = Flag("--force", help: "Also where most of the active data sets would be found missing.")

  private static let sync = Verb(
    CommandDescription(
      metadataVerb: "d2-datasets sync", "fetch the source's data sets into the store, and report what changed",
      example: ("d2-datasets sync --pair hmis", "all data sets that the user may see"),
      groups: [ServerOptions.transport],
      options: [Command.dryRun, chosen, all, force],
      incomplete: "the source has no such data set, or some cannot be used: the rest is in the store")
  ) { arguments, log in
    let (store, pair) = try PairOptions.open(arguments, writes: true)
    let client = try pair.client(of: .source, arguments, log)
    return try DataSetSync(store: store, pair: pair, client: client, log: log).run(
      only: arguments[chosen], all: arguments[all], force: arguments[force])
  }

  // MARK: List

  private static let active = Flag("--active", help: "Only those that are pulled.")

  private static let list = Verb(
    CommandDescription(
      metadataVerb: "d2-datasets list", "list the data sets in the store",
      example: ("d2-datasets list --pair hmis --active --format tsv", "those that are pulled, for a spreadsheet"),
      options: [active, Listing.option])
  ) { arguments, log in
    let (store, pair) = try PairOptions.open(arguments)
    var listing = Listing(
      arguments, columns: ["id", "name", "periodType", "includeDeleted", "active", "syncedThrough"])
    for set in try DataSetTable(store, pair).all() where set.isActive || !arguments[active] {
      try listing.add(set.json)
    }
    try listing.finish()
    return .success
  }

  // MARK: Enable, disable, set, mark

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
        let marked: DataKind? = arguments[ifDeclared: syncedThrough] == nil ? nil : kind(arguments)
        var changed = 0
        for var set in chosen {
          change(&set)
          let isWritten = try table.write(set)
          let isMarked = try marked.map { try table.mark(set, through: set.marks[$0]?.through, $0) } ?? false
          if isWritten || isMarked { changed += 1 }
        }
        return changed
      }
      if arguments[ifDeclared: syncedThrough] != nil { try forgetDelivered(arguments, pair) }
      log.info("\(counted(changed, "data set")) changed")
      return .success
    }
  }

  /// Whoever sets a mark by hand may want changes anew that were delivered a short time ago.
  private static func forgetDelivered(_ arguments: Arguments, _ pair: Pair) throws(CommandFailure) {
    let store = try StoreLocation.resolve(option: arguments[Store.option], environment: arguments.environment)
    guard let folder = DeliveredFolder.path(arguments.environment, store, pair: pair.id) else { return }
    DeliveredFolder.forget(folder)
  }

  private static func kind(_ arguments: Arguments) -> DataKind {
    arguments[registrations] ? .registrations : .dataValues
  }

  private static func switching(_ verb: String, to isActive: Bool) -> Verb {
    changing(
      CommandDescription(
        metadataVerb: "d2-datasets \(verb)",
        isActive ? "pull data sets again" : "no longer pull data sets; the next sync leaves it so",
        example: ("d2-datasets \(verb) --pair hmis BfMAe6Itzgt", "by uid, code or name"), operands: "DATASET…",
        options: [Command.dryRun])
    ) { _ in
      { set in
        set.isActive = isActive
        set.isRemoved = false
      }
    }
  }

  private static let enable = switching("enable", to: true)
  private static let disable = switching("disable", to: false)

  private enum Switch: String, CaseIterable { case on, off }

  private static let includeDeleted = Option(
    "--include-deleted", as: .one(of: Switch.self), help: "Whether deleted values are pulled.")

  private static let setting = changing(
    CommandDescription(
      metadataVerb: "d2-datasets set", "choose how data sets are pulled",
      example: ("d2-datasets set --pair hmis --include-deleted on all", "deletions at the source travel too"),
      operands: "DATASET…|all",
      options: [Command.dryRun, includeDeleted])
  ) { arguments in
    guard let word = arguments[includeDeleted] else {
      throw CommandFailure(.usage, "say what to set: --include-deleted on or off")
    }
    return { $0.includesDeleted = word == .on }
  }

  private static let syncedThrough = Option(
    "--synced-through", as: ValueReader("TIME|never", "a time such as 2024-01-31T06:00:00Z, or never", read: time),
    help: "All that the source had up to then is at the destination: 2024-01-31 or 2024-01-31T06:00:00Z (UTC).")
  private static let registrations = Flag("--registrations", help: "Of complete data set registrations, not of values.")

  /// A time, or `never`.
  private static func time(_ text: String) -> UTCTime?? {
    text == "never" ? .some(nil) : UTCTime(text).map(Optional.some)
  }

  private static let mark = changing(
    CommandDescription(
      metadataVerb: "d2-datasets mark", "say up to when data sets are delivered: -i of d2-pull goes on from there",
      example: (
        "d2-datasets mark --pair hmis --synced-through 2024-01-31T06:00:00Z all",
        "after a first full run that began then, by the source's clock"
      ), operands: "DATASET…|all",
      options: [Command.dryRun, syncedThrough, registrations])
  ) { arguments in
    guard let time = arguments[syncedThrough] else {
      throw CommandFailure(.usage, "say up to when: --synced-through TIME")
    }
    let kind = kind(arguments)
    if let time, time > UTCTime(seconds: arguments.now().seconds + 86400) {
      throw CommandFailure(.usage, "--synced-through \(arguments.texts(of: syncedThrough)[0]) lies in the future")
    }
    return { $0.marks[kind, default: DataSet.Mark()].through = time }
  }

  // MARK: Check, copy-assignments, periods

  private static let check = Verb(
    CommandDescription(
      metadataVerb: "d2-datasets check",
      "compare the data sets that are pulled with the destination's, before any data move",
      example: (
        "d2-datasets check --pair hmis > problems.ndjson",
        "what the destination lacks or has differently: sets, elements, combos, assignments"
      ), groups: [ServerOptions.transport],
      options: [PairOptions.dataSets, Listing.option],
      incomplete: "the destination lacks something or has it differently")
  ) { arguments, log in
    let (store, pair) = try PairOptions.open(arguments)
    return try DataSetCheck(store: store, pair: pair, arguments: arguments, log: log).run()
  }

  private static let copyAssignments = Verb(
    CommandDescription(
      metadataVerb: "d2-datasets copy-assignments",
      "assign data sets at the destination to the units that report them at the source",
      example: (
        "d2-datasets copy-assignments --pair hmis --below Bo", "what Bo's new facilities report, they may report there"
      ), groups: [ServerOptions.transport],
      options: [
        PairOptions.dataSets, PairOptions.below, Command.dryRun,
        Prompt.confirmation.described("Do not ask before units are assigned."), Listing.option,
      ],
      incomplete: "a data set or unit is not at the destination, or you did not say yes")
  ) { arguments, log in
    let (store, pair) = try PairOptions.open(arguments)
    return try AssignmentCopy(store: store, pair: pair, arguments: arguments, log: log).run()
  }

  private static let periods = Verb(
    CommandDescription(
      metadataVerb: "d2-datasets periods", "print the periods of a type: id, first and last day",
      example: (
        "d2-datasets periods --type Weekly --from 2024-01-01 --to 2024-03-31 --format tsv", "the weeks of a quarter"
      ),
      more: [("d2-datasets periods -p LAST_4_QUARTERS --type Monthly", "the months of the last four quarters")],
      groups: [ServerOptions.transport], options: PeriodListing.options)
  ) { arguments, log in
    try PeriodListing.run(arguments, log)
  }
}
