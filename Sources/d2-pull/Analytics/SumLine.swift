import D2Common

/// Turns a value of analytics into one as another server would take it.
///
/// - It leaves out what analytics add and nobody entered: the mark that it is aggregated, and today's date as its
///   times.
/// - It replaces uids by the ids of the output.
/// - It writes a number with an exponent as a plain one. Java writes `1.2345678E7` from ten million on and below a
///   thousandth, and no import accepts it (E7619, E8122).
///
/// Everything else stays byte for byte, and so does a line that is not an object.
enum SumLine {
  private static let added: [DataValueLine.Key] = [.created, .lastUpdated, .comment, .storedBy]

  /// A part of the line, as offsets, and what replaces it; `nil` for a member that goes.
  private typealias Edit = (place: Range<Int>, replacement: [UInt8]?)

  static func write(
    _ line: ArraySlice<UInt8>, _ ids: OutputIDs, to out: inout [UInt8], _ scratch: DataValueLine.Scratch = .init()
  ) {
    guard let edits = DataValueLine.reading(line, scratch, { edits($0, line, ids) }) else { return out += line }
    let begin = out.count
    var at = line.startIndex
    for edit in edits {
      out += line[at..<line.startIndex + edit.place.lowerBound]
      at = line.startIndex + edit.place.upperBound
      if let replacement = edit.replacement {
        out += replacement
      } else if line[at] == UInt8(ascii: ",") {
        // One comma goes with a member: the one after it, or, after the last member, the one before.
        at += 1
      } else if out.count > begin, out.last == UInt8(ascii: ",") {
        out.removeLast()
      }
    }
    out += line[at...]
  }

  /// The edits of a line, in their order. There is no white space between tokens.
  private static func edits(_ value: DataValueLine, _ line: ArraySlice<UInt8>, _ ids: OutputIDs) -> [Edit] {
    var edits = added.compactMap { key -> Edit? in
      let field = value[key]
      guard field.kind != .absent else { return nil }
      let quotes = field.kind == .string ? 1 : 0
      let (start, end) = (Int(field.start) - quotes, Int(field.start + field.length) + quotes)
      return (start - "\"\":".utf8.count - key.name.utf8.count..<end, nil)
    }
    func replace(_ key: DataValueLine.Key, by replacement: (ArraySlice<UInt8>) -> [UInt8]?) {
      let field = value[key]
      guard field.kind == .string || field.kind == .number else { return }
      let place = Int(field.start)..<Int(field.start + field.length)
      let text = line[line.startIndex + place.lowerBound..<line.startIndex + place.upperBound]
      if let new = replacement(text) { edits.append((place, new)) }
    }
    for key in [DataValueLine.Key.dataElement, .orgUnit] { replace(key) { ids.replacement(of: key, $0) } }
    replace(.value, by: plain)
    return edits.sorted { $0.place.lowerBound < $1.place.lowerBound }
  }

  /// A number without its exponent; `nil` if it has none.
  private static func plain(_ number: ArraySlice<UInt8>) -> [UInt8]? {
    guard number.contains(where: { $0 | 0x20 == UInt8(ascii: "e") }), let decimal = Decimal(number) else { return nil }
    return Array(decimal.description.utf8)
  }
}
