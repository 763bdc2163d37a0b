import D2Client
import TestSupport
import Testing

@testable import d2_pull

@Suite("AnalyticsGrid")
struct AnalyticsGridTests {
  private static func grid(items: Int, periods: Int, units: Int) -> AnalyticsGrid {
    func ids(_ letter: String, _ count: Int) -> [String] {
      (0..<count).map { letter + String(10_000_000_000 + $0).dropFirst() }
    }
    var grid = AnalyticsGrid(items: [], periods: [], units: ids("u", units))
    for (place, id) in ids("d", items).enumerated() { grid.items.append((id: id, values: 1 + place % 3)) }
    for month in 0..<periods { grid.periods.append(String(202_001 + month / 12 * 100 + month % 12)) }
    return grid
  }

  /// The cells of boxes, each as often as it is in one.
  private static func cells(_ boxes: [AnalyticsGrid.Box]) -> [[Int]: Int] {
    var counts: [[Int]: Int] = [:]
    for box in boxes {
      for item in box.items {
        for period in box.periods {
          for unit in box.units { counts[[item, period, unit], default: 0] += 1 }
        }
      }
    }
    return counts
  }

  @Test("each cell is in one box, however they are cut", arguments: (1...20).map { UInt64($0) })
  func cuts(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let grid = Self.grid(
      items: .random(in: 1...9, using: &random), periods: .random(in: 1...14, using: &random),
      units: .random(in: 1...11, using: &random))
    var boxes = [grid.whole]
    for _ in 0..<200 {
      let place = Int.random(in: 0..<boxes.count, using: &random)
      guard let (first, second) = grid.cut(boxes[place], share: .random(in: 0...1, using: &random)) else {
        #expect(Self.cells([boxes[place]]).count == 1, "only a single cell cannot be cut")
        continue
      }
      boxes[place] = first
      boxes.append(second)
    }
    let cells = Self.cells(boxes)
    #expect(cells.count == grid.items.count * grid.periods.count * grid.units.count)
    #expect(cells.values.allSatisfy { $0 == 1 })
    #expect(boxes.reduce(0) { $0 + grid.weight($1) } == grid.weight(grid.whole))
  }

  @Test("addresses are short enough, and few", arguments: [(1, 1, 3000), (300, 60, 900), (500, 1, 1)])
  func addresses(items: Int, periods: Int, units: Int) {
    let grid = Self.grid(items: items, periods: periods, units: units)
    let filter = "aaaaaaaaaaa:bbbbbbbbbbb"
    let boxes = grid.addressable(besides: "filter=&".utf8.count + filter.utf8.count)
    let targets = boxes.map { grid.request($0, passedOn: [("filter", filter)]).target }
    #expect(targets.allSatisfy { $0.utf8.count <= RequestSize.safeURLBytes })
    #expect(targets.contains { $0.utf8.count > RequestSize.safeURLBytes / 3 })
    #expect(
      boxes.reduce(0) { $0 + grid.weight($1) } == grid.weight(grid.whole) && Set(targets).count == boxes.count)
  }

  @Test("periods are cut first, then units, then items")
  func order() throws {
    let grid = Self.grid(items: 2, periods: 2, units: 2)
    var (box, rest) = try #require(grid.cut(grid.whole))
    #expect(box.periods.count == 1 && box.units.count == 2 && rest.periods.count == 1)
    (box, rest) = try #require(grid.cut(box))
    #expect(box.units.count == 1 && box.items.count == 2)
    (box, rest) = try #require(grid.cut(box))
    #expect(box.items == 0..<1 && rest.items == 1..<2 && grid.cut(box) == nil)
  }
}

@Suite("AddedKeys")
struct AddedKeysTests {
  private static func without(_ line: String) -> String {
    var out: [UInt8] = []
    AddedKeys.write(Array(line.utf8)[...], to: &out)
    return String(decoding: out, as: UTF8.self)
  }

  @Test(
    "what analytics add goes, and nothing else",
    arguments: [
      (
        #"{"dataElement":"a","value":"1","created":"2026-11-27","lastUpdated":"2026-11-27","comment":"[aggregated]","followup":false}"#,
        #"{"dataElement":"a","value":"1","followup":false}"#
      ),
      (#"{"comment":"[aggregated]","value":"1"}"#, #"{"value":"1"}"#),
      (#"{"comment":"x"}"#, "{}"), ("{}", "{}"),
      (#"{"value":"a \"comment\":\"x\", \\","storedBy":"[aggregated]"}"#, #"{"value":"a \"comment\":\"x\", \\"}"#),
      (
        #"{"a":{"comment":"in it","b":[1,{"created":2}]},"created":null}"#,
        #"{"a":{"comment":"in it","b":[1,{"created":2}]}}"#
      ),
      (#"{"value":"1","comment":"x","dataSet":"abc"}"#, #"{"value":"1","dataSet":"abc"}"#),
    ])
  func keys(line: String, expected: String) { #expect(Self.without(line) == expected) }
}
