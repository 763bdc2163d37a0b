import D2Common

/// Spells a value so that servers from 2.43 on can read it. It quotes numbers and booleans, because otherwise these
/// servers answer HTTP 500 to the whole request. It turns empty option combos into null. It repeats `followup`, which
/// all versions write, as `followUp`, the only form that these servers read (docs/dhis2-servers.md, traps 8 and 12).
/// All other bytes stay as they are.
enum ValueRewriter {
  private static let quotedKeys: [DataValueLine.Key] = [
    .dataElement, .period, .orgUnit, .categoryOptionCombo, .attributeOptionCombo, .value, .comment,
  ]

  /// Whether a value needs another spelling for such a server.
  static func isNeeded(_ line: DataValueLine) -> Bool {
    quotedKeys.contains { isUnquoted(line[$0]) } || mustRepeatFollowup(line) || isEmpty(line[.categoryOptionCombo])
      || isEmpty(line[.attributeOptionCombo])
  }

  private static func isEmpty(_ field: DataValueLine.Field) -> Bool { field.kind == .string && field.length == 0 }

  private static func isUnquoted(_ field: DataValueLine.Field) -> Bool {
    field.kind == .number || field.kind == .boolean
  }

  private static func mustRepeatFollowup(_ line: DataValueLine) -> Bool {
    line[.followup].kind == .boolean && line[.followUp].kind == .absent
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
      let combos: [DataValueLine.Key] = [.categoryOptionCombo, .attributeOptionCombo]
      let odd = quotedKeys.map { line[$0] }.filter(isUnquoted) + combos.map { line[$0] }.filter(isEmpty)
      for field in odd.sorted(by: { $0.start < $1.start }) {
        if field.length == 0 {
          // Drop the quotes as well.
          body += text[from..<Int(field.start) - 1]
          body += "null".utf8
          from = Int(field.start) + 1
          continue
        }
        body += text[from..<Int(field.start)]
        body.append(UInt8(ascii: "\""))
        body += line.bytes(field)
        body.append(UInt8(ascii: "\""))
        from = Int(field.start + field.length)
      }
      guard mustRepeatFollowup(line), let close = text.lastIndex(of: UInt8(ascii: "}")) else {
        body += text[from...]
        return
      }
      body += text[from..<close]
      body += #","followUp":"#.utf8
      body += line.bytes(line[.followup])
      body += text[close...]
    }
  }
}
