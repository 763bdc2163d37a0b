extension DataValueLine {
  /// The line as its own deletion. The value stays, because for an element with an option set a server refuses the
  /// deletion without it (docs/dhis2-servers.md, "Imports"). The times go: a server up to 2.40 keeps `lastUpdated` of
  /// the payload, and with the old time no increment would see the deletion.
  package var deletion: [UInt8] { deleted(without: [.lastUpdated, .created]) }

  /// The line as its own deletion, without these keys.
  package func deleted(without keys: [Key]) -> [UInt8] {
    let bytes = UnsafeRawBufferPointer(start: start, count: length)
    var places = keys.filter { self[$0].kind != .absent }.map { (place: member($0), isDeleted: false) }
    if self[.deleted].kind != .absent { places.append((value(.deleted), true)) }
    var line: [UInt8] = []
    var at = 0
    for (place, isDeleted) in places.sorted(by: { $0.place.lowerBound < $1.place.lowerBound }) {
      line += bytes[at..<place.lowerBound]
      at = place.upperBound
      if isDeleted { line += "true".utf8 } else { Self.dropComma(between: &line, bytes, &at) }
    }
    line += bytes[at...]
    guard self[.deleted].kind == .absent, let brace = line.lastIndex(of: UInt8(ascii: "}")) else { return line }
    line.insert(contentsOf: #","deleted":true"#.utf8, at: brace)
    return line
  }

  /// The place of a key's value, with the quotes of a text.
  private func value(_ key: Key) -> Range<Int> {
    let field = self[key]
    let quotes = field.kind == .string ? 1 : 0
    return (Int(field.start) - quotes)..<(Int(field.start + field.length) + quotes)
  }

  /// The place of a key with its value.
  private func member(_ key: Key) -> Range<Int> {
    let bytes = UnsafeRawBufferPointer(start: start, count: length)
    let (quote, place) = (UInt8(ascii: "\""), value(key))
    let closing = bytes[..<place.lowerBound].lastIndex(of: quote)!
    let opening = bytes[..<closing].lastIndex(of: quote)!
    return opening..<place.upperBound
  }

  /// Drops the comma before a member that is left out, or the one after it if there is none before.
  private static func dropComma(between line: inout [UInt8], _ bytes: UnsafeRawBufferPointer, _ at: inout Int) {
    let comma = UInt8(ascii: ",")
    if let last = line.lastIndex(where: { $0 > 0x20 }), line[last] == comma {
      line.removeSubrange(last...)
    } else if let next = bytes[at...].firstIndex(where: { $0 > 0x20 }), bytes[next] == comma {
      at = next + 1
    }
  }
}
