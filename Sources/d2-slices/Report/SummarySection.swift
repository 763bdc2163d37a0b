import D2Common

extension ReportPage {
  /// The state of the whole run at a glance.
  var summary: HTML {
    """
    <section class="summary" aria-labelledby="state"><h2 id="state" class="hidden">Progress</h2>
    <p class="big"><b>\(data.states.total == 0 ? "0" : String(data.states.percent)) %</b> done \
    <span class="soft">\(headline)</span></p>
    \(bar)
    \(Answers(data: data).html)
    <dl class="tiles">\(StateCounts.shown.map { tile($0) })</dl>
    \(figures)
    </section>

    """
  }

  private var headline: String {
    var parts = ["\(Shown.count(data.states.finished)) of \(Shown.count(data.states.total, "slice"))"]
    if data.states.open > 0 { parts.append("\(Shown.count(data.states.open)) open") }
    if let seconds = data.secondsLeft {
      let hourly = Int(((data.throughput.rate ?? 0) * 3600).rounded())
      parts.append("\(Shown.count(hourly)) an hour lately: about \(DurationText.rough(seconds)) left")
    } else if data.states.open > 0 {
      parts.append(
        data.states[.leased] > 0
          ? "none was done in the last \(StatusReport.rateSeconds / 60) minutes" : "nobody works on them now")
    }
    return parts.joined(separator: ", ")
  }

  /// Finished slices from the left, failed ones from the right.
  private var bar: HTML {
    let order: [ShownState] = [.verified, .done, .leased, .waiting, .retry, .refused, .failed]
    let parts = order.filter { data.states[$0] > 0 }
    let pieces = parts.map { state -> HTML in
      "<span class=\"\(state.letter)\" style=\"flex-grow:\(data.states[state])\" title=\"\(share(state))\"></span>"
    }
    let label = parts.isEmpty ? "no slices" : parts.map { share($0) }.joined(separator: ", ")
    return "<div class=\"bar\" role=\"img\" aria-label=\"\(label)\">\(pieces)</div>"
  }

  private func share(_ state: ShownState) -> String { "\(Shown.count(data.states[state])) \(state.rawValue)" }

  private func tile(_ state: ShownState) -> HTML {
    let count = data.states[state]
    return """
      <div\(count == 0 ? " class=\"none\"" as HTML : "")><dt>\(state.mark) \(state.title)</dt>\
      <dd><b>\(Shown.count(count))</b><small class="soft">\(state.meaning)</small></dd></div>
      """
  }

  /// The outcomes of the values.
  private var figures: HTML {
    let values = data.values
    guard values != ValueCounts() else { return "" }
    var items: [(String, String)] = [
      ("values read", Shown.count(values.pulled)), ("stored", Shown.count(values.taken)),
      ("there already", Shown.count(values.ignored)), ("refused", Shown.count(values.refused)),
    ]
    if values.notSent > 0 { items.append(("not sent", Shown.count(values.notSent))) }
    if values.queued > 0 { items.append(("queued", Shown.count(values.queued))) }
    if values.wireBytes > 0 { items.append(("bytes received", Shown.short(values.wireBytes))) }
    return "<ul class=\"figures\">\(items.map { "<li><b>\($0.1)</b> \($0.0)</li>" as HTML })</ul>"
  }
}
