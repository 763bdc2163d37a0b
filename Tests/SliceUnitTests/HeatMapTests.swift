import D2Common
import Testing

@testable import d2_slices

@Suite("TimeAxis and HeatMap")
struct HeatMapTests {
  static func months(_ periods: String) -> Range<Int> { TimeAxis.months(of: periods, newest: 0)! }

  static func axis(_ periods: [String], most: Int = 72) -> [String] {
    TimeAxis(periods.map(months), mostColumns: most).columns.map {
      $0.label.isEmpty ? $0.year : "\($0.label) \($0.year)"
    }
  }

  @Test("columns are cut where periods begin and end, and only where there are any")
  func columns() {
    #expect(Self.axis(["2023", "2024"]) == ["2023", "2024"])
    #expect(Self.axis(["2024Q1", "2024Q2"]) == ["Jan–Mar 2024", "Apr–Jun 2024"])
    #expect(Self.axis(["202401", "202403", "2024Q1"]) == ["Jan 2024", "Feb 2024", "Mar 2024"])
    #expect(Self.axis(["2023July"]) == ["Jul–Dec 2023", "Jan–Jun 2024"])
    #expect(Self.axis(["2024W1..2024W4", "20240301..20240331"]) == ["Jan 2024", "Mar 2024"])
    #expect(Self.axis([]).isEmpty)
  }

  @Test("the oldest years are folded, and the very oldest share a column")
  func folding() {
    let periods = (1990...2024).flatMap { year in (1...12).map { "\(year)\($0 < 10 ? "0" : "")\($0)" } }
    let columns = TimeAxis(periods.map(Self.months), mostColumns: 60).columns
    #expect(columns.count <= 72)
    #expect(columns.first?.year == "to 1997" && columns.last?.label == "Dec")
    let all = TimeAxis(periods.map(Self.months), mostColumns: 60)
    #expect(all.place(of: Self.months("199001")) == 0..<1)
    #expect(all.place(of: Self.months("202412")) == columns.count - 1..<columns.count)
    // However little room there is, the last year is there by periods.
    #expect(TimeAxis(periods.map(Self.months), mostColumns: 1).columns.filter { $0.year == "2024" }.count == 12)
  }

  static func group(_ dataSet: String, _ periods: String, _ state: ShownState, _ count: Int = 1) -> HeatMap.Group {
    var states = StateCounts()
    states[state] = count
    return HeatMap.Group(
      dataSet: dataSet, periods: periods, isIncrement: false, months: TimeAxis.months(of: periods, newest: 19_000),
      states: states)
  }

  @Test("a long period spans the columns of shorter ones; no slice is lost, whatever its id")
  func cells() {
    let groups = [
      Self.group("a", "202401", .done, 3), Self.group("a", "202402", .failed), Self.group("b", "2024", .waiting, 2),
      Self.group("b", "odd", .retry), Self.group("b", "", .leased),
    ]
    let sets = ["a", "b"].map { uid in
      (uid, groups.filter { $0.dataSet == uid }.reduce(into: StateCounts()) { $0 += $1.states })
    }
    let map = HeatMap(groups, dataSets: sets)
    #expect(map.rows.map(\.dataSet) == ["a", "b"] && map.hasAllTime && !map.hasIncrements)
    let year = map.rows[1].cells.last
    #expect(year?.states[.waiting] == 2 && year?.columns.count == 3)
    let total = map.rows.reduce(0) { $0 + $1.allTime.total + $1.cells.reduce(0) { $0 + $1.states.total } }
    #expect(total == 8)
  }

  @Test("where there are too many data sets, those in trouble are kept")
  func manyRows() {
    let sets = (0..<400).map { "s\($0)" }
    let groups = sets.map { Self.group($0, "2024", $0 == "s399" ? .failed : .done) }
    let map = HeatMap(groups, dataSets: groups.map { ($0.dataSet, $0.states) })
    #expect(map.rows.count == 150 && map.leftOut == 250)
    #expect(map.rows.contains { $0.dataSet == "s399" })
  }

  @Test("a cell tells its state in letters, not by its colour alone")
  func cell() {
    var states = StateCounts()
    states[.done] = 63
    states[.waiting] = 37
    #expect(
      HeatMapTable.cell(states, title: "202401", span: 1).text
        == "<td class=w style=\"--p:63%\" title=\"202401: 37 waiting, 63 done\">63%")
    states[.failed] = 2
    #expect(
      HeatMapTable.cell(states, title: "<", span: 3).text.hasPrefix(
        "<td class=f colspan=3 style=\"--p:61%\" title=\"&lt;: "))
    #expect(HeatMapTable.cell(states, title: "", span: 1).text.hasSuffix(">✗2"))
    #expect(HeatMapTable.cell(StateCounts(), title: "", span: 2).text == "<td colspan=2>")
  }
}
