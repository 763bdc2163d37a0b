import D2Client
import D2Common
import D2Store

/// Lists the parked slices and the refused values by cause. Each cause can be opened to show where it occurred.
struct CauseLists {
  let data: ReportData

  var html: HTML {
    ReportPage.section("parked", "Parked slices and failed attempts", parked)
      + ReportPage.section("refused", "Refused values", refused)
  }

  private var parked: HTML {
    guard data.parked.total + data.retried.total > 0 else { return "<p class=\"soft\">None.</p>" }
    var html: HTML = ""
    if data.parked.total > 0 {
      html += "<h3>Parked: \(Shown.count(data.parked.total, "slice"))</h3>"
      html += """
        <p class="soft">To run them again: <code>d2-slices reset --pair \(ReportPage.word(data.pair)) \
        --state failed</code>, then <code>d2-slices run</code>.</p>
        """
      html += list(data.parked, "slice", ofValues: false)
    }
    if data.retried.total > 0 {
      html += "<h3>Waiting for a retry: \(Shown.count(data.retried.total, "slice"))</h3>"
      html += list(data.retried, "slice", ofValues: false)
    }
    return html
  }

  private var refused: HTML {
    guard data.refusals.total > 0 else { return "<p class=\"soft\">None.</p>" }
    let resting = data.states[.refused]
    let advice: HTML =
      resting == 0
      ? ""
      : """
      <p class="soft">\(Shown.count(resting, "slice")) \(resting == 1 ? "is" : "are") done with refusals. Fix the \
      cause at the source or at the destination, then run \(resting == 1 ? "it" : "them") again: <code>d2-slices \
      reset --pair \(ReportPage.word(data.pair)) --state refused</code> and <code>d2-slices run \
      --pair \(ReportPage.word(data.pair))</code>. Or accept the refusals: <code>d2-slices run \
      --accept-rejects</code>.</p>
      """
    return "<p class=\"soft\">\(Shown.count(data.refusals.total, "value")), by reason. Open a reason to see where.</p>"
      + advice + list(data.refusals, "value", ofValues: true)
  }

  private func list(_ tally: CauseTally, _ noun: String, ofValues: Bool) -> HTML {
    let (causes, rest) = tally.top(ReportData.mostCauses)
    let more: HTML = rest == 0 ? "" : "<p class=\"soft\">Other causes: \(Shown.count(rest, noun)).</p>"
    return "<div class=\"causes\">\(causes.map { details($0, noun, tally.total, ofValues) })</div>\(more)"
  }

  private func details(_ cause: Cause, _ noun: String, _ total: Int, _ ofValues: Bool) -> HTML {
    let texts = cause.texts.top(ReportData.mostDetails, before: <)
    // A cause with a single text is that text.
    let isSingle = texts.items.count == 1 && texts.rest == 0
    let slices: HTML = ofValues ? " <span class=\"soft\">in \(Shown.count(cause.slices, "slice"))</span>" : ""
    return """
      <details><summary><b class="n">\(Shown.count(cause.count))</b> \
      <span>\(isSingle ? texts.items[0].key : cause.pattern)\(slices)</span>\
      <meter value="\(cause.count)" max="\(max(total, 1))" aria-label="Share of all">\(cause.count)</meter></summary>
      \(CauseRemedy(cause: cause, pair: data.pair.clipped(ReportPage.mostNameCharacters), ofValues: ofValues).html)\
      \(isSingle ? "" : list("The original message", texts.items.map { ("\($0.key)", $0.count) }, texts.rest))\(places(cause))\(examples(cause, ofValues))
      </details>

      """
  }

  private func places(_ cause: Cause) -> HTML {
    let places = cause.places.top(ReportData.mostDetails, before: Cause.Place.isOrdered)
    return list(
      "Data sets and periods",
      places.items.map { ("\(ReportPage.name(data.name(of: $0.key.dataSet))), \($0.key.periods)", $0.count) },
      places.rest)
  }

  private func list(_ title: String, _ items: [(HTML, Int)], _ rest: Int) -> HTML {
    let more: HTML =
      rest == 0 ? "" : "<li><b class=\"n\">\(Shown.count(rest))</b> <span class=\"soft\">others</span></li>"
    let rows = items.map { "<li><b class=\"n\">\(Shown.count($0.1))</b> <span>\($0.0)</span></li>" as HTML }
    return "<h4>\(title)</h4><ul class=\"counts\">\(rows)\(more)</ul>"
  }

  private func examples(_ cause: Cause, _ ofValues: Bool) -> HTML {
    let title =
      cause.slices <= cause.examples.count ? "Slices" : ofValues ? "Slices with most of them" : "Some of the slices"
    return "<h4>\(title)</h4><ul class=\"slices\">\(cause.examples.map { example($0.slice, $0.count, ofValues) })</ul>"
  }

  private func example(_ slice: Slice, _ count: Int, _ ofValues: Bool) -> HTML {
    var facts: [HTML] = []
    if ofValues {
      facts.append(", \(Shown.count(count)) refused")
    } else {
      facts.append(", \(Shown.count(slice.attempts, "attempt"))")
      if let status = slice.lastStatus { facts.append(", status \(status)") }
      if let finished = slice.finishedAt { facts.append(", \(ReportPage.time(finished))") }
    }
    let rejects: HTML = slice.rejects.map { "<br><code>\($0.clipped(300))</code>" } ?? ""
    return """
      <li><b>\(slice.id)</b> \(ReportPage.name(data.name(of: slice.dataSet))), \(slice.time), \
      \(ReportPage.name(data.units(of: slice)))\(slice.kind.suffix)<span class="soft">\(facts)</span>\(rejects)</li>
      """
  }
}
