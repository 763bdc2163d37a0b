import Glibc

/// Prevents a slow reader of the output from delaying the source. A bounded queue takes what does not fit into the
/// pipe, and a separate thread writes it out.
///
/// While the reader keeps up, nothing is queued: bytes go directly to the pipe, through a non-blocking descriptor. This
/// is a new descriptor of the same pipe, not the inherited one, because `O_NONBLOCK` would affect all processes that
/// share that. If there can be none (no /proc, a socket, another user's pipe), everything goes through the queue.
///
/// If the bound is reached or the disk is full, the writer waits for space. Writes are whole lines, and only one thread
/// writes at a time.
package final class ReadAhead: @unchecked Sendable {
  package struct Settings: Sendable {
    /// How many bytes may be read ahead.
    let bound: Int
    /// The environment, for the folder of temporary files.
    let environment: [String: String]
    let warn: @Sendable (String) -> Void
    /// How many of these bytes stay in memory; `nil` for the default.
    var memoryBytes: Int?

    package init(bound: Int, environment: [String: String], warn: @escaping @Sendable (String) -> Void) {
      self.bound = bound
      self.environment = environment
      self.warn = warn
    }
  }

  /// How much the thread writes at a time.
  private static let blockBytes = 256 * 1024
  /// The same while a write waits for the reader.
  private static let waitingBlockBytes = 16 * 1024
  /// How long a signal may remain unnoticed.
  private static let noticeSeconds = 0.1

  private let end: OutputEnd
  private let settings: Settings
  /// A non-blocking descriptor of the same pipe; -1 if there is none.
  private let prompt: Int32

  // The monitor protects everything below.
  private let monitor = Monitor()
  private var queue: ReadAheadQueue
  private var failure: CommandFailure?
  private var hasThread = false
  private var hasWarned = false
  /// Whether the run was interrupted. Then nothing is written after the line that has begun.
  private var isAbandoned = false
  private var isClosed = false
  /// Queued lines that will not be written.
  private(set) var abandonedLines = 0
  /// Whether the last byte written from the queue ended a line.
  private var isAtLineStart = true

  /// - Returns: `nil` for files and terminals, which do not delay their writer for long.
  init?(_ end: OutputEnd, _ settings: Settings) {
    var status = stat()
    guard settings.bound > 0, fstat(end.descriptor, &status) == 0 else { return nil }
    let kind = status.st_mode & S_IFMT
    guard kind == S_IFIFO || kind == S_IFSOCK else { return nil }
    self.end = end
    self.settings = settings
    prompt =
      kind == S_IFIFO ? open("/proc/self/fd/\(end.descriptor)", O_WRONLY | O_NONBLOCK | O_CLOEXEC) : -1
    queue = ReadAheadQueue(
      bound: settings.bound, memoryBytes: settings.memoryBytes, environment: settings.environment)
  }

  deinit {
    if prompt >= 0 { Glibc.close(prompt) }
  }

  /// Ends the thread. Nothing may be written after that.
  func close() {
    monitor.withLock {
      isClosed = true
      monitor.announce()
    }
  }

  /// Replaces the pipe by another file, after everything was written.
  func letGo(to other: Int32) {
    guard prompt >= 0 else { return }
    dup2(other, prompt)
    _ = fcntl(prompt, F_SETFD, FD_CLOEXEC)
  }

  // MARK: The writer

  /// Writes whole lines, or queues what does not fit into the pipe.
  ///
  /// - Throws: `CommandFailure`, 73, if the output cannot be written, perhaps for earlier lines; the signal's status if
  ///   one comes while it waits for space; `CancellationError` if the task was cancelled meanwhile. In the last case no
  ///   part of the lines is written.
  func write(_ pieces: OutputPieces) throws {
    var rest = pieces
    let isIdle = try monitor.withLock {
      if let failure { throw failure }
      return queue.isEmpty
    }
    if isIdle, prompt >= 0 {
      rest.removeFirst(try end.write(rest, to: prompt))
      if rest.isEmpty { return }
    }
    try enqueue(rest, isBegun: rest.count < pieces.count)
  }

  /// - Parameter isBegun: whether the first bytes are written. Then the queue is empty.
  private func enqueue(_ pieces: OutputPieces, isBegun: Bool) throws {
    while let slot = try slot(for: pieces.count) {
      do { try slot.put(pieces) } catch {
        monitor.withLock { queue.closeFile("\(error)") }
        continue
      }
      return monitor.withLock {
        if isBegun { isAtLineStart = false }
        queue.added(slot)
        startThread()
        monitor.announce()
      }
    }
    // The piece is larger than the bound, so the source waits, as it would without a queue.
    try end.writeAll(pieces)
  }

  /// Space for this many bytes; waits for the reader until there is some. `nil` if there never will be enough. Then the
  /// queue is empty.
  private func slot(for count: Int) throws -> ReadAheadQueue.Slot? {
    try monitor.withLock {
      while true {
        if let failure { throw failure }
        if let slot = queue.slot(for: count) { return slot }
        warnOfDisk()
        if queue.isEmpty { return nil }
        try Signals.check()
        try Task.checkCancellation()
        monitor.wait(atMost: Self.noticeSeconds)
      }
    }
  }

  private func warnOfDisk() {
    guard !hasWarned, let problem = queue.diskProblem else { return }
    hasWarned = true
    settings.warn(
      "\(problem): from now on the server waits for the reader of the output (set TMPDIR to a folder with more room)"
    )
  }

  /// Waits until everything is written.
  ///
  /// - Parameter whileWaiting: called several times a second.
  /// - Throws: `CommandFailure`: 73 if the output cannot be written, or the signal's status if one comes meanwhile.
  ///   Then the output ends with the line that had begun.
  func finish(whileWaiting: () -> Void) throws {
    try monitor.withLock {
      while !queue.isEmpty, failure == nil {
        if Signals.received != nil, !isAbandoned {
          isAbandoned = true
          settings.warn("\(SizeText.shown(bytes: queue.count)) that were read ahead are lost")
        }
        monitor.wait(atMost: Self.noticeSeconds)
        whileWaiting()
      }
      if let failure { throw failure }
      if isAbandoned { throw Signals.failure }
    }
  }

  // MARK: The thread

  private func startThread() {
    guard !hasThread else { return }
    hasThread = true
    var thread = pthread_t()
    let context = Unmanaged.passRetained(self).toOpaque()
    let started = pthread_create(
      &thread, nil,
      { context in
        Unmanaged<ReadAhead>.fromOpaque(context!).takeRetainedValue().work()
        return nil
      }, context)
    precondition(started == 0, "no thread could be started")
    pthread_detach(thread)
  }

  private func work() {
    let size = prompt >= 0 ? Self.blockBytes : Self.waitingBlockBytes
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 64)
    defer { block.deallocate() }
    while let run = next(atMost: size) {
      do throws(CommandFailure) {
        let sent = try send(try run.load(block))
        monitor.withLock {
          queue.removed(run.prefix(sent))
          monitor.announce()
        }
        if sent < run.count { try discard(block) }
      } catch {
        return monitor.withLock {
          failure = error
          queue.removeAll()
          monitor.announce()
        }
      }
    }
  }

  /// Counts the remaining lines, and discards them.
  private func discard(_ block: UnsafeMutableRawBufferPointer) throws(CommandFailure) {
    while let run = monitor.withLock({ queue.front(atMost: block.count) }) {
      let lines = try run.load(block).reduce(0) { $1 == UInt8(ascii: "\n") ? $0 + 1 : $0 }
      monitor.withLock {
        abandonedLines += lines
        queue.removed(run)
        monitor.announce()
      }
    }
  }

  private func next(atMost limit: Int) -> ReadAheadQueue.Run? {
    monitor.withLock {
      while true {
        if let run = queue.front(atMost: limit) { return run }
        if isClosed { return nil }
        monitor.wait()
      }
    }
  }

  /// Writes bytes of the queue. After an interruption, it writes only up to the end of the line.
  ///
  /// - Returns: how many bytes it wrote.
  private func send(_ bytes: UnsafeRawBufferPointer) throws(CommandFailure) -> Int {
    var sent = 0
    while sent < bytes.count {
      var rest = UnsafeRawBufferPointer(rebasing: bytes[sent...])
      if monitor.withLock({ isAbandoned }) {
        if isAtLineStart { return sent }
        let lineEnd = rest.firstIndex(of: UInt8(ascii: "\n")) ?? rest.count - 1
        rest = UnsafeRawBufferPointer(rebasing: rest[...lineEnd])
      }
      let written = try end.write(OutputPieces(rest), to: prompt >= 0 ? prompt : nil)
      if written > 0 {
        sent += written
        let endsLine = rest[written - 1] == UInt8(ascii: "\n")
        monitor.withLock { isAtLineStart = endsLine }
      } else {
        end.waitForRoom(milliseconds: Int32(Self.noticeSeconds * 1000))
      }
    }
    return sent
  }
}
