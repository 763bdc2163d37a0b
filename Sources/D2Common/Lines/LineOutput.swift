import Glibc
import Synchronization

/// Whole lines to a file descriptor, from several threads, never mixed within a piece.
///
/// Small pieces that follow each other within milliseconds are gathered, so that a server's 8 KB chunks do not cost a
/// system call each; what comes alone is written at once.
package final class LineOutput: LineSink, Sendable {
  private struct State: ~Copyable {
    var gathered = ByteArray(capacity: gatheredBytes + 4096)
    var lastWrite = 0.0
    var written = 0
  }

  /// Pieces of at least this size are not copied.
  private static let largePieceBytes = 32 * 1024
  private static let gatheredBytes = 128 * 1024
  /// A piece that comes later than this after the last write is written at once.
  private static let gatherSeconds = 0.005

  private let descriptor: Int32
  private let name: String
  private let beforeDying: @Sendable () -> Void
  private let state = Mutex(State())

  /// - Parameters:
  ///   - name: what the file is called in an error.
  ///   - beforeDying: what must not be left undone where the reader of a pipe is gone.
  package init(descriptor: Int32, name: String, beforeDying: @escaping @Sendable () -> Void = {}) {
    self.beforeDying = beforeDying
    self.descriptor = descriptor
    self.name = name
    // A larger pipe means fewer changes between writer and reader; where it is none, this does nothing.
    _ = fcntl(descriptor, Int32(1031) /* F_SETPIPE_SZ */, 1 << 20)
  }

  package static func standardOutput(beforeDying: @escaping @Sendable () -> Void = {}) -> LineOutput {
    LineOutput(descriptor: 1, name: "standard output", beforeDying: beforeDying)
  }

  /// - Throws: `CommandFailure`, 73. Where the reader of a pipe is gone the process dies of SIGPIPE.
  package func write(_ carried: UnsafeRawBufferPointer, _ lines: UnsafeRawBufferPointer, lineEndMissing: Bool) throws {
    try state.withLock { (state: inout State) throws in
      if carried.count + lines.count >= Self.largePieceBytes {
        state.gathered.append(carried)
        try writeOut(state.gathered.bytes, lines, lineEndMissing)
        state.gathered.removeAll()
        state.lastWrite = monotonicSeconds()
        return
      }
      state.gathered.append(carried)
      state.gathered.append(lines)
      if lineEndMissing { state.gathered.append(UInt8(ascii: "\n")) }
      let now = monotonicSeconds()
      guard state.gathered.count >= Self.gatheredBytes || now - state.lastWrite >= Self.gatherSeconds else { return }
      try flush(&state)
      state.lastWrite = now
    }
  }

  /// Writes what was gathered.
  package func flush() throws {
    try state.withLock { (state: inout State) throws in try flush(&state) }
  }

  private func flush(_ state: inout State) throws {
    guard !state.gathered.isEmpty else { return }
    try writeOut(state.gathered.bytes, UnsafeRawBufferPointer(start: nil, count: 0), false)
    state.gathered.removeAll()
  }

  /// Writes a line.
  package func line(_ text: String) throws {
    var bytes = Array(text.utf8)
    bytes.append(UInt8(ascii: "\n"))
    try bytes.withUnsafeBytes { try write(UnsafeRawBufferPointer(start: nil, count: 0), $0, lineEndMissing: false) }
  }

  /// Dies of SIGPIPE where the reader of a pipe is gone; else does nothing.
  package func checkReader() {
    var polled = pollfd(fd: descriptor, events: 0, revents: 0)
    if poll(&polled, 1, 0) > 0, polled.revents & Int16(POLLERR) != 0 { die() }
  }

  private func die() -> Never {
    beforeDying()
    Signals.dieOfBrokenPipe()
  }

  private func writeOut(_ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer, _ lineEnd: Bool) throws {
    var newline = UInt8(ascii: "\n")
    try withUnsafeMutablePointer(to: &newline) { newline in
      var pieces = [
        iovec(iov_base: UnsafeMutableRawPointer(mutating: first.baseAddress), iov_len: first.count),
        iovec(iov_base: UnsafeMutableRawPointer(mutating: second.baseAddress), iov_len: second.count),
        iovec(iov_base: UnsafeMutableRawPointer(newline), iov_len: lineEnd ? 1 : 0),
      ].filter { $0.iov_len > 0 }[...]
      while !pieces.isEmpty {
        var written = pieces.withUnsafeBufferPointer { writev(descriptor, $0.baseAddress, Int32($0.count)) }
        if written < 0 {
          if errno == EINTR { continue }
          if errno == EPIPE { die() }
          throw CommandFailure(.cannotWrite, "cannot write to \(name): \(SystemError())")
        }
        while let piece = pieces.first, written >= piece.iov_len {
          written -= piece.iov_len
          pieces.removeFirst()
        }
        if written > 0 {
          pieces[pieces.startIndex].iov_base! += written
          pieces[pieces.startIndex].iov_len -= written
        }
      }
    }
  }
}
