import Glibc

/// Keeps a slow reader of the output from holding the source up. A queue takes what does not fit into the pipe, within
/// a bound, and a separate thread writes it out.
///
/// While the reader keeps up nothing is queued: bytes go from where they lie into the pipe, through a descriptor that
/// does not wait. It is not the inherited one, since `O_NONBLOCK` would be set for all processes that share that, but a
/// new one of the same pipe. If there can be none (no /proc, a socket, another user's pipe), all goes through the
/// queue.
///
/// Beyond the bound, or if the disk is full, whoever writes waits for room. Writes are whole lines; one thread writes
/// at a time.
package final class ReadAhead: @unchecked Sendable {
  package struct Settings: Sendable {
    /// How many bytes may be read ahead.
    let bound: Int
    /// Tells where temporary files go.
    let environment: [String: String]
    let warn: @Sendable (String) -> Void
    /// How many of them stay in memory, if that is not the usual number.
    var memoryBytes: Int?

    package init(bound: Int, environment: [String: String], warn: @escaping @Sendable (String) -> Void) {
      self.bound = bound
      self.environment = environment
      self.warn = warn
    }
  }

  /// The thread writes so much at a time.
  private static let blockBytes = 256 * 1024
  /// The same if a write waits for the reader.
  private static let waitingBlockBytes = 16 * 1024
  /// How long a signal may go unnoticed.
  private static let noticeSeconds = 0.1

  private let end: OutputEnd
  private let settings: Settings
  /// A descriptor of the same pipe that does not wait for its reader; -1 if it has no such descriptor.
  private let prompt: Int32

  // All that follows is used under the monitor.
  private let monitor = Monitor()
  private var queue: ReadAheadQueue
  private var failure: CommandFailure?
  private var hasThread = false
  private var hasWarned = false
  /// The run was interrupted: nothing goes out after the line that has begun.
  private var isAbandoned = false
  private var isClosed = false
  /// Lines that were queued and do not go out.
  private(set) var abandonedLines = 0
  /// Whether the last byte that went out from the queue ended a line.
  private var isAtLineStart = true

  /// - Returns: `nil` for files and terminals, which do not hold their writer up for long.
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

  /// Nothing is written any more: the thread ends.
  func close() {
    monitor.withLock {
      isClosed = true
      monitor.announce()
    }
  }

  /// Another file takes the place of the pipe, to which all has gone out.
  func letGo(to other: Int32) {
    guard prompt >= 0 else { return }
    dup2(other, prompt)
    _ = fcntl(prompt, F_SETFD, FD_CLOEXEC)
  }

  // MARK: The writer

  /// Writes whole lines, or queues what does not fit into the pipe.
  ///
  /// - Throws: `CommandFailure`, 73, if the output cannot be written, which may concern earlier lines. If a signal
  ///   comes while it waits for room, the signal's status. `CancellationError` if the task was cancelled meanwhile;
  ///   then no part of the lines goes out.
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

  /// - Parameter isBegun: whether the first bytes are out; then the queue is empty.
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
    // More at once than may be queued: the source waits, as it would without a queue.
    try end.writeAll(pieces)
  }

  /// Room for that many bytes; waits for the reader until there is some. `nil` if there never will be: then the queue
  /// is empty.
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

  /// Waits until all is out.
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

  /// Counts the lines that are left, and forgets them.
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

  /// Writes bytes of the queue; no more than up to a line's end, if that has become all that is wanted.
  ///
  /// - Returns: how many went out.
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
