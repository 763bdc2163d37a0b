import D2Client
import D2Common

/// How much a pull of one data set (or of some data elements) would move: counted if it is little, else estimated
/// from a sample.
///
/// No DHIS2 server tells how many values a query has. But it stops at a `limit`, so that little is counted exactly; and
/// all values of some units picked at random come in one answer.
struct SubjectCount {
  let dataSet: String?
  private(set) var requests: [PullRequest]
  private(set) var values = 0
  private(set) var low = 0
  /// `nil` if nothing can be said.
  private(set) var high: Int?
  private(set) var isExact = false
  /// Of values that came: their number and bytes.
  private var seen = (values: 0, bytes: 0, wireBytes: 0)
  private(set) var units: (sampled: Int, all: Int)?
  private(set) var isOfAssigned = false

  /// What is less than this is counted; no multiple of `ExportAnswer.rowsAtOnce`.
  static let countedValues = 2001
  /// A plan of more requests than this is not counted first.
  private static let mostCountedRequests = 3
  private static let firstUnits = 5

  /// - Parameter selections: of one subject; they differ in their organisation units.
  init(_ selections: [PullOptions], _ asker: CountAsker) throws {
    dataSet = selections[0].dataSets.count == 1 && selections[0].dataElements.isEmpty ? selections[0].dataSets[0] : nil
    requests = PullPlan(selections).requests
    if requests.count <= Self.mostCountedRequests, try count(asker) { return }
    try estimate(selections, asker)
  }

  var bytes: Int { extrapolated(seen.bytes) }
  var wireBytes: Int { isExact ? seen.wireBytes : extrapolated(seen.wireBytes) }

  /// What all values have, if they are like those that came.
  private func extrapolated(_ bytes: Int) -> Int {
    seen.values == 0 ? 0 : Int(Double(bytes) / Double(seen.values) * Double(values))
  }

  /// Asks the requests themselves, for no more than a little. False if there is more.
  private mutating func count(_ asker: CountAsker) throws -> Bool {
    var counted = (values: 0, bytes: 0, wireBytes: 0)
    for request in requests {
      let answer = try asker.ask(request.limited(to: Self.countedValues))
      counted = (counted.values + answer.passed, counted.bytes + answer.bytes, counted.wireBytes + answer.wireBytes)
      low = max(low, counted.values)
      if answer.values >= Self.countedValues {
        seen = counted
        return false
      }
    }
    seen = counted
    (values, low, high, isExact) = (counted.values, counted.values, counted.values, true)
    return true
  }

  private mutating func estimate(_ selections: [PullOptions], _ asker: CountAsker) throws {
    let least = low
    var random = SeededOrder(requests.map(\.export.target).joined())
    seen = (0, 0, 0)
    var total = SampledTotal([], of: 0)
    for pool in try asker.pools(selections, dataSet, using: &random) {
      let counts = try sample(pool, selections[0], asker)
      total = total + SampledTotal(counts, of: pool.total)
      units = ((units?.sampled ?? 0) + counts.count, (units?.all ?? 0) + pool.total)
      isOfAssigned = isOfAssigned || pool.isOfAssigned
    }
    values = max(Int(total.expected), least)
    low = max(Int(total.low), least)
    high = total.high.map { max(Int($0.rounded(.up)), values) }
    isExact = total.low == total.high && total.expected >= Double(least)
  }

  /// The values of some units of a pool: few at first, then as many as may be moved.
  private mutating func sample(_ pool: UnitPool, _ selection: PullOptions, _ asker: CountAsker) throws -> [Int] {
    var counts: [Int] = []
    var size = Self.firstUnits
    while counts.count < pool.picked.count {
      let units = pool.picked.dropFirst(counts.count).prefix(size)
      let asked = units.filter { !pool.outside.contains($0) }
      guard let answers = try values(of: asked, selection, asker) else {
        // More than may be moved: fewer units, down to none.
        guard size > 1 else { break }
        size = max(1, size / 4)
        continue
      }
      counts += units.map { answers[$0] ?? 0 }
      let mean = Double(counts.reduce(0, +)) / Double(counts.count)
      let room = mean == 0 ? pool.picked.count : Int(Double(ExportRequest.sampleLimit) / mean) - counts.count
      // What is left of a page, in one more answer; then it is enough.
      guard room > 0, size <= Self.firstUnits else { break }
      size = max(Self.firstUnits + 1, room)
    }
    return counts
  }

  /// `nil` if they hold more than may be moved.
  private mutating func values(
    of units: [String], _ selection: PullOptions, _ asker: CountAsker
  ) throws -> [String: Int]? {
    guard !units.isEmpty else { return [:] }
    var selection = selection
    selection.orgUnits = units
    selection.orgUnitGroups = []
    selection.children = false
    // Units are told apart by their uids.
    selection.passedOn.removeAll { $0.name.hasSuffix("dScheme") }
    var counts: [String: Int] = [:]
    for request in PullPlan([selection]).requests {
      let answer = try asker.ask(request.limited(to: ExportRequest.sampleLimit))
      seen = (seen.values + answer.values, seen.bytes + answer.bytes, seen.wireBytes + answer.wireBytes)
      guard answer.values < ExportRequest.sampleLimit else { return nil }
      counts.merge(answer.units) { $0 + $1 }
    }
    return counts
  }
}
