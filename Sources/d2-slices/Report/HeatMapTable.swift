import D2Common

/// The heat map as a table: data sets down, time across.
struct HeatMapTable {
  let data: ReportData
  private var map: HeatMap { data.heatMap }

  var html: HTML {
    let left: HTML =
      map.leftOut == 0
      ? ""
      : "<p class=\"soft\">\(Shown.count(map.leftOut, "data set")) left out; none is in a worse state than these. The list below and the JSON form have them.</p>"
    return ReportPage.section(
      "map", "Data sets by period",
      """
      \(legend)
      <div class="older"><p class="more">← \(older)</p>
      <div class="scroll map" tabindex="0" role="region" aria-label="Heat map, scrolls sideways"><table dir="ltr">
      <caption class="hidden">State of the slices of each data set, by period. A cell shows the worst state in \
      it.</caption>
      <thead>\(heads)</thead>
      <tbody>\(map.rows.map { row($0) })</tbody>
      </table></div></div>\(left)
      """)
  }

  /// Shown if the map can be scrolled further to the left.
  private var older: String {
    let first = map.axis.columns.first.map { "\($0.year)" } ?? ""
    return "More to the left: the map begins in \(first)."
  }

  private var legend: HTML {
    let states: [HTML] = ShownState.allCases.map { "<li>\($0.mark) \($0.rawValue)</li>" }
    return """
      <p class="soft">A cell shows the worst state of its slices. The sign is alone if all slices are in that state; otherwise it \
      stands with their number. A percentage is the share that is done. The lower edge fills as slices are done.</p>
      <ul class="legend" aria-label="Signs">\(states)</ul>
      """
  }

  // MARK: Heads

  private var heads: HTML {
    var years: HTML = ""
    var months: HTML = ""
    var rest = map.axis.columns[...]
    while let first = rest.first {
      let columns = rest.prefix { $0.year == first.year }
      rest = rest.dropFirst(columns.count)
      let isWhole = columns.count == 1 && first.label.isEmpty
      let span: HTML = columns.count == 1 ? "" : " colspan=\(columns.count)"
      years +=
        "<th scope=\"\(isWhole ? "col" : "colgroup")\"\(span)\(isWhole ? " rowspan=2" as HTML : "")><span>\(first.year)</span></th>"
      guard !isWhole else { continue }
      for column in columns { months += "<th scope=\"col\">\(column.label)</th>" }
    }
    for (title, isThere) in [("All time", map.hasAllTime), ("Changes", map.hasIncrements)] where isThere {
      years += "<th scope=\"col\" rowspan=2>\(title)</th>"
    }
    return """
      <tr><th scope="col" rowspan="2">Data set</th>\(years)</tr>
      <tr>\(months)</tr>
      """
  }

  // MARK: Rows

  private func row(_ row: HeatMap.Row) -> HTML {
    var html: HTML = "<tr><th scope=\"row\">\(ReportPage.name(data.name(of: row.dataSet)))</th>"
    var next = 0
    for cell in row.cells {
      html += Self.gap(cell.columns.lowerBound - next)
      html += Self.cell(cell.states, title: Self.title(cell.periods), span: cell.columns.count)
      next = cell.columns.upperBound
    }
    html += Self.gap(map.axis.columns.count - next)
    if map.hasAllTime { html += Self.cell(row.allTime, title: "all time", span: 1) }
    if map.hasIncrements { html += Self.cell(row.increments, title: "changes", span: 1) }
    return html + "</tr>\n"
  }

  private static func gap(_ columns: Int) -> HTML {
    columns == 0 ? "" : columns == 1 ? "<td>" : "<td colspan=\(columns)>"
  }

  private static func title(_ periods: ClosedRange<String>) -> String {
    let (first, last) = (periods.lowerBound, periods.upperBound)
    guard first != last else { return first }
    // For ranges: from the start of the first to the end of the last.
    let start = first.firstRange(of: "..").map { String(first[..<$0.lowerBound]) } ?? first
    let end = last.firstRange(of: "..").map { String(last[$0.upperBound...]) } ?? last
    return "\(start)…\(end)"
  }

  /// A cell without its end tag, which HTML does not need: there are thousands of cells.
  static func cell(_ states: StateCounts, title: String, span: Int) -> HTML {
    guard let worst = states.worst else { return gap(span) }
    let share: HTML = states.finished > 0 && states.finished < states.total ? " style=\"--p:\(states.percent)%\"" : ""
    let columns: HTML = span == 1 ? "" : " colspan=\(span)"
    let parts = StateCounts.shown.filter { states[$0] > 0 }.map { "\(Shown.count(states[$0])) \($0.rawValue)" }
    return
      "<td class=\(worst.letter)\(columns)\(share) title=\"\(title): \(parts.joined(separator: ", "))\">\(label(states, worst))"
  }

  private static func label(_ states: StateCounts, _ worst: ShownState) -> String {
    guard states[worst] < states.total else { return worst.sign }
    switch worst {
    case .failed, .refused, .retry: return worst.sign + Shown.short(states[worst])
    case .leased: return "\(worst.sign)\(states.percent)%"
    case .waiting, .done, .verified: return worst == .waiting ? "\(states.percent)%" : worst.sign
    }
  }
}
