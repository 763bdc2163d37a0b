import D2Client
import D2Common

/// How much a pull of one data set (or of some data elements) would move. A small number is counted, a larger one is
/// estimated from a sample.
///
/// No DHIS2 server reports how many values a query has. But it stops at a `limit`, so a small number can be counted
/// exactly. And all values of some random units come in one answer.
struct SubjectCount {
  let dataSet: String?
  private(set) var requests: [PullRequest]
  private(set) var values = 0
  private(set) var low = 0
  /// `nil` if there is no upper bound.
  private(set) var high: Int?
  private(set) var isExact = false
  /// The number and bytes of the values that came.
  private var seen = (values: 0, bytes: 0, wireBytes: 0)
  private(set) var units: (sampled: Int, all: Int)?
  private(set) var isOfAssigned = false

  /// Numbers below this are counted. It is not a multiple of `ExportAnswer.rowsAtOnce`.
  static let countedValues = 2001
  /// A plan with more requests than this is not counted first.
  private static let mostCountedRequests = 3
  private static let firstUnits = 5

  /// - Parameter selections: selections of one subject, which differ in their organisation units.
  init(_ selections: [PullOptions], _ asker: CountAsker) throws {
    dataSet = selections[0].dataSets.count == 1 && selections[0].dataElements.isEmpty ? selections[0].dataSets[0] : nil
    requests = PullPlan(selections).requests
    if requests.count <= Self.mostCountedRequests, try count(asker) { return }
    try estimate(selections, asker)
  }

  var bytes: Int { extrapolated(seen.bytes) }
  var wireBytes: Int { isExact ? seen.wireBytes : extrapolated(seen.wireBytes) }

  /// The bytes of all values, if they are like those that came.
  private func extrapolated(_ bytes: Int) -> Int {
    seen.values == 0 ? 0 : Int(Double(bytes) / Double(seen.values) * Double(values))
  }

  /// Sends the requests themselves, with a small limit. False if there are more values.
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

  /// The values of some units of a pool: of a few units first, then of as many as may be moved.
  private mutating func sample(_ pool: UnitPool, _ selection: PullOptions, _ asker: CountAsker) throws -> [Int] {
    var counts: [Int] = []
    var size = Self.firstUnits
    while counts.count < pool.picked.count {
      let units = pool.picked.dropFirst(counts.count).prefix(size)
      let asked = units.filter { !pool.outside.contains($0) }
      guard let answers = try values(of: asked, selection, asker) else {
        // More values than may be moved: try fewer units, down to one.
        guard size > 1 else { break }
        size = max(1, size / 4)
        continue
      }
      counts += units.map { answers[$0] ?? 0 }
      let mean = Double(counts.reduce(0, +)) / Double(counts.count)
      let room = mean == 0 ? pool.picked.count : Int(Double(ExportRequest.sampleLimit) / mean) - counts.count
      // Fill the rest of a page with one more answer; then it is enough.
      guard room > 0, size <= Self.firstUnits else { break }
      size = max(Self.firstUnits + 1, room)
    }
    return counts
  }

  /// The values of units; `nil` if they have more than may be moved.
  private mutating func values(
    of units: [String], _ selection: PullOptions, _ asker: CountAsker
  ) throws -> [String: Int]? {
    guard !units.isEmpty else { return [:] }
    var selection = selection
    selection.orgUnits = units
    selection.orgUnitGroups = []
    selection.children = false
    // Units are identified by their uids.
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
