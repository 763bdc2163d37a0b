import D2Common

/// Passes values of analytics on, each as `SumLine` writes it.
struct SumSink<Sink: LineSink>: LineSink {
  private(set) var sink: Sink
  private var joined: [UInt8] = []
  private var out: [UInt8] = []
  private let ids: OutputIDs
  private let scratch = DataValueLine.Scratch()

  init(_ sink: Sink, _ ids: OutputIDs) {
    self.sink = sink
    self.ids = ids
  }

  mutating func write(_ carried: UnsafeRawBufferPointer, _ lines: UnsafeRawBufferPointer, lineEndMissing: Bool) throws {
    joined.removeAll(keepingCapacity: true)
    joined += carried
    joined += lines
    out.removeAll(keepingCapacity: true)
    for line in joined.split(separator: UInt8(ascii: "\n")) {
      SumLine.write(line, ids, to: &out, scratch)
      out.append(UInt8(ascii: "\n"))
    }
    try out.withUnsafeBytes {
      try sink.write(UnsafeRawBufferPointer(start: nil, count: 0), $0, lineEndMissing: false)
    }
  }
}
