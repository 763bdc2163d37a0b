extension DataValueLine {
  /// The line as its own deletion. The value stays: of an element with an option set a server refuses the deletion
  /// without it (docs/dhis2-servers.md, "Imports").
  package var deletion: [UInt8] {
    let field = self[.deleted]
    let bytes = UnsafeRawBufferPointer(start: start, count: length)
    if field.kind != .absent {
      let (start, end) = (Int(field.start), Int(field.start + field.length))
      // A text's quotes go too.
      let quotes = field.kind == .string ? 1 : 0
      return Array(bytes[..<(start - quotes)]) + Array("true".utf8) + Array(bytes[(end + quotes)...])
    }
    let brace = bytes.lastIndex(of: UInt8(ascii: "}"))!
    return Array(bytes[..<brace]) + Array(#","deleted":true}"#.utf8) + Array(bytes[(brace + 1)...])
  }
}
