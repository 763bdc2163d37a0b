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
    `d2-pull --pair` reads the active ones, and d2-slices(1) plans them.
    """,
    """
    `sync` fetches the data sets that the source's user may see, and shows which were added, changed or removed. \
    Disabled data sets stay disabled. `set --include-deleted on` lets deletions at the source travel too.
    """,
    """
    Increments (`-i` of d2-pull(1) and d2-slices(1)) begin at the time that `list` shows as `syncedThrough`, by the \
    source's clock. d2-slices moves it automatically. `mark` sets it by hand, after a full run that something else \
    did.
    """,
    """
    `check` compares with the destination before any data move. It finds data sets, elements, category option combos \
    and assignments that are missing or different there. It also finds elements whose zeros the destination does not \
    keep (`zerosNotKept`), and elements that hold files, which do not travel (`holdsFiles`).
    """,
    """
    `copy-assignments` assigns units to data sets at the destination as at the source. It takes no assignment away. \
    `periods` needs no server and no pair: it prints the periods of a type. With a pair, relative periods count from \
    the source's day, with its weeks and financial years.
    """,
  ])

  // MARK: Sync

  private static let chosen = Option(
    "--data-set", values: "UID|CODE|NAME", splits: false,
    help: "Add only these; data sets that are already in the store stay in step too.")
  private static let all = Flag("--all", help: "Select all data sets again, if only some were selected before.")
  private static let force = Flag(
    "--force", help: "Write the change even if most of the active data sets seem to be missing.")

  private static let sync = Verb(
    CommandDescription(
      metadataVerb: "d2-datasets sync", "fetch the source's data sets into the store, and report what changed",
      example: ("d2-datasets sync --pair hmis", "fetch all data sets that the user may see"),
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

  private static let active = Flag("--active", help: "Show only those that are pulled.")

  private static let list = Verb(
    CommandDescription(
      metadataVerb: "d2-datasets list", "list the data sets of a pair in the store, or those of a server",
      example: (
        "d2-datasets list --pair hmis --active --format tsv", "list the data sets that are pulled, for a spreadsheet"
      ),
      more: [
        ("d2-datasets list --url https://hmis.example --search malaria", "find ids and period types at a server")
      ],
      groups: ServerListing.groups, options: [active, ServerListing.search, Listing.option])
  ) { arguments, log in
    if try ServerListing.isWanted(arguments) {
      return try ServerListing("dataSets", fields: ["id", "name", "code", "periodType"]).run(arguments, log)
    }
    let (store, pair) = try PairOptions.open(arguments)
    var listing = Listing(
      arguments, columns: ["id", "name", "periodType", "includeDeleted", "active", "syncedThrough"])
    for set in try DataSetTable(store, pair).all() where set.isActive || !arguments[active] {
      if ServerListing.matches(set.name, arguments) { try listing.add(set.json) }
    }
    try listing.finish()
    return .success
  }

  // MARK: Enable, disable, set, mark

  /// The description of a verb that changes data sets.
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

  /// Deletes the record of recent deliveries: with a new mark, the user may want the same changes again.
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
        isActive ? "pull data sets again" : "stop pulling data sets; the next sync does not change that",
        example: ("d2-datasets \(verb) --pair hmis BfMAe6Itzgt", "\(verb) a data set by uid, code or name"),
        operands: "DATASET…",
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
    "--include-deleted", as: .one(of: Switch.self), help: "Pull deleted values too, or not.")

  private static let setting = changing(
    CommandDescription(
      metadataVerb: "d2-datasets set", "choose how data sets are pulled",
      example: ("d2-datasets set --pair hmis --include-deleted on all", "move deletions at the source too"),
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
    help: "Mark everything that the source had by then as delivered: 2024-01-31 or 2024-01-31T06:00:00Z (UTC).")
  private static let registrations = Flag("--registrations", help: "Mark complete data set registrations, not values.")

  /// Parses a time, or `never`.
  private static func time(_ text: String) -> UTCTime?? {
    text == "never" ? .some(nil) : UTCTime(text).map(Optional.some)
  }

  private static let mark = changing(
    CommandDescription(
      metadataVerb: "d2-datasets mark", "say up to when data sets are delivered: -i of d2-pull begins there",
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
        "find missing or different data sets, elements, combos and assignments at the destination"
      ), groups: [ServerOptions.transport],
      options: [PairOptions.dataSets, Listing.option],
      incomplete: "something is missing or different at the destination")
  ) { arguments, log in
    let (store, pair) = try PairOptions.open(arguments)
    return try DataSetCheck(store: store, pair: pair, arguments: arguments, log: log).run()
  }

  private static let copyAssignments = Verb(
    CommandDescription(
      metadataVerb: "d2-datasets copy-assignments",
      "assign data sets at the destination to the units that report them at the source",
      example: (
        "d2-datasets copy-assignments --pair hmis --below Bo",
        "let Bo's new facilities report their data sets at the destination too"
      ), groups: [ServerOptions.transport],
      options: [
        PairOptions.dataSets, PairOptions.below, Command.dryRun,
        Prompt.confirmation.described("Do not ask before d2-datasets assigns units."), Listing.option,
      ],
      incomplete: "the destination lacks a data set or unit, or you did not say yes")
  ) { arguments, log in
    let (store, pair) = try PairOptions.open(arguments)
    return try AssignmentCopy(store: store, pair: pair, arguments: arguments, log: log).run()
  }

  private static let periods = Verb(
    CommandDescription(
      metadataVerb: "d2-datasets periods", "print the periods of a type: id, first and last day",
      example: (
        "d2-datasets periods --type Weekly --from 2024-01-01 --to 2024-03-31 --format tsv",
        "print the weeks of a quarter"
      ),
      more: [("d2-datasets periods -p LAST_4_QUARTERS --type Monthly", "print the months of the last four quarters")],
      groups: [ServerOptions.transport], options: PeriodListing.options)
  ) { arguments, log in
    try PeriodListing.run(arguments, log)
  }
}
