import Glibc

/// The destination of output, and the reaction if its reader is gone.
package struct OutputEnd: Sendable {
  let descriptor: Int32
  /// Its name in errors.
  let name: String
  /// Called before SIGPIPE ends the process.
  let beforeDying: @Sendable () -> Void

  /// Writes as much as one call can.
  ///
  /// - Parameter descriptor: another descriptor of the same file; by default its own.
  /// - Returns: how many bytes were written; 0 if there is no space and the descriptor is non-blocking.
  /// - Throws: `CommandFailure`, 73. If the reader of a pipe is gone, SIGPIPE ends the process.
  func write(_ pieces: OutputPieces, to other: Int32? = nil) throws(CommandFailure) -> Int {
    while true {
      let written = pieces.withVectors { writev(other ?? descriptor, $0.baseAddress, Int32($0.count)) }
      if written >= 0 { return written }
      switch errno {
      case EINTR: continue
      case EAGAIN:
        if other != nil { return 0 }
        // Another process that shares the file has made it non-blocking.
        waitForRoom(milliseconds: -1)
      case EPIPE: die()
      default: throw CommandFailure(.cannotWrite, "cannot write to \(name): \(SystemError())")
      }
    }
  }

  /// Writes everything, however long the reader takes.
  func writeAll(_ pieces: OutputPieces) throws(CommandFailure) {
    var rest = pieces
    while !rest.isEmpty { rest.removeFirst(try write(rest)) }
  }

  /// Waits until there is space, or the reader is gone.
  func waitForRoom(milliseconds: Int32) {
    var polled = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    poll(&polled, 1, milliseconds)
  }

  /// If the reader of a pipe is gone, ends the process with SIGPIPE.
  func checkReader() {
    var polled = pollfd(fd: descriptor, events: 0, revents: 0)
    if poll(&polled, 1, 0) > 0, polled.revents & Int16(POLLERR) != 0 { die() }
  }

  private func die() -> Never {
    beforeDying()
    Signals.dieOfBrokenPipe()
  }
}

/// Bytes in a few places that are written as one. Their memory must stay valid meanwhile.
package struct OutputPieces {
  private var vectors: ArraySlice<iovec>
  private(set) var count: Int

  // It is never changed.
  nonisolated(unsafe) private static let lineEnd = {
    let byte = UnsafeMutablePointer<UInt8>.allocate(capacity: 1)
    byte.initialize(to: UInt8(ascii: "\n"))
    return byte
  }()

  init(_ pieces: UnsafeRawBufferPointer..., endsLine: Bool = false) {
    var vectors = pieces.filter { $0.count > 0 }.map {
      iovec(iov_base: UnsafeMutableRawPointer(mutating: $0.baseAddress), iov_len: $0.count)
    }
    if endsLine { vectors.append(iovec(iov_base: Self.lineEnd, iov_len: 1)) }
    self.vectors = vectors[...]
    count = vectors.reduce(0) { $0 + $1.iov_len }
  }

  var isEmpty: Bool { count == 0 }

  func withVectors<Result>(_ body: (UnsafeBufferPointer<iovec>) throws -> Result) rethrows -> Result {
    try vectors.withUnsafeBufferPointer(body)
  }

  /// Passes each place to `body`, in order.
  func forEach(_ body: (UnsafeRawBufferPointer) throws(CommandFailure) -> Void) throws(CommandFailure) {
    for vector in vectors { try body(UnsafeRawBufferPointer(start: vector.iov_base, count: vector.iov_len)) }
  }

  /// Removes the first bytes.
  mutating func removeFirst(_ length: Int) {
    var left = length
    count -= length
    while let first = vectors.first, left >= first.iov_len {
      left -= first.iov_len
      vectors.removeFirst()
    }
    guard left > 0 else { return }
    vectors[vectors.startIndex].iov_base! += left
    vectors[vectors.startIndex].iov_len -= left
  }
}
