import D2Store
import D2Common

/// The report as one page. It has no script and loads nothing from the network, and its policy forbids both.
struct ReportPage {
  let data: ReportData

  init(_ data: ReportData) { self.data = data }

  private static let policy =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"

  var html: HTML {
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta http-equiv="Content-Security-Policy" content="\(Self.policy)">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <meta name="referrer" content="no-referrer">
    <link rel="icon" href="data:,">
    <title>\(data.pair.clipped(Self.mostNameCharacters)): \(data.states.percent) % moved from \
    \(data.source.clipped(Self.mostNameCharacters)) to \(data.destination.clipped(Self.mostNameCharacters))</title>
    <style>\(Self.style)</style>
    </head>
    <body>
    <a class="skip" href="#main">To the content</a>
    \(header)
    <main id="main">
    \(summary)\(data.states.total == 0 ? nothing : navigation + sections)\(dataSetSection)
    </main>
    <footer><p>Made by d2-slices \(D2.version). All times are UTC.</p></footer>
    </body>
    </html>

    """
  }

  /// The package's own file, so it contains no text from others.
  private static let style = HTML(markup: String(decoding: PackageResources.report_css, as: UTF8.self))

  /// Longer names are cut: DHIS2 allows 230.
  static let mostNameCharacters = 120

  // MARK: Head

  private var header: HTML {
    """
    <header>
    <h1>Data moved by d2: \(Self.name(data.pair))</h1>
    <p class="route"><span class="soft">From</span> <b>\(Self.name(data.source))</b> <span class="soft">to</span> \
    <b>\(Self.name(data.destination))</b></p>
    <p class="soft">As of \(Self.time(data.made)) UTC</p>
    </header>
    """
  }

  /// The pair as a word of a command line.
  static func word(_ pair: String) -> String { ShellWord.quoted(pair.clipped(mostNameCharacters)) }

  /// A name, isolated because its script may run in the other direction.
  static func name(_ name: String) -> HTML { "<bdi>\(name.clipped(mostNameCharacters))</bdi>" }

  static func time(_ milliseconds: Int) -> HTML {
    "<time datetime=\"\(Shown.iso8601(milliseconds: milliseconds))\">\(Shown.moment(milliseconds: milliseconds))</time>"
  }

  private var nothing: HTML {
    """
    <section aria-labelledby="none"><h2 id="none">No slices yet</h2>
    <p><code>d2-slices plan --pair \(Self.word(data.pair))</code> adds them.</p></section>
    """
  }

  private var navigation: HTML {
    let links: [(String, String, Int?)] = [
      ("map", "Heat map", nil), ("progress", "Progress", nil),
      ("parked", "Failures", data.parked.total + data.retried.total),
      ("refused", "Refused", data.refusals.total), ("slowest", "Slowest", nil), ("sets", "Data sets", nil),
    ]
    let items = links.map { id, title, count -> HTML in
      let badge: HTML = count.map { $0 > 0 ? " <span class=\"badge\">\(Shown.count($0))</span>" : "" } ?? ""
      return "<li><a href=\"#\(id)\">\(title)\(badge)</a></li>"
    }
    return "<nav aria-label=\"Sections\"><ul>\(items)</ul></nav>\n"
  }

  private var sections: HTML {
    """
    \(HeatMapTable(data: data).html)\(ProgressCharts(throughput: data.throughput, total: data.states.total).html)\
    \(CauseLists(data: data).html)\(slowestSection)
    """
  }

  static func section(_ id: String, _ title: String, _ content: HTML) -> HTML {
    "<section aria-labelledby=\"\(id)\"><h2 id=\"\(id)\">\(title)</h2>\n\(content)\n</section>\n"
  }

  /// A table that scrolls in its own box, by keyboard too.
  static func scrolled(_ label: String, _ table: HTML) -> HTML {
    "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"\(label)\">\(table)</div>"
  }

  // MARK: Slowest slices

  private var slowestSection: HTML {
    guard !data.slowest.isEmpty else { return "" }
    let rows = data.slowest.map { slice -> HTML in
      """
      <tr><th scope="row" class="n">\(slice.id)</th><td class="n">\(DurationText.exact(slice.seconds))</td>\
      <td class="n">\(Shown.count(slice.counts.pulled ?? 0))</td><td>\(Self.name(data.name(of: slice.dataSet)))</td>\
      <td>\(slice.time)</td><td>\(Self.name(data.units(of: slice)))</td><td>\(Self.state(slice))</td></tr>
      """
    }
    return Self.section(
      "slowest", "Slowest slices",
      "<p class=\"soft\">How long the last attempt took: \(rows.count == 1 ? "the only one" : "the longest \(rows.count)").</p>"
        + Self.scrolled(
          "Slowest slices",
          """
          <table class="list"><caption class="hidden">The slowest slices</caption>
          <thead><tr><th scope="col" class="n">Slice</th><th scope="col" class="n">Time</th>\
          <th scope="col" class="n">Values</th><th scope="col">Data set</th><th scope="col">Period</th>\
          <th scope="col">Units</th><th scope="col">State</th></tr></thead>
          <tbody>\(rows)</tbody></table>
          """))
  }

  static func state(_ slice: Slice) -> HTML {
    let state = slice.isVerified && slice.state == .done ? .verified : ShownState(rawValue: slice.state.rawValue)!
    return "\(state.mark) \(state.rawValue)"
  }

  // MARK: Data sets

  /// The limit of rows; JSON contains all data sets.
  private static let mostDataSets = 300

  private var dataSetSection: HTML {
    guard !data.dataSets.isEmpty else { return "" }
    let shown = data.dataSets.prefix(Self.mostDataSets)
    let left = data.dataSets.count - shown.count
    let heads: [HTML] = StateCounts.shown.map { "<th scope=\"col\" class=\"n\">\($0.title)</th>" }
    let rest: HTML =
      left == 0 ? "" : "<p class=\"soft\">\(Shown.count(left, "more data set")): the JSON form lists all.</p>"
    return Self.section(
      "sets", "Data sets",
      "<p class=\"soft\">Synced through: everything that the source had by then (its own clock) is at the destination.</p>"
        + Self.scrolled(
          "Data sets",
          """
          <table class="list sticky"><caption class="hidden">Data sets with the states of their slices</caption>
          <thead><tr><th scope="col">Data set</th><th scope="col">Synced through</th>\
          <th scope="col" class="n">Done</th><th scope="col" class="n">Slices</th>\(heads)\
          <th scope="col" class="n">Values read</th><th scope="col" class="n">Stored</th>\
          <th scope="col" class="n">Refused</th></tr></thead>
          <tbody>\(shown.map { dataSetRow($0) })</tbody></table>
          """) + rest)
  }

  private func dataSetRow(_ line: ReportData.DataSetLine) -> HTML {
    let counts: [HTML] = StateCounts.shown.map { "<td class=\"n\">\(Self.countOrDash(line.states[$0]))</td>" }
    let detail = [line.uid, line.periodType, line.isActive ? nil : "not active"].compactMap { $0 }
    let through: HTML = line.syncedThrough.map { Self.time($0.seconds * 1000) } ?? "<span class=\"soft\">not yet</span>"
    let done: HTML = line.states.total == 0 ? "<span class=\"soft\">–</span>" : "\(line.states.percent) %"
    return """
      <tr><th scope="row">\(Self.name(line.name))<small class="soft">\(detail.joined(separator: ", "))</small></th><td>\(through)</td>\
      <td class="n">\(done)</td><td class="n">\(Self.countOrDash(line.states.total))</td>\(counts)\
      <td class="n">\(Self.countOrDash(line.values.pulled))</td>\
      <td class="n">\(Self.countOrDash(line.values.taken))</td>\
      <td class="n">\(Self.countOrDash(line.values.refused))</td></tr>

      """
  }

  /// A count, or a dash for 0. Most counts are 0, so that the others stand out.
  static func countOrDash(_ count: Int) -> HTML {
    count == 0 ? "<span class=\"soft\">–</span>" : "\(Shown.count(count))"
  }
}

extension HTML {
  static func + (left: HTML, right: HTML) -> HTML { HTML(markup: left.text + right.text) }
}

extension ShownState {
  /// The meaning of the state, and a sign beside its colour. Phones must not draw the sign as a picture.
  private var explanation: (meaning: String, sign: String) {
    switch self {
    case .waiting: ("no worker has it yet", "○")
    case .leased: ("a worker has it", "▸")
    case .retry: ("failed, will be retried", "↻")
    case .done: ("pulled and pushed", "✓")
    case .verified: ("done, and both ends compared", "✓✓")
    case .failed: ("parked after too many attempts", "✗")
    case .refused: ("done, but values were refused", "⊘")
    }
  }

  var meaning: String { explanation.meaning }
  var sign: String { explanation.sign }
  var title: String { rawValue.capitalisedSentence }

  /// The class for colour and pattern. It is one letter, because thousands of cells have it.
  var letter: String { self == .refused ? "x" : String(rawValue.first!) }

  /// A small field with its colour, pattern and sign.
  var mark: HTML { "<span class=\"mark \(letter)\" aria-hidden=\"true\">\(sign)</span>" }
}
