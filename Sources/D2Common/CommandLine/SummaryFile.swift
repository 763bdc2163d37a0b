/// A file with one JSON object, put in place at once.
package enum SummaryFile {
  /// - Throws: `CommandFailure`, 73.
  package static func write(_ document: JSONValue, to path: String) throws(CommandFailure) {
    let file = try ReplacedFile(path, mode: 0o644)
    try file.write(Array((document.text + "\n").utf8))
    try file.finish()
  }

  /// Where a command's summary goes: the file that is named, or, in the pipeline of a slice, the one that its worker
  /// looks for.
  package static func path(named: String?, command: String, environment: [String: String]) -> String? {
    if let named { return named }
    guard let folder = environment["D2_SUMMARY_DIR"], !folder.isEmpty else { return nil }
    return "\(folder)/\(command).json"
  }
}
