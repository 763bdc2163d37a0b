/// Converts text to ASCII, for terminals and files whose locale is not UTF-8.
package enum ASCIIText {
  /// Whether the locale supports only ASCII. Programs that a timer starts often have no locale; then only a terminal
  /// gets ASCII.
  package static func isNeeded(_ environment: [String: String], isTerminal: Bool) -> Bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
    guard let locale = locale?.lowercased() else { return isTerminal }
    return !locale.contains("utf-8") && !locale.contains("utf8")
  }

  /// The text with d2's own signs in plain letters, and everything else escaped.
  package static func of(_ text: String) -> String {
    guard text.utf8.contains(where: { $0 >= 0x80 }) else { return text }
    return text.unicodeScalars.map { scalar in
      switch scalar {
      case _ where scalar.isASCII: String(scalar)
      case "…": "..."
      case "×": "x"
      case "–", "—": "-"
      case "→": "->"
      case "’", "‘": "'"
      case "“", "”": "\""
      default: "\\u{\(String(scalar.value, radix: 16))}"
      }
    }.joined()
  }
}
