import D2Common

/// The form of a text, detected from its beginning.
public enum InputForm: String, CaseIterable, Sendable {
  /// Values on lines, in arrays or in DHIS2 documents. The reader detects which of these it is.
  case json, ndjson, document
  /// A table with one row for each value, or a wide sheet.
  case csv
  /// DHIS2's dxf 2.0, or ADX. The root element decides.
  case xml, adx

  /// The form of the text in the window; `nil` if the text is empty.
  ///
  /// - Throws: `CommandFailure`, 65 for a file of a kind that d2-convert cannot read.
  static func recognise(_ window: TextWindow) throws -> InputForm? {
    _ = try window.has(leastBytes)
    if let problem = foreign(window) { throw window.malformed(problem) }
    guard let first = try JSONScan.pastSpace(window, 0) else { return nil }
    switch window[first] {
    case UInt8(ascii: "{"), UInt8(ascii: "["): return .json
    case UInt8(ascii: "<"): return .xml
    default: return .csv
    }
  }

  private static let leastBytes = 1024

  private static func foreign(_ window: TextWindow) -> String? {
    let start = window.padded(0..<min(window.count, leastBytes)).bytes
    if start.starts(with: [0xD0, 0xCF, 0x11, 0xE0]) { return "this is an old Excel file (.xls): \(asCSV)" }
    if start.starts(with: [0x1F, 0x8B]) { return "this is gzip inside of another file: unpack that one first" }
    if start.starts(with: "PK\u{3}\u{4}".utf8) {
      return "this is a zip archive inside of another file: unpack that one first"
    }
    if start.starts(with: "%PDF".utf8) { return "this is a PDF, not data" }
    let text = String(decoding: start.prefix { $0 < 0x80 }, as: UTF8.self).trimmed.lowercased()
    if text.hasPrefix("<!doctype html") || text.hasPrefix("<html") {
      return "this is HTML, not data: look at the file; it may be a login page"
    }
    return nil
  }

  /// The advice for a spreadsheet's own file format.
  static let asCSV = "save it in the spreadsheet as \"CSV UTF-8\", and give that file"

  /// The problem with a zip archive that has a member of this name; spreadsheets are such archives.
  static func foreign(member name: String) -> String? {
    if ["([Content_Types].xml)", "(_rels/.rels)", "(xl/workbook.xml)"].contains(where: name.hasSuffix) {
      return "this is an Excel workbook (.xlsx): \(asCSV)"
    }
    return name.hasSuffix("(mimetype)") ? "this is a document of LibreOffice (.ods): \(asCSV)" : nil
  }
}
