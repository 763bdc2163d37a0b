import D2Client
import D2Common
import D2Store

/// The first questions of a reader, each answered with a sentence: is it done, what went wrong, what to do next.
struct Answers {
  let data: ReportData

  private var states: StateCounts { data.states }
  private var pair: String { ReportPage.word(data.pair) }

  var html: HTML {
    let answers: [(question: String, answer: HTML)] = [
      ("Is it done?", isDone), ("What went wrong?", whatWentWrong), ("What do I do next?", whatNext),
    ]
    let items = answers.map { "<div><dt>\($0.question)</dt><dd>\($0.answer)</dd></div>" as HTML }
    return "<dl class=\"answers\">\(items)</dl>"
  }

  // MARK: Is it done?

  private var isDone: HTML {
    guard states.total > 0 else { return "Nothing is planned yet." }
    guard states.finished < states.total else {
      return states.total == 1
        ? "Yes. The only slice is done." : "Yes. All \(Shown.count(states.total)) slices are done."
    }
    let finished = "\(Shown.count(states.finished)) of \(Shown.count(states.total, "slice"))"
    let verb = states.finished == 1 ? "is" : "are"
    guard states.open > 0 else { return "Not all of it. \(finished) \(verb) done, and nothing is left to run." }
    let left = data.secondsLeft.map { ", about \(DurationText.rough($0)) left" } ?? ""
    return "Not yet. \(finished) \(verb) done, \(Shown.count(states.open)) still to do\(left)."
  }

  // MARK: What went wrong?

  private var whatWentWrong: HTML {
    var faults: [String] = []
    if states[.failed] > 0 {
      faults.append(
        "\(Shown.count(states[.failed], "slice")) failed too often and\(verbForm(states[.failed], "is", "are")) parked")
    }
    if states[.retry] > 0 { faults.append("\(Shown.count(states[.retry], "slice")) failed and will be retried") }
    if data.values.refused > 0 {
      let refused = data.values.refused
      faults.append("\(Shown.count(refused, "value"))\(verbForm(refused, "was", "were")) refused")
    }
    guard !faults.isEmpty else { return "Nothing." }
    let tallies = [data.parked, data.refusals, data.retried].compactMap { $0.top(1).causes.first }
    let most: HTML = tallies.first.map { " Most often: <q>\($0.pattern.clipped(160))</q>" } ?? ""
    return "\(faults.joined(separator: "; ").capitalisedSentence).\(most)"
  }

  // MARK: What do I do next?

  private var whatNext: HTML {
    guard states.total > 0 else { return "Plan slices: <code>d2-slices plan --pair \(pair) -y 2024</code>" }
    if states.open > 0 {
      return states[.leased] > 0
        ? "Wait: workers move the rest." : "Run the rest: <code>d2-slices run --pair \(pair)</code>"
    }
    for (state, section) in [(ShownState.failed, "parked"), (.refused, "refused")] where states[state] > 0 {
      return """
        Mend the causes that are listed under <a href="#\(section)">\(section == "parked" ? "Failures" : "Refused")</a>. \
        Then run these slices again: \
        <code>d2-slices reset --pair \(pair) --state \(state.rawValue) &amp;&amp; d2-slices run --pair \(pair)</code>
        """
    }
    guard states[.verified] == states.total else {
      return "Compare both servers once: <code>d2-reconcile \(pair)</code>"
    }
    return "Nothing. Both servers were compared."
  }
}

/// How to fix a cause of failures or refusals: the meaning of its error code or exit status, and the command for it.
struct CauseRemedy {
  let cause: Cause
  let pair: String
  let ofValues: Bool

  var html: HTML { "\(hint)\(command)" }

  private var hint: HTML {
    if let code = ErrorCode.within(cause.pattern) {
      return "<p>\(code.code) means: \(code.meaning). \(code.advice)</p>"
    }
    guard !ofValues, let status = cause.examples.first?.slice.lastStatus, let hint = Self.hints[status] else {
      return ""
    }
    return
      "<p>\(hint.text) \(hint.command.isEmpty ? "" : "<code>\(hint.command) \(ShellWord.quoted(pair))</code>" as HTML)</p>"
  }

  /// The hints, by exit status.
  private static let hints: [Int: (text: String, command: String)] = [
    69: ("A server cannot be reached. Check its address and the network:", "d2-pairs test"),
    73: ("A file cannot be written. Check the free space and the rights of the folder.", ""),
    75: ("A server failed or was too slow. Look into its log, and run the slices again later.", ""),
    76: ("The address is not one of DHIS2. Check it:", "d2-pairs test"),
    77: ("A server refuses the credentials or the access. Check them:", "d2-pairs test"),
    78: ("The store or the pair is not set up. Check it:", "d2-pairs test"),
  ]

  /// The command for the slices themselves, if the report knows all of them.
  private var command: HTML {
    guard !cause.examples.isEmpty else { return "" }
    let isAll = cause.slices <= cause.examples.count
    let selection =
      isAll
      ? "--id " + cause.examples.map { "\($0.slice.id)" }.sorted().joined(separator: ",")
      : "--state \(ofValues ? "refused" : "failed")"
    guard ofValues || cause.examples.contains(where: { $0.slice.state == .failed }) else {
      return "<p>d2-slices retries these slices itself, as long as it runs.</p>"
    }
    let name = ShellWord.quoted(pair)
    return """
      <p>When it is mended: <code>d2-slices reset --pair \(name) \(selection) &amp;&amp; d2-slices run --pair \(name)\
      </code></p>
      """
  }
}
