/// Describes input that is not a data value, with advice: users often pass files of other kinds as downloaded.
package enum ForeignInput {
  /// The problem with a line, as the end of a sentence; `nil` if it looks like a damaged JSON object.
  static func problem(with line: UnsafeRawBufferPointer) -> String? {
    if line.starts(with: [0x1F, 0x8B]) { return "this is gzip, not text: \(convert)" }
    if line.starts(with: Array("PK\u{3}\u{4}".utf8)) {
      return "this is a zip archive, not text: \(convert)"
    }
    // Excel's "Unicode text", and PowerShell's output.
    if line.starts(with: [0xFF, 0xFE]) || line.starts(with: [0xFE, 0xFF]) || line.prefix(2).contains(0) {
      return "this is UTF-16, but each value must be a line of UTF-8: \(convert)"
    }
    guard let first = line.firstIndex(where: { $0 > 0x20 }) else { return nil }
    let text = line[first...]
    switch text[first] {
    case UInt8(ascii: "<"):
      let isXML = ["<?xml", "<dataValueSet", "<adx"].contains { begins(text, $0) }
      return isXML
        ? "this is XML, but each value must be a line of JSON: \(convert)"
        : "this is HTML, not data: look at the file; it may be an error page or a login page"
    case UInt8(ascii: "["):
      return "this is a JSON array, but each value must be a line of its own: \(convert)"
    case UInt8(ascii: "{"):
      if isOnlyABeginning(text) {
        return "this is a JSON document over several lines, but each value must be a line of its own: \(convert)"
      }
      return nil
    case UInt8(ascii: "\""), UInt8(ascii: "-"), 0x30...0x39: return looksLikeCSV(text) ? csv : "not a JSON object"
    default: return looksLikeCSV(text) ? csv : nil
    }
  }

  /// A whole answer of DHIS2 on one line, or a line of rejects; `nil` for anything else.
  package static func document(in line: DataValueLine) -> String? {
    if line[.value].kind == .object { return rejectsFile }
    guard line[.dataValues].kind == .array || line[.completeDataSetRegistrations].kind == .array else { return nil }
    return "this is a whole answer of DHIS2, but each value must be a line of its own: \(convert)"
  }

  /// The advice for files of other forms.
  package static let convert = "put d2-convert FILE | before the command"

  /// The advice for a rejects file.
  package static let rejectsFile =
    "this is a line of a rejects file: put jq -c 'select(.value).value' FILE | before the command"

  private static let csv = "this looks like CSV, but each value must be a line of JSON: \(convert)"

  private static func begins(_ text: UnsafeRawBufferPointer.SubSequence, _ start: String) -> Bool {
    text.starts(with: start.utf8)
  }

  /// Whether a line only opens brackets: `{`, or `{ "dataValues": [`.
  private static func isOnlyABeginning(_ text: UnsafeRawBufferPointer.SubSequence) -> Bool {
    guard let last = text.last(where: { $0 > 0x20 }) else { return false }
    return last == UInt8(ascii: "{") || last == UInt8(ascii: "[")
  }

  /// Whether a line looks like a header or a row with several columns, and not like JSON.
  private static func looksLikeCSV(_ text: UnsafeRawBufferPointer.SubSequence) -> Bool {
    [UInt8(ascii: ","), UInt8(ascii: ";"), 0x09].contains { separator in
      text.lazy.filter { $0 == separator }.prefix(2).count == 2
    }
  }
}
