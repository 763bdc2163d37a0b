/// Formats texts for the cells of a sheet.
package enum SpreadsheetText {
  /// Puts an apostrophe before a text that a spreadsheet would read as a formula. It is for names, which come from
  /// servers and are not read again. Values stay as they are.
  package static func guarded(_ text: String) -> String {
    guard let first = text.utf8.first, "=+-@\t".utf8.contains(first) else { return text }
    return "'" + text
  }
}
