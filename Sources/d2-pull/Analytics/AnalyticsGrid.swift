import D2Client
import D2Common

/// A question to analytics: data items, periods and organisation units, each with each. No two of its cells are the
/// same, so that however it is cut, each value comes once.
struct AnalyticsGrid: Sendable {
  /// A data item, and how many values a period and a unit may have of it.
  typealias Item = (id: String, values: Int)

  var items: [Item]
  var periods: [String]
  var units: [String]
  /// Whether each combo is a value.
  var disaggregates = false

  /// All of it.
  var whole: Box { Box(items: 0..<items.count, periods: 0..<periods.count, units: 0..<units.count) }

  /// Some of the items, periods and units.
  struct Box: Sendable, Equatable {
    var items: Range<Int>
    var periods: Range<Int>
    var units: Range<Int>
  }

  /// How many values a box may bring.
  func weight(_ box: Box) -> Int {
    items[box.items].reduce(0) { $0 + $1.values } * box.periods.count * box.units.count
  }

  // MARK: Cutting

  /// How much of an address the items and the periods may take. Units get what is left beside them and the rest.
  private static let itemBytes = RequestSize.safeURLBytes / 3
  private static let periodBytes = RequestSize.safeURLBytes / 8
  private static let fixedBytes = 200

  /// Boxes whose addresses are short enough for any server.
  ///
  /// - Parameter besides: how many bytes other parameters take.
  func addressable(besides: Int) -> [Box] {
    let periodRanges = Self.ranges(periods, Self.periodBytes)
    let used = Self.fixedBytes + besides + (periodRanges.map { Self.bytes(periods[$0]) }.max() ?? 0)
    return Self.ranges(items.map(\.id), Self.itemBytes).flatMap { itemRange in
      let room = RequestSize.safeURLBytes - used - Self.bytes(items[itemRange].map(\.id))
      return Self.ranges(units, max(room, Self.periodBytes)).flatMap { unitRange in
        periodRanges.map { Box(items: itemRange, periods: $0, units: unitRange) }
      }
    }
  }

  /// A semicolon, which is encoded, stands between ids.
  private static func bytes(_ ids: some Sequence<String>) -> Int {
    ids.reduce(0) { $0 + Query.encoded($1).utf8.count + 3 }
  }

  /// Runs of ids that fit a number of bytes.
  private static func ranges(_ ids: [String], _ limit: Int) -> [Range<Int>] {
    RequestSize.groups(of: Array(ids.indices), bytesEach: { bytes([ids[$0]]) }, limit: limit)
      .map { $0.first!..<$0.last! + 1 }
  }

  /// Two parts of a box, of which the first is about a share of it: cut by periods, else by units, else by items.
  ///
  /// - Returns: `nil` for a single cell.
  func cut(_ box: Box, share: Double = 0.5) -> (Box, Box)? {
    func split(_ range: Range<Int>) -> Int {
      range.lowerBound + max(1, min(range.count - 1, Int(Double(range.count) * share)))
    }
    var (first, second) = (box, box)
    if box.periods.count > 1 {
      let middle = split(box.periods)
      (first.periods, second.periods) = (box.periods.lowerBound..<middle, middle..<box.periods.upperBound)
    } else if box.units.count > 1 {
      let middle = split(box.units)
      (first.units, second.units) = (box.units.lowerBound..<middle, middle..<box.units.upperBound)
    } else if box.items.count > 1 {
      let middle = split(box.items)
      (first.items, second.items) = (box.items.lowerBound..<middle, middle..<box.items.upperBound)
    } else {
      return nil
    }
    return (first, second)
  }

  // MARK: Asking

  static let path = "/api/analytics/dataValueSet.json"

  /// The request for a box.
  func request(_ box: Box, passedOn: [ExportRequest.Parameter]) -> ExportRequest {
    func dimension(_ name: String, _ ids: some Sequence<String>) -> [ExportRequest.Parameter] {
      [("dimension", "\(name):\(ids.joined(separator: ";"))")]
    }
    var request = ExportRequest(
      .dataValues, subject: dimension("dx", items[box.items].map(\.id)),
      combos: disaggregates ? [("dimension", "co"), ("dimension", "ao")] : [],
      places: dimension("ou", units[box.units]), times: dimension("pe", periods[box.periods]), passedOn: passedOn,
      children: false)
    request.path = Self.path
    return request
  }
}
