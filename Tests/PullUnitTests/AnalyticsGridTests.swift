import D2Client
import D2Common
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

@Suite("SumLine")
struct SumLineTests {
  private static func written(_ line: String, _ ids: OutputIDs = OutputIDs()) -> String {
    var out: [UInt8] = []
    SumLine.write(Array(line.utf8)[...], ids, to: &out)
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
  func keys(line: String, expected: String) { #expect(Self.written(line) == expected) }

  @Test(
    "a number with an exponent is written without; every other value stays",
    arguments: [
      ("1.2345678E7", "12345678"), ("1.23456785E7", "12345678.5"), ("-2.5E-4", "-0.00025"), ("1.0E10", "10000000000"),
      ("12.0", "12.0"), ("250000.5", "250000.5"), ("0", "0"), ("E7", "E7"), ("one", "one"), ("1E999", "1E999"),
    ])
  func exponents(value: String, expected: String) {
    #expect(
      Self.written(#"{"value":"\#(value)","comment":"[aggregated]"}"#) == #"{"value":"\#(expected)"}"#)
    #expect(Self.written(#"{"orgUnit":"1E5","period":"2E3"}"#) == #"{"orgUnit":"1E5","period":"2E3"}"#)
  }

  @Test("uids become ids of the output; those without an entry, and combos, stay")
  func ids() throws {
    func objects(_ text: String) throws -> [JSONValue] { try #require(try JSONValue(parsing: text).array) }
    var ids = OutputIDs()
    ids.add(dataItems: try objects(#"[{"id":"uidA","code":"A \"1\""},{"id":"uidB"}]"#), .code)
    ids.add(orgUnits: try objects(#"[{"id":"uidA","code":"é"}]"#), .code)
    ids.add(orgUnits: try objects(#"[{"id":"uidC","code":"C"}]"#), .uid)
    #expect(
      Self.written(
        #"{"dataElement":"uidA","orgUnit":"uidA","categoryOptionCombo":"uidA","value":"1","created":"x"}"#, ids)
        == #"{"dataElement":"A \"1\"","orgUnit":"é","categoryOptionCombo":"uidA","value":"1"}"#)
    #expect(
      Self.written(#"{"dataElement":"uidB.REPORTING_RATE","orgUnit":"uidC"}"#, ids)
        == #"{"dataElement":"uidB.REPORTING_RATE","orgUnit":"uidC"}"#)
  }
}

@Suite("AnalyticsOperand")
struct AnalyticsOperandTests {
  /// The cells that a grid asks for: a server sums each item with each combo of the grid.
  private static func cells(_ grid: AnalyticsGrid) -> [String] {
    let sides = grid.combos.map { $0.split(separator: ":").map(String.init) }
    let combos = sides.first { $0[0] == "co" }.map { $0[1].split(separator: ";").map(String.init) }
    let attribute = sides.first { $0[0] == "ao" }.map { $0[1] } ?? "*"
    return grid.items.flatMap { item -> [String] in
      let parts = item.id.split(separator: ".").map(String.init)
      return (parts.count > 1 ? [parts[1]] : combos ?? ["*"]).map { "\(parts[0]).\($0).\(attribute)" }
    }
  }

  @Test("grids ask for exactly the pairs that were asked for, each once", arguments: (1...40).map { UInt64($0) })
  func products(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var texts: Set<String> = []
    for _ in 0..<Int.random(in: 1...200, using: &random) {
      let combo = Int.random(in: 0...5, using: &random) == 0 ? "*" : "c\(Int.random(in: 1...90, using: &random))"
      let attribute = ["", ".a1", ".a2"].randomElement(using: &random)!
      guard combo != "*" || !attribute.isEmpty else { continue }
      texts.insert("e\(Int.random(in: 1...6, using: &random)).\(combo)\(attribute)")
    }
    let operands = texts.sorted().compactMap { AnalyticsOperand($0) }
    let withoutTotal: Set = ["e2", "e5"]
    let grids = AnalyticsOperand.grids(operands, withoutTotal: withoutTotal)
    let expected = operands.map { "\($0.element).\($0.combo ?? "*").\($0.attribute ?? "*")" }.sorted()
    #expect(grids.flatMap(Self.cells).sorted() == expected)
    // Operands share a grid only with the combos of their own data element: any part of it is a product.
    for grid in grids where grid.items.contains(where: { $0.id.contains(".") }) {
      #expect(Set(grid.items.map { $0.id.prefix { $0 != "." } }).count == 1, "\(grid.items)")
    }
    for grid in grids where grid.items.contains(where: { !$0.id.contains(".") }) {
      let isOfCombos = grid.combos.contains { $0.hasPrefix("co:") }
      #expect(!isOfCombos || grid.items.allSatisfy { !withoutTotal.contains($0.id) }, "\(grid.items)")
    }
  }
}
