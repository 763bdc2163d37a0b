import D2Client
import D2Common

/// Sends the requests of a count.
struct CountAsker {
  let client: DHIS2Client
  let meter: PullMeter
  /// Whether to repeat a request whose answer shows signs of a failed query.
  let checks: Bool

  /// The limit of units to count, which is more than any request names.
  private static let mostUnits = 100_000

  /// The result of a request.
  struct Answered {
    var values = 0
    /// How many of these a pull would pass on.
    var passed = 0
    var bytes = 0
    var wireBytes = 0
    /// Values by organisation unit.
    var units: [String: Int] = [:]
  }

  /// Sends a request until the answer is trusted.
  ///
  /// - Throws: `ServerError`.
  func ask(_ request: PullRequest) throws -> Answered {
    var (answered, answer) = try askOnce(request)
    guard checks, answer.isDoubtful(limit: request.export.limit) else { return answered }
    client.log.info(answer.doubt)
    let counts = try Agreement.reached(first: answer) {
      (answered, answer) = try askOnce(request)
      return answer
    }
    guard counts.agreed != nil else {
      throw ServerError(client.server, request.export.target, .disagreement, counts.problem)
    }
    return answered
  }

  private func askOnce(_ request: PullRequest) throws -> (Answered, ExportAnswer) {
    try client.retrying { _ in
      let before = meter.current
      // Count them while they arrive, because a server that ignores the limit may send any number of them.
      var units: [String: Int] = [:]
      var sink = ItemSink { value in
        guard let unit = value[request.export.kind.orgUnitKey]?.string else { return }
        if units[unit] != nil || units.count < Self.mostUnits { units[unit, default: 0] += 1 }
      }
      let answer = try PullAnswer.receive(request, into: &sink, client, meter, counts: false)
      let after = meter.current
      let answered = Answered(
        values: answer.export.items, passed: answer.passed, bytes: after.bytes - before.bytes,
        wireBytes: after.wireBytes - before.wireBytes, units: units)
      return (answered, answer.export)
    }
  }

  /// The units of some selections: those that they name, and those below them.
  func pools(_ selections: [PullOptions], _ dataSet: String?, using random: inout SeededOrder) throws -> [UnitPool] {
    var named = selections.filter { !$0.children }.flatMap(\.orgUnits)
    for group in Set(selections.flatMap(\.orgUnitGroups)).sorted() {
      named += try client.units(of: group, in: "organisationUnitGroups", fields: "id").compactMap { $0["id"]?.string }
    }
    let roots = selections.filter(\.children).flatMap(\.orgUnits).unique
    var pools: [UnitPool] = []
    if !named.isEmpty { pools.append(UnitPool(named.unique, using: &random)) }
    if !roots.isEmpty { pools.append(try UnitPool(below: roots, dataSet: dataSet, client, using: &random)) }
    return pools
  }
}
