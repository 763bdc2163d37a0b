import D2Client
import D2Common
import D2Store

/// The selection of a slice of the ledger, which is complete.
struct SlicePull: StoredSelection {
  let server: ConfiguredServer
  let slice: Slice
  let movesRegistrations: Bool
  let siblings: [String]
  /// The record of its earlier increments, in a worker's pipeline.
  let delivered: DeliveredValues?
  private let side: PairSide
  var isOfDestination: Bool { side == .destination }
  /// The environment, for references to the pair's secrets.
  private let environment: [String: String]

  /// The most data sets to look up at once.
  private static let mostSiblings = 50

  /// Options that a slice defines itself.
  private static let answered: [any AnyOption] =
    [
      PairOptions.pair, PullOptions.dataSets, PullOptions.dataElements, PullOptions.dataElementGroups,
      PullOptions.orgUnits, PullOptions.orgUnitGroups, PullOptions.children, PullOptions.startDate,
      PullOptions.endDate, Changes.lastUpdated, Changes.lastUpdatedDuration, PullOptions.registrations, PairPull.only,
      PairPull.incremental, PullOptions.limit, CalendarOptions.period,
    ] + CalendarOptions.options + AnalyticsSubject.group.options

  /// - Throws: `StoreError`; `CommandFailure`, 64 if the text is not a slice.
  init(_ arguments: Arguments) throws {
    if let option = arguments.first(of: Self.answered)?.name {
      throw CommandFailure(.usage, "\(option) does not go with --slice, which says all of that")
    }
    slice = try SliceOption.read(arguments)!
    side = arguments[PairSide.option] ?? .source
    environment = arguments.environment
    delivered = DeliveredValues(slice, environment: arguments.environment, now: arguments.now())
    let store = try Store(arguments)
    let pair = try store.pair(numbered: slice.pair)
    server = side.server(of: pair)
    movesRegistrations = pair.movesRegistrations && slice.kind == .dataValues
    // The increments of all data sets follow each other, most of them without changes.
    let isOfMany = !slice.since.isEmpty && WorkerTurn.folder(arguments.environment) != nil
    let active = isOfMany ? try DataSetTable(store, pair).all().filter(\.isActive) : []
    siblings = active.prefix(Self.mostSiblings).map(\.uid).sorted()
  }

  func noteDelivered() { delivered?.write() }

  func selections(_ options: PullOptions, _ client: DHIS2Client, _ log: Log) throws -> [PullOptions] {
    if let words = slice.analytics { return [try sums(words, options, log)] }
    var selection = options
    selection.dataSets = [slice.dataSet]
    selection.orgUnits = slice.orgUnits
    selection.children = slice.children
    selection.periods = try slice.periodIDs()
    // Increments need dates too, because servers from 2.43 on refuse lastUpdated alone.
    if selection.periods.isEmpty { selection.dates = ExportRequest.allTime }
    if slice.kind == .dataValues { selection.tagsDataSet = true }
    // Only the source knows when values changed. The destination lacks what the source deleted.
    guard side == .source else { return [selection] }
    if slice.includesDeleted { selection.passedOn.append(("includeDeleted", "true")) }
    selection.changes = UTCTime(slice.since).map { .since($0) }
    if let delivered, let now = try? client.serverInfo().time {
      delivered.begins(at: now)
      selection.delivered = delivered
    }
    return [selection]
  }

  /// The options of a slice of sums.
  private func sums(_ words: [String], _ options: PullOptions, _ log: Log) throws -> PullOptions {
    let places = [PullOptions.orgUnits.name, slice.orgUnits.joined(separator: ",")]
    let times = [CalendarOptions.period.name, try slice.periodIDs().joined(separator: ",")]
    let arguments = try Arguments(
      words + places + times, Pull.description, environment: environment)
    let asked = try PullOptions(arguments, log, server: server)
    var selection = options
    selection.takeSums(of: asked)
    try selection.analytics?.take(schemes: options.passedOn)
    return selection
  }
}
