import Glibc
import Synchronization

/// Writes whole lines to a file descriptor, from several threads. A piece is never mixed with others.
///
/// It joins small pieces that follow each other within milliseconds. Otherwise each of a server's 8 KB chunks would
/// cost a system call. A single piece is written at once.
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

  private let end: OutputEnd
  private let readAhead: ReadAhead?
  private let state = Mutex(State())

  /// - Parameters:
  ///   - name: the name of the file in errors.
  ///   - readAhead: prevents a slow reader from delaying the writer.
  ///   - beforeDying: called before the process ends because the reader of a pipe is gone.
  package init(
    descriptor: Int32, name: String, readAhead: ReadAhead.Settings? = nil,
    beforeDying: @escaping @Sendable () -> Void = {}
  ) {
    end = OutputEnd(descriptor: descriptor, name: name, beforeDying: beforeDying)
    PipeSize.widen(descriptor)
    self.readAhead = readAhead.flatMap { [end] in ReadAhead(end, $0) }
  }

  deinit { readAhead?.close() }

  package static func standardOutput(
    readAhead: ReadAhead.Settings? = nil, beforeDying: @escaping @Sendable () -> Void = {}
  ) -> LineOutput {
    LineOutput(descriptor: 1, name: "standard output", readAhead: readAhead, beforeDying: beforeDying)
  }

  /// - Throws: `CommandFailure`, 73. If the reader of a pipe is gone, SIGPIPE ends the process.
  package func write(_ carried: UnsafeRawBufferPointer, _ lines: UnsafeRawBufferPointer, lineEndMissing: Bool) throws {
    try state.withLock { (state: inout State) throws in
      if carried.count + lines.count >= Self.largePieceBytes {
        state.gathered.append(carried)
        try writeOut(OutputPieces(state.gathered.bytes, lines, endsLine: lineEndMissing))
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

  /// Writes the buffer, or appends it to what was read ahead.
  package func flush() throws {
    try state.withLock { (state: inout State) throws in try flush(&state) }
  }

  /// Writes the buffer, and waits until everything that was read ahead is written too.
  ///
  /// - Parameter whileWaiting: called several times a second.
  /// - Throws: the errors of `write`; the signal's status if one comes meanwhile. Then the output ends with a whole
  ///   line.
  package func finish(whileWaiting: () -> Void = {}) throws {
    try flush()
    try readAhead?.finish(whileWaiting: whileWaiting)
  }

  /// Signals the end to the reader, while the command continues. Everything must be written already (`finish`).
  package func letGo() {
    let nothing = open("/dev/null", O_WRONLY | O_CLOEXEC)
    guard nothing >= 0 else { return }
    // Keep the number, so that no other file gets it.
    dup2(nothing, end.descriptor)
    readAhead?.letGo(to: nothing)
    close(nothing)
  }

  /// Lines that were passed to `write` but not written, because a signal came first. Known after `finish`.
  package var abandonedLines: Int { readAhead?.abandonedLines ?? 0 }

  private func flush(_ state: inout State) throws {
    guard !state.gathered.isEmpty else { return }
    try writeOut(OutputPieces(state.gathered.bytes))
    state.gathered.removeAll()
  }

  /// Writes whole lines. - Throws: the errors of the other `write`.
  package func write(_ lines: UnsafeRawBufferPointer) throws {
    try write(UnsafeRawBufferPointer(start: nil, count: 0), lines, lineEndMissing: false)
  }

  /// Writes a line.
  package func line(_ text: String) throws {
    var bytes = Array(text.utf8)
    bytes.append(UInt8(ascii: "\n"))
    try bytes.withUnsafeBytes { try write($0) }
  }

  /// If the reader of a pipe is gone, ends the process with SIGPIPE.
  package func checkReader() { end.checkReader() }

  private func writeOut(_ pieces: OutputPieces) throws {
    if let readAhead { try readAhead.write(pieces) } else { try end.writeAll(pieces) }
  }
}
