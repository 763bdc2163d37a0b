import D2Common
import D2Store

/// `d2-slices report`: a page for people, an object for programs, or both.
struct Report {
  static let options: [any AnyOption] = [
    Option("--html", value: "FILE", help: "Write a page that needs nothing but itself: no network, no script."),
    Option("--format", value: "json", help: "The same as one JSON object on stdout (so it is without --html)."),
  ]

  private let page: String?
  private let writesJSON: Bool

  init(_ arguments: Arguments) throws(CommandFailure) {
    page = arguments.string("--html")
    writesJSON = try arguments.choice("--format", ["json"]) != nil || page == nil
  }

  func write(_ store: Store, _ pair: Pair, _ log: Log) throws -> ExitStatus {
    let data = try ReportData(store, pair)
    if let page {
      let bytes = Array(ReportPage(data).html.text.utf8)
      let file = try ReplacedFile(page, mode: 0o644)
      try file.write(bytes)
      try file.finish()
      log.info("\(page): \(Shown.count(data.states.total, "slice")), \(bytes.count / 1024) kB")
    }
    if writesJSON {
      let output = LineOutput.standardOutput()
      try output.line(data.json.text)
      try output.flush()
    }
    return .success
  }
}
