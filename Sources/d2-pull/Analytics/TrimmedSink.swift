import D2Common

/// Leaves out of each value what analytics add and nobody entered: that it is aggregated, and the day of today as its
/// times.
struct TrimmedSink<Sink: LineSink>: LineSink {
  private(set) var sink: Sink
  private var joined: [UInt8] = []
  private var out: [UInt8] = []

  init(_ sink: Sink) { self.sink = sink }

  mutating func write(_ carried: UnsafeRawBufferPointer, _ lines: UnsafeRawBufferPointer, lineEndMissing: Bool) throws {
    joined.removeAll(keepingCapacity: true)
    joined += carried
    joined += lines
    out.removeAll(keepingCapacity: true)
    for line in joined.split(separator: UInt8(ascii: "\n")) {
      AddedKeys.write(line, to: &out)
      out.append(UInt8(ascii: "\n"))
    }
    try out.withUnsafeBytes {
      try sink.write(UnsafeRawBufferPointer(start: nil, count: 0), $0, lineEndMissing: false)
    }
  }
}

/// The keys that analytics add to a value.
enum AddedKeys {
  private static let keys: Set<[UInt8]> = [
    Array("created".utf8), Array("lastUpdated".utf8), Array("comment".utf8), Array("storedBy".utf8),
  ]

  /// Writes a JSON object without them; all else stays as it is.
  static func write(_ line: ArraySlice<UInt8>, to out: inout [UInt8]) {
    var at = line.startIndex
    while at < line.endIndex, line[at] != UInt8(ascii: "{") { at += 1 }
    guard at < line.endIndex else { return out.append(contentsOf: line) }
    out.append(contentsOf: line[...at])
    at += 1
    var isFirst = true
    while at < line.endIndex {
      let end = memberEnd(line, from: at)
      let member = line[at..<end]
      if !keys.contains(Array(key(member))) {
        if !isFirst { out.append(UInt8(ascii: ",")) }
        out.append(contentsOf: member)
        isFirst = false
      }
      guard end < line.endIndex, line[end] == UInt8(ascii: ",") else {
        return out.append(contentsOf: line[end...])
      }
      at = end + 1
    }
  }

  /// The comma or bracket behind a member.
  private static func memberEnd(_ line: ArraySlice<UInt8>, from start: Int) -> Int {
    var depth = 0
    var isText = false
    var at = start
    while at < line.endIndex {
      let byte = line[at]
      if isText {
        if byte == UInt8(ascii: "\\") { at += 1 }
        if byte == UInt8(ascii: "\"") { isText = false }
      } else if byte == UInt8(ascii: "\"") {
        isText = true
      } else if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") {
        depth += 1
      } else if byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") {
        if depth == 0 { return at }
        depth -= 1
      } else if byte == UInt8(ascii: ","), depth == 0 {
        return at
      }
      at += 1
    }
    return line.endIndex
  }

  /// The text of a member's key.
  private static func key(_ member: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    guard let open = member.firstIndex(of: UInt8(ascii: "\"")) else { return [] }
    let rest = member[(open + 1)...]
    return rest[..<(rest.firstIndex(of: UInt8(ascii: "\"")) ?? rest.endIndex)]
  }
}
