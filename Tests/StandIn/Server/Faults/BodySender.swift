/// Sends a body in its framing, and triggers the faults of the plan at their byte.
final class BodySender {
  enum Framing {
    case length(Int)
    case chunked
    /// The body ends with the connection, as with old proxies. The client cannot detect a truncated body.
    case close
    /// HEAD: no body is sent.
    case none
  }

  private let socket: Socket
  private let framing: Framing
  private var faults: [Fault]
  private var sent = 0

  init(socket: Socket, framing: Framing, faults: [Fault]) {
    self.socket = socket
    self.framing = framing
    self.faults = faults.sorted { ($0.int("after") ?? 0) < ($1.int("after") ?? 0) }
  }

  /// Whether a fault needs to see the bytes of a body.
  static func watches(_ fault: Fault) -> Bool {
    switch fault.kind {
    case .cutBody, .stall, .htmlInMiddle, .garbageChunk, .gzipTruncated: true
    case .reset: fault.int("after") != nil
    default: false
    }
  }

  func send(_ bytes: [UInt8]) throws(ConnectionEnd) {
    var rest = bytes[...]
    while let fault = faults.first, sent + rest.count >= (fault.int("after") ?? 0) {
      let before = rest.prefix(max(0, (fault.int("after") ?? 0) - sent))
      try raw(before)
      rest = rest.dropFirst(before.count)
      faults.removeFirst()
      try happen(fault)
    }
    try raw(rest)
  }

  /// Ends the whole body. A fault at a later byte than there is happens here.
  func end() throws(ConnectionEnd) {
    for fault in faults { try happen(fault) }
    faults = []
    if case .chunked = framing { try socket.write(Array("0\r\n\r\n".utf8)) }
  }

  private func raw(_ bytes: ArraySlice<UInt8>) throws(ConnectionEnd) {
    guard !bytes.isEmpty else { return }
    sent += bytes.count
    switch framing {
    case .none: return
    case .length, .close: try socket.write(bytes)
    case .chunked:
      try socket.write(Array((String(bytes.count, radix: 16) + "\r\n").utf8) + bytes + [0x0D, 0x0A])
    }
  }

  private func happen(_ fault: Fault) throws(ConnectionEnd) {
    switch fault.kind {
    case .stall: try socket.wait(seconds: fault.number("seconds") ?? 60)
    case .reset:
      socket.reset()
      throw .byPlan
    case .htmlInMiddle:
      try raw(Array((fault.text("body") ?? FaultPages.proxy(502)).utf8)[...])
      try endEarly()
    case .gzipTruncated: try endEarly()
    case .garbageChunk:
      try socket.write(Array("zz not a chunk\r\n".utf8))
      throw .byPlan
    default: throw .byPlan
    }
  }

  /// Ends the body as if it were complete.
  private func endEarly() throws(ConnectionEnd) {
    if case .chunked = framing { try socket.write(Array("0\r\n\r\n".utf8)) }
    throw .byPlan
  }
}
