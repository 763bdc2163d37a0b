/// Texts as cells of a sheet.
package enum SpreadsheetText {
  /// With an apostrophe in front of what a spreadsheet would take for a formula. For names, which servers send and
  /// which are not read again; a value stays as it is.
  package static func guarded(_ text: String) -> String {
    guard let first = text.utf8.first, "=+-@\t".utf8.contains(first) else { return text }
    return "'" + text
  }
}
