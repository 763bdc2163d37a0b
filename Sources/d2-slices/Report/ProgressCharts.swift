import D2Common
import D2Ledger

/// Shows when slices were done, as drawings with a table after them. A drawing contains only shapes, and is stretched
/// to its box. The words are outside, so that they keep their size on a phone.
struct ProgressCharts {
  let throughput: Throughput
  let total: Int

  private static let height = 1000
  /// The least number of bars' places, so that a single bar does not fill the page.
  private static let leastPlaces = 16

  var html: HTML {
    guard !throughput.stretches.isEmpty else {
      return ReportPage.section("progress", "Progress over time", "<p class=\"soft\">Nothing is done yet.</p>")
    }
    return ReportPage.section(
      "progress", "Progress over time",
      """
      \(recent)
      <div class="charts">
      \(chart("Slices done", "\(Shown.count(doneInAll)) of \(Shown.count(total))", "\(Shown.count(doneInAll)) slices done in all", sums))
      \(chart("Values read an hour", "at most \(Shown.short(most(\.pulled)))", "Values read an hour", bars(\.pulled, "value")))
      \(chart("Slices done an hour", "at most \(Shown.short(most(\.slices)))", "Slices done an hour", bars(\.slices, "slice")))
      </div>
      \(table)
      """)
  }

  private var recent: HTML {
    func item(_ title: String, _ stretch: Ledger.Stretch) -> HTML {
      "<li>\(title): <b>\(Shown.count(stretch.slices))</b> \(stretch.slices == 1 ? "slice" : "slices"), <b>\(Shown.count(stretch.pulled))</b> values</li>"
    }
    return
      "<ul class=\"figures\">\(item("Last hour", throughput.lastHour))\(item("Last 24 hours", throughput.lastDay))</ul>"
  }

  /// The length of a bar's stretch: `5 min`, `1 h`.
  private var step: String {
    switch throughput.milliseconds {
    case ..<Throughput.hour: "\(throughput.milliseconds / 60_000) min"
    case ..<Throughput.day: "\(throughput.milliseconds / Throughput.hour) h"
    default: throughput.milliseconds == Throughput.day ? "1 day" : "\(throughput.milliseconds / Throughput.day) days"
    }
  }

  /// Places before the first stretch.
  private var emptyPlaces: Int { places - throughput.stretches.count }
  private var places: Int { max(throughput.stretches.count, Self.leastPlaces) }
  private var doneInAll: Int { throughput.stretches.reduce(0) { $0 + $1.slices } }
  private func most(_ figure: KeyPath<Ledger.Stretch, Int>) -> Int {
    throughput.hourly(throughput.stretches.map { $0[keyPath: figure] }.max() ?? 0)
  }

  private func chart(_ title: String, _ note: String, _ label: String, _ shapes: HTML) -> HTML {
    let start = throughput.end - places * throughput.milliseconds
    return """
      <figure><figcaption><b>\(title)</b> <span class="soft">\(note)</span></figcaption>
      <div class="plot"><svg viewBox="0 0 \(places) \(Self.height)" preserveAspectRatio="none" role="img" aria-label="\(label), from \(Shown.moment(milliseconds: throughput.stretches[0].start)) to \(Shown.moment(milliseconds: throughput.end)); the table below has the figures">
      \(shapes)</svg></div>
      <p class="ends soft">\(ReportPage.time(start)) \(ReportPage.time(throughput.end))</p></figure>
      """
  }

  /// The number of slices done at each moment, as steps.
  private var sums: HTML {
    var path = "M\(emptyPlaces) \(Self.height)"
    var sum = 0
    for (place, stretch) in throughput.stretches.enumerated() {
      path += "L\(emptyPlaces + place) \(Self.y(sum, of: total))"
      sum += stretch.slices
    }
    return "<path class=\"area\" d=\"\(path)L\(places) \(Self.y(doneInAll, of: total))V\(Self.height)z\"/>"
  }

  private func bars(_ figure: KeyPath<Ledger.Stretch, Int>, _ noun: String) -> HTML {
    let most = throughput.stretches.map { $0[keyPath: figure] }.max() ?? 0
    var html: HTML = ""
    for (place, stretch) in throughput.stretches.enumerated() where stretch[keyPath: figure] > 0 {
      let count = stretch[keyPath: figure]
      html += """
        <path d="M\(emptyPlaces + place) \(Self.height)V\(Self.y(count, of: most))h.9V\(Self.height)z"><title>\(Shown.moment(milliseconds: stretch.start)), \(step): \(Shown.count(count, noun))</title></path>
        """
    }
    return html
  }

  /// The y of a count. A count above 0 is always visible.
  private static func y(_ count: Int, of most: Int) -> Int {
    guard most > 0, count > 0 else { return height }
    return min(height - height / 100, height - Int(Double(count) / Double(most) * Double(height)))
  }

  private var table: HTML {
    let rows = throughput.stretches.filter { $0.slices > 0 }.reversed().map { stretch -> HTML in
      """
      <tr><th scope="row">\(ReportPage.time(stretch.start))</th><td class="n">\(Shown.count(stretch.slices))</td>\
      <td class="n">\(Shown.count(stretch.pulled))</td><td class="n">\(ReportPage.countOrDash(stretch.refused))</td></tr>

      """
    }
    return """
      <details><summary>The same as a table</summary>\(ReportPage.scrolled("Progress", """
      <table class="list"><caption>Done, by \(step), newest first</caption><thead><tr><th scope="col">From</th>\
      <th scope="col" class="n">Slices</th><th scope="col" class="n">Values read</th><th scope="col" class="n">Refused</th></tr></thead>
      <tbody>\(rows)</tbody></table>
      """))</details>
      """
  }
}
