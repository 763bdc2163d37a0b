import D2Client
import D2Common

/// A request to analytics: data items, periods and organisation units, each combined with each. All its cells are
/// different. So each value comes once, however the grid is divided.
struct AnalyticsGrid: Sendable {
  /// A data item, and how many values it can have for one period and unit.
  typealias Item = (id: String, values: Int)

  var items: [Item]
  var periods: [String]
  var units: [String]
  /// Dimensions of combos, as the Web API writes them: `co` and `ao` for each combo, `co:UID;UID` for some.
  var combos: [String] = []
  /// Whether the server sends all decimals that it has.
  var skipsRounding = false

  /// The whole grid.
  var whole: Box { Box(items: 0..<items.count, periods: 0..<periods.count, units: 0..<units.count) }

  /// A part of the items, periods and units.
  struct Box: Sendable, Equatable {
    var items: Range<Int>
    var periods: Range<Int>
    var units: Range<Int>
  }

  /// How many values a box may have.
  func weight(_ box: Box) -> Int {
    items[box.items].reduce(0) { $0 + $1.values } * box.periods.count * box.units.count
  }

  // MARK: Cutting

  /// The shares of an address for the items and the periods. Units get the rest.
  private static let itemBytes = RequestSize.safeURLBytes / 3
  private static let periodBytes = RequestSize.safeURLBytes / 8
  private static let fixedBytes = 200

  /// Boxes whose addresses are short enough for any server.
  ///
  /// - Parameter besides: the bytes of other parameters.
  func addressable(besides: Int) -> [Box] {
    let periodRanges = Self.ranges(periods, Self.periodBytes)
    let periodsUsed = periodRanges.map { Self.bytes(periods[$0]) }.max() ?? 0
    let combosUsed = combos.reduce(0) { $0 + "&dimension=".utf8.count + Query.encoded($1).utf8.count }
    let used = Self.fixedBytes + besides + combosUsed + periodsUsed
    return Self.ranges(items.map(\.id), Self.itemBytes).flatMap { itemRange in
      let room = RequestSize.safeURLBytes - used - Self.bytes(items[itemRange].map(\.id))
      return Self.ranges(units, max(room, Self.periodBytes)).flatMap { unitRange in
        periodRanges.map { Box(items: itemRange, periods: $0, units: unitRange) }
      }
    }
  }

  /// The bytes of ids in an address. Between two ids there is an encoded semicolon.
  private static func bytes(_ ids: some Sequence<String>) -> Int {
    ids.reduce(0) { $0 + Query.encoded($1).utf8.count + 3 }
  }

  /// Ranges of ids that fit a number of bytes.
  private static func ranges(_ ids: [String], _ limit: Int) -> [Range<Int>] {
    RequestSize.groups(of: Array(ids.indices), bytesEach: { bytes([ids[$0]]) }, limit: limit)
      .map { $0.first!..<$0.last! + 1 }
  }

  /// Divides a box into two parts; the first has about the given share. It divides periods first, then units, then
  /// items.
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
      combos: combos.map { ("dimension", $0) },
      places: dimension("ou", units[box.units]), times: dimension("pe", periods[box.periods]),
      passedOn: passedOn + (skipsRounding ? [("skipRounding", "true")] : []), children: false)
    request.path = Self.path
    return request
  }
}
