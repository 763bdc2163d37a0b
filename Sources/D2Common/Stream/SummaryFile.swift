/// A file with one JSON object, put in place at once.
package enum SummaryFile {
  /// - Throws: `CommandFailure`, 73.
  package static func write(_ document: JSONValue, to path: String) throws(CommandFailure) {
    let file = try ReplacedFile(path, mode: 0o644)
    try file.write(Array((document.text + "\n").utf8))
    try file.finish()
  }
}
