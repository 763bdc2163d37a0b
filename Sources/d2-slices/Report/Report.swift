import D2Common
import D2Store

/// `d2-slices report`: a page for people, an object for programs, or both.
struct Report {
  private enum Format: String, CaseIterable { case json }

  private static let html = Option(
    "--html", value: "FILE", help: "Write a page that is complete in itself: no network, no script.")
  private static let format = Option(
    "--format", as: .one(of: Format.self), help: "Write the same as a JSON object to stdout (default without --html).")

  static let options: [any AnyOption] = [html, format]

  let arguments: Arguments

  func write(_ store: Store, _ pair: Pair, _ log: Log) throws -> ExitStatus {
    let data = try ReportData(store, pair)
    let page = arguments[Self.html]
    if let page {
      let bytes = Array(ReportPage(data).html.text.utf8)
      let file = try ReplacedFile(page, mode: 0o644)
      try file.write(bytes)
      try file.finish()
      log.info("\(page): \(Shown.count(data.states.total, "slice")), \(bytes.count / 1024) kB")
    }
    if arguments.has(Self.format) || page == nil {
      let output = LineOutput.standardOutput()
      try output.line(data.json.text)
      try output.flush()
    }
    return .success
  }
}
