import D2Client
import D2Common
import D2Store

/// What a pull takes from a slice of the ledger: all of it.
struct SlicePull: StoredSelection {
  let server: ConfiguredServer
  let slice: Slice
  let siblings: [String]
  /// What its increments have in mind, in the pipeline of a worker.
  let delivered: DeliveredValues?
  private let side: PairSide

  /// So many data sets are looked up at once.
  private static let mostSiblings = 50

  /// Options that a slice answers itself.
  private static let answered: [any AnyOption] =
    [
      PairOptions.pair, PullOptions.dataSets, PullOptions.dataElements, PullOptions.dataElementGroups,
      PullOptions.orgUnits, PullOptions.orgUnitGroups, PullOptions.children, PullOptions.startDate,
      PullOptions.endDate, Changes.lastUpdated, Changes.lastUpdatedDuration, PullOptions.registrations, PairPull.only,
      PairPull.incremental, PullOptions.limit, CalendarOptions.period,
    ] + CalendarOptions.options

  /// - Throws: `StoreError`; `CommandFailure`, 64 for what is no slice.
  init(_ arguments: Arguments) throws {
    if let option = arguments.first(of: Self.answered)?.name {
      throw CommandFailure(.usage, "\(option) does not go with --slice, which says all of that")
    }
    slice = try SliceOption.read(arguments)!
    side = arguments[PairSide.option] ?? .source
    delivered = DeliveredValues(slice, environment: arguments.environment, now: arguments.now())
    let store = try Store(arguments)
    let pair = try store.pair(numbered: slice.pair)
    server = side.server(of: pair)
    // Increments of all data sets follow each other, most of them with nothing new.
    let isOfMany = !slice.since.isEmpty && WorkerTurn.folder(arguments.environment) != nil
    let active = isOfMany ? try DataSetTable(store, pair).all().filter(\.isActive) : []
    siblings = active.prefix(Self.mostSiblings).map(\.uid).sorted()
  }

  func noteDelivered() { delivered?.write() }

  func selections(_ options: PullOptions, _ client: DHIS2Client, _ log: Log) throws -> [PullOptions] {
    var selection = options
    selection.dataSets = [slice.dataSet]
    selection.orgUnits = slice.orgUnits
    selection.children = slice.children
    selection.periods = try slice.periodIDs()
    // Increments carry dates too: servers from 2.43 on refuse lastUpdated alone.
    if selection.periods.isEmpty { selection.dates = ExportRequest.allTime }
    if slice.kind == .dataValues { selection.tagsDataSet = true }
    // What changed when is known of the source alone; what it deleted is not there at the destination.
    guard side == .source else { return [selection] }
    if slice.includesDeleted { selection.passedOn.append(("includeDeleted", "true")) }
    selection.changes = UTCTime(slice.since).map { .since($0) }
    if let delivered, let now = try? client.serverInfo().time {
      delivered.begins(at: now)
      selection.delivered = delivered
    }
    return [selection]
  }
}
