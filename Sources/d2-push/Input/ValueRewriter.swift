import D2Common

/// Spells a value so that servers from 2.43 on can read it (docs/dhis2-servers.md, traps 8, 12 and 34):
///
/// - It quotes numbers and booleans, because otherwise these servers answer HTTP 500 to the whole request.
/// - It turns empty option combos into null.
/// - It writes flags that are texts as booleans, and empty ones as null.
/// - It repeats `followup`, which all versions write, as `followUp`, the only form that these servers read.
/// - It escapes characters beyond ASCII, because these servers decode a body with the default charset of their Java.
///
/// All other bytes stay as they are.
enum ValueRewriter {
  private static let quotedKeys: [DataValueLine.Key] = [
    .dataElement, .period, .orgUnit, .categoryOptionCombo, .attributeOptionCombo, .value, .comment,
  ]
  private static let combos: [DataValueLine.Key] = [.categoryOptionCombo, .attributeOptionCombo]
  private static let flags: [DataValueLine.Key] = [.deleted, .followup, .followUp]
  private static let flagSet = DataValueLine.KeySet(.deleted, .followup, .followUp)

  /// Other text at a place of the line.
  private struct Edit {
    let place: Range<Int>
    let text: [UInt8]
  }

  /// Whether a value needs another spelling for such a server.
  static func isNeeded(_ line: DataValueLine) -> Bool {
    !line.isASCII || quotedKeys.contains { isUnquoted(line[$0]) } || isEmpty(line[.categoryOptionCombo])
      || isEmpty(line[.attributeOptionCombo]) || needsFlags(line)
  }

  private static func isEmpty(_ field: DataValueLine.Field) -> Bool { field.kind == .string && field.length == 0 }

  private static func isUnquoted(_ field: DataValueLine.Field) -> Bool {
    field.kind == .number || field.kind == .boolean
  }

  /// Appends a value in the new spelling to a body.
  static func append(_ value: ArraySlice<UInt8>, to body: inout [UInt8], _ scratch: DataValueLine.Scratch) {
    PaddedLine.copying(value) { padded in
      let text = padded.bytes
      guard let line = try? DataValueLine(padded, scratch) else {
        body += value
        return
      }
      var from = 0
      for edit in edits(line, text).sorted(by: { $0.place.lowerBound < $1.place.lowerBound }) {
        ASCIIEscapes.append(text[from..<edit.place.lowerBound], to: &body)
        body += edit.text
        from = edit.place.upperBound
      }
      ASCIIEscapes.append(text[from...], to: &body)
    }
  }

  private static func edits(_ line: DataValueLine, _ text: UnsafeRawBufferPointer) -> [Edit] {
    var edits: [Edit] = []
    for field in quotedKeys.map({ line[$0] }).filter(isUnquoted) {
      let start = Int(field.start)
      let quote = [UInt8(ascii: "\"")]
      edits.append(Edit(place: start..<start + Int(field.length), text: quote + Array(line.bytes(field)) + quote))
    }
    for field in combos.map({ line[$0] }).filter(isEmpty) {
      edits.append(Edit(place: withQuotes(field), text: Array("null".utf8)))
    }
    for key in flags {
      if let flag = booleanOfText(key, line) {
        edits.append(Edit(place: withQuotes(line[key]), text: Array(flag.utf8)))
      }
    }
    if let flag = followupToRepeat(line), let close = text.lastIndex(of: UInt8(ascii: "}")) {
      edits.append(Edit(place: close..<close, text: Array(#","followUp":\#(flag)"#.utf8)))
    }
    return edits
  }

  /// The place of a text with its quotes.
  private static func withQuotes(_ field: DataValueLine.Field) -> Range<Int> {
    let start = Int(field.start)
    return (start - 1)..<(start + Int(field.length) + 1)
  }

  // MARK: Flags

  private static func needsFlags(_ line: DataValueLine) -> Bool {
    let keys = line.keys
    // Nearly all flags are booleans.
    let hasOthers = !keys.present.isDisjoint(with: flagSet.subtracting(keys.flags))
    return hasOthers && flags.contains { booleanOfText($0, line) != nil } || followupToRepeat(line) != nil
  }

  /// The flag that a text stands for: true, false or null; `nil` if it is not a text, or another one.
  private static func booleanOfText(_ key: DataValueLine.Key, _ line: DataValueLine) -> String? {
    guard line[key].kind == .string, let text = line.text(key) else { return nil }
    switch text {
    case "true", "false": return text
    case "": return "null"
    default: return nil
    }
  }

  /// The `followup` of a line without `followUp`; `nil` if there is none.
  private static func followupToRepeat(_ line: DataValueLine) -> String? {
    let field = line[.followup]
    guard line[.followUp].kind == .absent, field.kind == .boolean || field.kind == .string else { return nil }
    let flag = field.kind == .boolean ? line.text(.followup) : booleanOfText(.followup, line)
    return flag == "null" ? nil : flag
  }
}
