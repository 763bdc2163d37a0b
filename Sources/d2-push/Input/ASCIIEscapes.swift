/// Writes characters beyond ASCII as JSON escapes, so that a body means the same in any charset (docs/dhis2-servers.md,
/// trap 34).
enum ASCIIEscapes {
  private static let hexDigits = Array("0123456789abcdef".utf8)

  /// Appends JSON to a body, with `\uXXXX` for each UTF-16 unit of a character beyond ASCII. JSON has such characters
  /// only inside strings.
  static func append<Text: Collection<UInt8>>(_ text: Text, to body: inout [UInt8]) {
    var rest = text[...]
    while let first = rest.firstIndex(where: { $0 >= 0x80 }) {
      body += rest[..<first]
      let end: Text.Index = rest[first...].firstIndex(where: { $0 < 0x80 }) ?? rest.endIndex
      for unit in String(decoding: rest[first..<end], as: UTF8.self).utf16 { append(unit, to: &body) }
      rest = rest[end...]
    }
    body += rest
  }

  /// JSON in ASCII.
  static func of(_ text: [UInt8]) -> [UInt8] {
    guard text.contains(where: { $0 >= 0x80 }) else { return text }
    var escaped: [UInt8] = []
    append(text, to: &escaped)
    return escaped
  }

  private static func append(_ unit: UInt16, to body: inout [UInt8]) {
    body += #"\u"#.utf8
    for shift in [12, 8, 4, 0] { body.append(hexDigits[Int(unit >> UInt16(shift) & 0xF)]) }
  }
}
