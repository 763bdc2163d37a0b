import D2Common

/// Passes the items of an answer on as JSON, for requests with small answers.
package struct ItemSink: LineSink {
  private let take: (JSONValue) -> Void

  package init(_ take: @escaping (JSONValue) -> Void) { self.take = take }

  package mutating func write(
    _ carried: UnsafeRawBufferPointer, _ lines: UnsafeRawBufferPointer, lineEndMissing: Bool
  ) {
    var bytes = Array(carried)
    bytes += lines
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      if let item = try? JSONValue(parsing: line) { take(item) }
    }
  }
}
