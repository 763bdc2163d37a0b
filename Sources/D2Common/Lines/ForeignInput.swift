/// What stands in the input where a data value was expected, in words, with what to type: files of other kinds come as
/// they are downloaded.
package enum ForeignInput {
  /// What is wrong with a line, as the end of a sentence; `nil` where it looks like a JSON object that is damaged.
  static func problem(with line: UnsafeRawBufferPointer) -> String? {
    if line.starts(with: [0x1F, 0x8B]) { return "this is gzip, not text: put gunzip -c FILE | before the command" }
    if line.starts(with: Array("PK\u{3}\u{4}".utf8)) {
      return "this is a zip archive, not text: put unzip -p FILE | before the command"
    }
    // Excel's "Unicode text", and what PowerShell writes.
    if line.starts(with: [0xFF, 0xFE]) || line.starts(with: [0xFE, 0xFF]) || line.prefix(2).contains(0) {
      return "this is UTF-16, and d2 reads UTF-8: put iconv -f UTF-16 -t UTF-8 FILE | before the command"
    }
    guard let first = line.firstIndex(where: { $0 > 0x20 }) else { return nil }
    let text = line[first...]
    switch text[first] {
    case UInt8(ascii: "<"):
      let isXML = begins(text, "<?xml") || begins(text, "<dataValueSet")
      return isXML
        ? "this is XML, and d2 reads JSON: ask DHIS2 for JSON (dataValueSets.json)"
        : "this is HTML, and no data: perhaps an error or a login page that was saved as a file; look at it"
    case UInt8(ascii: "["):
      return "this is a JSON array, and d2 reads one object a line: put jq -c '.[]' FILE | before the command"
    case UInt8(ascii: "{"):
      if isOnlyABeginning(text) {
        return
          "a JSON document over several lines, and d2 reads one object a line: put jq -c . FILE | before the command, "
          + "or, for a whole answer of DHIS2, \(partsOfDocument)"
      }
      return nil
    case UInt8(ascii: "\""), UInt8(ascii: "-"), 0x30...0x39: return looksLikeCSV(text) ? csv : "not a JSON object"
    default: return looksLikeCSV(text) ? csv : nil
    }
  }

  /// A whole answer of DHIS2 that stands in one line, named by its array, or a line of rejects; `nil` for anything
  /// else.
  package static func document(in line: DataValueLine) -> String? {
    let parts: String
    if line[.value].kind == .object {
      return "this is a line of a rejects file: put jq -c 'select(.value).value' FILE | before the command"
    } else if line[.dataValues].kind == .array {
      parts = partsOfDocument
    } else if line[.completeDataSetRegistrations].kind == .array {
      parts = "jq -c '.completeDataSetRegistrations[]'"
    } else {
      return nil
    }
    return "this is a whole answer of DHIS2, and d2 reads one object a line: put \(parts) FILE | before the command"
  }

  /// What servers write once at the top goes into each value.
  private static let partsOfDocument =
    "jq -c '(del(.dataValues, .completeDate)|map_values(values)) + .dataValues[]'"

  private static let csv =
    "this looks like CSV, and d2 reads JSON, one object a line: docs/cookbook.md says how to turn the one into the other"

  private static func begins(_ text: UnsafeRawBufferPointer.SubSequence, _ start: String) -> Bool {
    text.starts(with: start.utf8)
  }

  /// A line that opens what it does not close: `{`, or `{ "dataValues": [`.
  private static func isOnlyABeginning(_ text: UnsafeRawBufferPointer.SubSequence) -> Bool {
    guard let last = text.last(where: { $0 > 0x20 }) else { return false }
    return last == UInt8(ascii: "{") || last == UInt8(ascii: "[")
  }

  /// A head or a row: several columns, and no JSON.
  private static func looksLikeCSV(_ text: UnsafeRawBufferPointer.SubSequence) -> Bool {
    [UInt8(ascii: ","), UInt8(ascii: ";"), 0x09].contains { separator in
      text.lazy.filter { $0 == separator }.prefix(2).count == 2
    }
  }
}
