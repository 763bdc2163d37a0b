import Glibc

/// The connection has ended.
enum ConnectionEnd: Error {
  /// The client closed or reset the connection.
  case byClient
  /// A fault of the plan ended it.
  case byPlan
}

/// A connected socket with whole writes, buffered reads, and a speed limit.
final class Socket {
  /// Linux's POLLRDHUP: the other end will send nothing more.
  private static let hangUp: Int16 = 0x2000

  let descriptor: Int32
  private var buffer: [UInt8] = []
  private var at = 0
  private(set) var bytesIn = 0
  private(set) var bytesOut = 0
  /// Bytes a second in each direction; `nil` for no limit.
  var bytesPerSecond: Double?

  init(descriptor: Int32) {
    self.descriptor = descriptor
    var on: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
  }

  deinit { close(descriptor) }

  /// The next byte; `nil` at the end of the stream.
  func next() -> UInt8? {
    if at == buffer.count, !fill() { return nil }
    defer { at += 1 }
    return buffer[at]
  }

  /// Up to `limit` bytes that have arrived; empty at the end of the stream.
  func some(_ limit: Int) -> ArraySlice<UInt8> {
    if at == buffer.count, !fill() { return [] }
    let end = min(buffer.count, at + limit)
    defer { at = end }
    return buffer[at..<end]
  }

  private func fill() -> Bool {
    // With a limit it reads small pieces, so that the client notices the limit and not only the buffers.
    let size = bytesPerSecond.map { max(512, Int($0 / 20)) } ?? 65_536
    var fresh = [UInt8](repeating: 0, count: size)
    var count = recv(descriptor, &fresh, size, 0)
    while count < 0, errno == EINTR { count = recv(descriptor, &fresh, size, 0) }
    guard count > 0 else { return false }
    fresh.removeLast(size - count)
    buffer = fresh
    at = 0
    bytesIn += count
    if let bytesPerSecond { Clock.sleep(seconds: Double(count) / bytesPerSecond) }
    return true
  }

  func write(_ bytes: [UInt8]) throws(ConnectionEnd) { try write(bytes[...]) }

  func write(_ bytes: ArraySlice<UInt8>) throws(ConnectionEnd) {
    var rest = bytes
    while !rest.isEmpty {
      let piece = bytesPerSecond.map { rest.prefix(max(256, Int($0 / 20))) } ?? rest
      let count = piece.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw .byClient }
      bytesOut += count
      rest = rest.dropFirst(count)
      if let bytesPerSecond { Clock.sleep(seconds: Double(count) / bytesPerSecond) }
    }
  }

  /// Whether there is input within a time, including the end of the stream.
  func hasInput(withinSeconds seconds: Double) -> Bool {
    if at < buffer.count { return true }
    var state = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&state, 1, Int32(seconds * 1000)) > 0
  }

  /// Sleeps, and throws as soon as the client closes the connection.
  func wait(seconds: Double) throws(ConnectionEnd) {
    let end = Clock.steadyNanoseconds() + UInt64(max(0, seconds) * 1e9)
    while true {
      let now = Clock.steadyNanoseconds()
      guard now < end else { return }
      var state = pollfd(fd: descriptor, events: Socket.hangUp, revents: 0)
      // At least a millisecond, because otherwise the end of the wait would be a busy loop.
      let milliseconds = max(1, Int32(min((end - now) / 1_000_000, 200)))
      if poll(&state, 1, milliseconds) > 0 { throw .byClient }
    }
  }

  /// Ends the connection with a reset (RST) instead of an orderly close.
  func reset() {
    var now = linger(l_onoff: 1, l_linger: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
  }

  /// Announces the end, and reads what the client still sends. Otherwise the kernel would turn the close into a reset,
  /// and the answer would be lost.
  func finish() {
    shutdown(descriptor, Int32(SHUT_WR))
    var left = timeval(tv_sec: 0, tv_usec: 200_000)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &left, socklen_t(MemoryLayout<timeval>.size))
    var drained = [UInt8](repeating: 0, count: 65_536)
    var rounds = 0
    while recv(descriptor, &drained, drained.count, 0) > 0, rounds < 1000 { rounds += 1 }
  }
}
