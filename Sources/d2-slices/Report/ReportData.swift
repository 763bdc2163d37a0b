import D2Common
import D2Ledger
import D2Store

/// All data of a report, for the page and for JSON. Its size is bounded, whatever the number of slices.
struct ReportData: Sendable {
  /// The names of the pair and the servers, without their configuration, which contains secrets.
  var pair = ""
  var source = ""
  var destination = ""
  /// When the report was made, in milliseconds since 1970 by the database's clock.
  var made = 0
  var states = StateCounts()
  var values = ValueCounts()
  var dataSets: [DataSetLine] = [] {
    didSet { names = Dictionary(dataSets.map { ($0.uid, $0.name) }, uniquingKeysWith: { first, _ in first }) }
  }
  private var names: [String: String] = [:]
  var heatMap = HeatMap([], dataSets: [])
  var throughput = Throughput()
  var slowest: [Slice] = []
  /// Why values were refused, counted in values.
  var refusals = CauseTally()
  /// Why attempts failed, counted in slices: parked slices, and slices that wait for a retry.
  var parked = CauseTally()
  var retried = CauseTally()
  /// The names of the organisation units in the report.
  var unitNames: [String: String] = [:]

  /// A data set and the states of its slices.
  struct DataSetLine: Sendable {
    var uid: String
    var name: String
    var periodType: String?
    var isActive = true
    var syncedThrough: UTCTime?
    var states = StateCounts()
    var values = ValueCounts()
  }

  static let mostSlow = 20
  /// The most causes that are listed.
  static let mostCauses = 25
  /// The most texts, places and so on that are listed below each cause.
  static let mostDetails = 10

  init() {}

  init(_ store: Store, _ pair: Pair) throws {
    let ledger = Ledger(store)
    self.pair = pair.label
    source = pair.source.name
    destination = pair.destination.name
    made = try ledger.databaseTime()
    let finished = try sumUp(ledger, pair, try DataSetTable(store, pair).all())
    throughput = try Throughput(ledger, pair, finished: finished, now: made)
    slowest = try ledger.slowest(pair, Self.mostSlow)
    try ledger.forEachRefusing(pair) { refusals.add(reasonsOf: $0) }
    try ledger.forEachFailing(pair) { slice in
      let text = slice.lastError ?? slice.lastStatus.map { "ended with status \($0)" } ?? "no error is recorded"
      if slice.state == .failed { parked.add(text, 1, of: slice) } else { retried.add(text, 1, of: slice) }
    }
    unitNames = try ledger.unitNames(pair, mentionedUnits)
  }

  func name(of dataSet: String) -> String { names[dataSet] ?? dataSet }

  /// Computes totals, data sets and heat map. Returns when the first and the last slice were done.
  private mutating func sumUp(_ ledger: Ledger, _ pair: Pair, _ known: [DataSet]) throws -> ClosedRange<Int>? {
    var lines: [String: DataSetLine] = [:]
    for set in known {
      lines[set.uid] = DataSetLine(
        uid: set.uid, name: set.name.isEmpty ? set.uid : set.name, periodType: set.periodType,
        isActive: set.isActive && !set.isRemoved, syncedThrough: set.marks[.dataValues]?.through)
    }
    var groups: [HeatMap.Group] = []
    var finished: ClosedRange<Int>?
    try ledger.forEachGroup(pair) { group in
      lines[group.dataSet, default: DataSetLine(uid: group.dataSet, name: group.dataSet)].states += group.states
      lines[group.dataSet]!.values += group.values
      groups.append(
        HeatMap.Group(
          dataSet: group.dataSet, periods: group.periods, isIncrement: group.isIncrement,
          months: TimeAxis.months(of: group.periods, newest: group.newest), states: group.states))
      if let range = group.finished {
        let old = finished ?? range
        finished = min(old.lowerBound, range.lowerBound)...max(old.upperBound, range.upperBound)
      }
    }
    dataSets = lines.values.filter { $0.isActive || $0.states.total > 0 }
      .sorted { ($0.name.lowercased(), $0.uid) < ($1.name.lowercased(), $1.uid) }
    for line in dataSets {
      states += line.states
      values += line.values
    }
    heatMap = HeatMap(groups, dataSets: dataSets.filter { $0.states.total > 0 }.map { ($0.uid, $0.states) })
    return finished
  }

  /// The units of the slices that are listed individually.
  private var mentionedUnits: Set<String> {
    let causes = [refusals, parked, retried].flatMap { $0.top(Self.mostCauses).causes }
    return Set((slowest + causes.flatMap { $0.examples.map(\.slice) }).compactMap(\.orgUnits.first))
  }

  /// The name of a slice's first unit, and the number of its other units.
  func units(of slice: Slice) -> String {
    guard let first = slice.orgUnits.first else { return "" }
    let more = slice.orgUnits.count - 1
    let name = unitNames[first] ?? first
    return more > 0 ? "\(name) and \(more) more" : slice.children ? "\(name) with all below" : name
  }

  /// The estimated time for all open slices, at the recent rate.
  var secondsLeft: Double? {
    guard let rate = throughput.rate, rate > 0, states.open > 0 else { return nil }
    return Double(states.open) / rate
  }
}

extension CauseTally {
  private static let unknown = "no reason is recorded"

  /// Counts the reasons that d2-push gave for a slice. It lists only the most frequent ones; the other refusals have no
  /// reason.
  mutating func add(reasonsOf slice: Slice) {
    var rest = slice.counts.refused ?? 0
    if let text = slice.counts.reasons, let list = try? JSONValue(parsing: Array(text.utf8)) {
      for item in list.array ?? [] {
        guard let reason = item["reason"]?.string, let count = item["count"]?.int, count > 0 else { continue }
        add(reason, count, of: slice)
        rest -= count
      }
    }
    add(Self.unknown, rest, of: slice)
  }
}
