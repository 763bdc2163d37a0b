import D2Common

/// The states of slices by data set and time, in as many cells as fit on a page.
struct HeatMap: Sendable {
  struct Cell: Sendable, Equatable {
    var columns: Range<Int>
    /// `202401`, or the first and the last period if there are several.
    var periods: ClosedRange<String>
    var states: StateCounts
  }

  struct Row: Sendable, Equatable {
    let dataSet: String
    var cells: [Cell] = []
    /// Slices without periods: those of all time, and those of increments.
    var allTime = StateCounts()
    var increments = StateCounts()
  }

  let axis: TimeAxis
  /// The rows, in the given order of data sets.
  let rows: [Row]
  /// How many data sets are left out. None of them is worse than those shown.
  let leftOut: Int

  /// A cell is about 80 bytes of the page.
  private static let mostCells = 5000
  private static let mostRows = 150

  /// - Parameters:
  ///   - groups: the groups, in any order.
  ///   - dataSets: all data sets with the states of their slices, in the order of rows.
  init(_ groups: [Group], dataSets: [(uid: String, states: StateCounts)]) {
    let shown = Self.worst(dataSets)
    leftOut = dataSets.count - shown.count
    let placed = groups.filter { shown.contains($0.dataSet) }
    let axis = TimeAxis(placed.lazy.compactMap(\.months), mostColumns: max(12, Self.mostCells / max(1, shown.count)))
    var rows: [String: Row] = [:]
    for uid in shown { rows[uid] = Row(dataSet: uid) }
    for group in placed { rows[group.dataSet]!.add(group, axis) }
    self.axis = axis
    self.rows = dataSets.compactMap { rows[$0.uid]?.joined }
  }

  /// The part of a group that a heat map needs.
  struct Group: Sendable {
    let dataSet: String
    let periods: String
    let isIncrement: Bool
    let months: Range<Int>?
    let states: StateCounts
  }

  /// The data sets to show if there are too many: those with most parked slices, then those with most refused, then
  /// with most open.
  private static func worst(_ dataSets: [(uid: String, states: StateCounts)]) -> Set<String> {
    guard dataSets.count > mostRows else { return Set(dataSets.map(\.uid)) }
    let order = dataSets.sorted {
      ($1.states[.failed], $1.states[.refused], $1.states[.retry], $1.states.open)
        < ($0.states[.failed], $0.states[.refused], $0.states[.retry], $0.states.open)
    }
    return Set(order.prefix(mostRows).map(\.uid))
  }

  var hasAllTime: Bool { rows.contains { $0.allTime.total > 0 } }
  var hasIncrements: Bool { rows.contains { $0.increments.total > 0 } }
}

extension HeatMap.Row {
  fileprivate mutating func add(_ group: HeatMap.Group, _ axis: TimeAxis) {
    guard let months = group.months else {
      if group.isIncrement { increments += group.states } else { allTime += group.states }
      return
    }
    cells.append(
      HeatMap.Cell(columns: axis.place(of: months), periods: group.periods...group.periods, states: group.states))
  }

  /// The row with one cell at each place: for the weeks of a month, or the months of a folded year.
  fileprivate var joined: Self {
    var row = self
    row.cells = []
    for cell in cells.sorted(by: {
      ($0.columns.lowerBound, $0.columns.upperBound) < ($1.columns.lowerBound, $1.columns.upperBound)
    }) {
      guard let last = row.cells.last, last.columns.overlaps(cell.columns) else {
        row.cells.append(cell)
        continue
      }
      let columns = last.columns.lowerBound..<max(last.columns.upperBound, cell.columns.upperBound)
      let periods =
        min(last.periods.lowerBound, cell.periods.lowerBound)...max(last.periods.upperBound, cell.periods.upperBound)
      var states = last.states
      states += cell.states
      row.cells[row.cells.count - 1] = HeatMap.Cell(columns: columns, periods: periods, states: states)
    }
    return row
  }
}
