/// A file with one JSON object, written atomically.
package enum SummaryFile {
  /// - Throws: `CommandFailure`, 73.
  package static func write(_ document: JSONValue, to path: String) throws(CommandFailure) {
    let file = try ReplacedFile(path, mode: 0o644)
    try file.write(Array((document.text + "\n").utf8))
    try file.finish()
  }

  /// The path of a command's summary: the given file, or in a slice's pipeline the file that its worker reads.
  package static func path(named: String?, command: String, environment: [String: String]) -> String? {
    if let named { return named }
    guard let folder = environment["D2_SUMMARY_DIR"], !folder.isEmpty else { return nil }
    return "\(folder)/\(command).json"
  }
}
