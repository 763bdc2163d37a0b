import D2Common
import Glibc

/// A command that moves slices. It passes on the command's output in whole lines.
final class Child {
  private struct Pipe {
    let end: Int32
    var rest: [UInt8] = []
    var isOpen = true
  }

  private let process: ChildProcess
  /// The pipes of its standard output and standard error.
  private var pipes: [Pipe]
  /// When bash ended.
  private var end: Double?

  /// A longer line is passed on in pieces.
  private static let longestLine = 1 << 20
  /// How long the processes that bash leaves may take to end.
  private static let gracePeriodSeconds = 30.0

  /// - Throws: `CommandFailure`, 75 if no process can be started.
  init(_ command: String, environment: [String: String]) throws(CommandFailure) {
    process = try ChildProcess(shell: command, environment: environment)
    pipes = process.outputs.map { Pipe(end: $0) }
    for pipe in pipes { _ = fcntl(pipe.end, F_SETFL, O_NONBLOCK) }
  }

  func signal(_ number: Int32) { process.signal(number) }

  /// Waits a moment for output or the end.
  ///
  /// - Parameter line: gets each line without its end, and whether it is from stderr.
  /// - Returns: the exit status, when the command and its whole group have ended; 128 plus the signal that killed it.
  func wait(milliseconds: Int32, line: (String, Bool) throws -> Void) rethrows -> Int32? {
    var polled = pipes.filter(\.isOpen).map { pollfd(fd: $0.end, events: Int16(POLLIN), revents: 0) }
    if polled.isEmpty {
      // Only the end is left to come, and it comes soon.
      usleep(useconds_t(milliseconds) * 50)
    } else {
      _ = poll(&polled, nfds_t(polled.count), milliseconds)
    }
    for place in pipes.indices where pipes[place].isOpen { try drain(place, line) }
    guard let status = waited() else { return nil }
    for place in pipes.indices where pipes[place].isOpen {
      try drain(place, line)
      try handOnRest(place, line)
    }
    return status
  }

  private func drain(_ place: Int, _ line: (String, Bool) throws -> Void) rethrows {
    var block = [UInt8](repeating: 0, count: 64 * 1024)
    while true {
      let got = read(pipes[place].end, &block, block.count)
      if got < 0, errno == EINTR { continue }
      if got == 0 {
        pipes[place].isOpen = false
        return try handOnRest(place, line)
      }
      guard got > 0 else { return }
      pipes[place].rest += block[..<got]
      while let end = pipes[place].rest.firstIndex(of: 0x0A) {
        try line(String(decoding: pipes[place].rest[..<end], as: UTF8.self), place == 1)
        pipes[place].rest.removeFirst(end + 1)
      }
      if pipes[place].rest.count > Self.longestLine { try handOnRest(place, line) }
    }
  }

  private func handOnRest(_ place: Int, _ line: (String, Bool) throws -> Void) rethrows {
    if !pipes[place].rest.isEmpty { try line(String(decoding: pipes[place].rest, as: UTF8.self), place == 1) }
    pipes[place].rest = []
  }

  /// The status, when nothing is left of the pipeline. After bash has ended, a d2-push that was told to end may still
  /// have a request open. Until it ends, no other worker may get the slice.
  private func waited() -> Int32? {
    guard let status = process.wait(block: false) else { return nil }
    if end == nil {
      end = monotonicSeconds()
      process.signal(SIGTERM)
    }
    // The runner adopts the processes that bash leaves.
    if process.reapGroup(block: false) { return status }
    if monotonicSeconds() - end! > Self.gracePeriodSeconds { process.signal(SIGKILL) }
    return nil
  }
}
