import D2Common

/// Leaves out of each value what analytics add and no person entered: that it is aggregated, and the day of today as
/// its times.
struct TrimmedSink<Sink: LineSink>: LineSink {
  private(set) var sink: Sink
  private var joined: [UInt8] = []
  private var out: [UInt8] = []
  private let scratch = DataValueLine.Scratch()

  init(_ sink: Sink) { self.sink = sink }

  mutating func write(_ carried: UnsafeRawBufferPointer, _ lines: UnsafeRawBufferPointer, lineEndMissing: Bool) throws {
    joined.removeAll(keepingCapacity: true)
    joined += carried
    joined += lines
    out.removeAll(keepingCapacity: true)
    for line in joined.split(separator: UInt8(ascii: "\n")) {
      AddedKeys.write(line, to: &out, scratch)
      out.append(UInt8(ascii: "\n"))
    }
    try out.withUnsafeBytes {
      try sink.write(UnsafeRawBufferPointer(start: nil, count: 0), $0, lineEndMissing: false)
    }
  }
}

/// The keys that analytics add to a value.
enum AddedKeys {
  private static let keys: [DataValueLine.Key] = [.created, .lastUpdated, .comment, .storedBy]

  /// Writes a JSON object without them. Everything else stays as it is, and so does a line that is not an object.
  static func write(
    _ line: ArraySlice<UInt8>, to out: inout [UInt8], _ scratch: DataValueLine.Scratch = .init()
  ) {
    guard let members = DataValueLine.reading(line, scratch, members) else { return out += line }
    let begin = out.count
    var at = line.startIndex
    for member in members {
      out += line[at..<line.startIndex + member.lowerBound]
      at = line.startIndex + member.upperBound
      // One comma goes with it: the one after it, or, after the last member, the one before.
      if line[at] == UInt8(ascii: ",") {
        at += 1
      } else if out.count > begin, out.last == UInt8(ascii: ",") {
        out.removeLast()
      }
    }
    out += line[at...]
  }

  /// Where they stand in a line, with their keys, in their order. There is no white space between tokens.
  private static func members(_ line: DataValueLine) -> [Range<Int>] {
    keys.compactMap { key -> Range<Int>? in
      let field = line[key]
      guard field.kind != .absent else { return nil }
      let quotes = field.kind == .string ? 1 : 0
      let (start, end) = (Int(field.start) - quotes, Int(field.start + field.length) + quotes)
      return start - "\"\":".utf8.count - key.name.utf8.count..<end
    }.sorted { $0.lowerBound < $1.lowerBound }
  }
}
