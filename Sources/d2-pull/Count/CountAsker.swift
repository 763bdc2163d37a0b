import D2Client
import D2Common

/// The questions that a count asks of a server.
struct CountAsker {
  let client: DHIS2Client
  let meter: PullMeter
  let kind: DataKind

  /// What came to a question.
  struct Answered {
    var values = 0
    /// Of those, what a pull would hand on.
    var passed = 0
    var bytes = 0
    var wireBytes = 0
    /// Values by organisation unit.
    var units: [String: Int] = [:]
  }

  /// - Throws: `ServerError`.
  func ask(_ request: PullRequest) throws -> Answered {
    try client.retrying { _ in
      let before = meter.current
      var sink = CountingSink(key: kind.orgUnitKey)
      let answer = try Answer.receive(
        request, kind: kind, into: &sink, client,
        meter,
        counts: false
      ) { _ in
      } whileWaiting: {
      }
      let after = meter.current
      return Answered(
        values: answer.values, passed: answer.passed, bytes: after.bytes - before.bytes,
        wireBytes: after.wireBytes - before.wireBytes,
        units: sink.units)
    }
  }

  /// The units of some selections: those that are named, and those below others.
  func pools(
    _ selections: [PullOptions], _ dataSet: String?, using random: inout SeededOrder
  ) throws -> [UnitPool] {
    var named = selections.filter { !$0.children }.flatMap(\.orgUnits)
    for group in Set(selections.flatMap(\.orgUnitGroups)).sorted() {
      let members = try client.json(
        "/api/organisationUnitGroups/\(Query.encoded(group))?fields=organisationUnits%5Bid%5D")
      named += (members["organisationUnits"]?.array ?? []).compactMap { $0["id"]?.string }
    }
    let roots = selections.filter(\.children).flatMap(\.orgUnits).unique
    var pools: [UnitPool] = []
    if !named.isEmpty { pools.append(UnitPool(named.unique, using: &random)) }
    if !roots.isEmpty { pools.append(try UnitPool(below: roots, dataSet: dataSet, client, using: &random)) }
    return pools
  }
}

/// Counts values by organisation unit while their lines come: a server that does not know the limit of a question sends any number of them.
private struct CountingSink: LineSink {
  let key: String
  private(set) var units: [String: Int] = [:]

  /// More units than were asked about.
  private static let mostUnits = 100_000

  init(key: String) { self.key = key }

  mutating func write(_ carried: UnsafeRawBufferPointer, _ lines: UnsafeRawBufferPointer, lineEndMissing: Bool) {
    var bytes = Array(carried)
    bytes += lines
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      guard let value = try? JSONValue(parsing: line), let unit = value[key]?.string else { continue }
      if units[unit] != nil || units.count < Self.mostUnits { units[unit, default: 0] += 1 }
    }
  }
}
