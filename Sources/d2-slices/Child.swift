import CProcess
import D2Common
import Glibc

/// A command that works on a slice, in a process group of its own. What it prints comes in whole lines.
final class Child {
  private let pid: pid_t
  private var pipes: [(end: Int32, rest: [UInt8], isOpen: Bool)]
  private var status: Int32?
  /// When bash ended.
  private var end = 0.0
  /// Nothing of its group is left.
  private var isGone = false

  /// A line longer than this is handed on in pieces.
  private static let longestLine = 1 << 20

  /// - Throws: `CommandFailure`, 75 where no process can be started.
  init(_ command: String, environment: [String: String]) throws(CommandFailure) {
    var ends: [Int32] = []
    for _ in 0..<2 {
      var pair: [Int32] = [0, 0]
      guard d2_pipe(&pair) == 0 else { throw CommandFailure(.temporary, "cannot make a pipe: \(SystemError())") }
      _ = fcntl(pair[0], F_SETFL, O_NONBLOCK)
      ends += pair
    }
    var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0.key)=\($0.value)") }
    variables.append(nil)
    defer { for variable in variables { free(variable) } }
    pid = d2_spawn_shell(command, variables, ends[1], ends[3])
    let error = SystemError()
    close(ends[1])
    close(ends[3])
    pipes = [(ends[0], [], true), (ends[2], [], true)]
    guard pid > 0 else {
      for pipe in pipes { close(pipe.end) }
      throw CommandFailure(.temporary, "cannot start bash: \(error)")
    }
    // Here too: whoever comes first.
    setpgid(pid, pid)
  }

  deinit {
    for pipe in pipes where pipe.isOpen { close(pipe.end) }
    if !isGone {
      kill(-pid, SIGKILL)
      _ = waited(block: true)
    }
  }

  func signal(_ number: Int32) { kill(-pid, number) }

  /// Waits a moment for output or the end.
  ///
  /// - Parameter line: takes each line without its end, and whether it is of stderr.
  /// - Returns: the exit status, when it and all of its group have ended; 128 + the signal that killed it.
  func wait(milliseconds: Int32, line: (String, Bool) throws -> Void) rethrows -> Int32? {
    var polled = pipes.filter(\.isOpen).map { pollfd(fd: $0.end, events: Int16(POLLIN), revents: 0) }
    if polled.isEmpty {
      usleep(useconds_t(milliseconds) * 200)
    } else {
      _ = poll(&polled, nfds_t(polled.count), milliseconds)
    }
    for place in pipes.indices where pipes[place].isOpen { try drain(place, line) }
    guard let status = waited(block: false) else { return nil }
    for place in pipes.indices where pipes[place].isOpen {
      try drain(place, line)
      if !pipes[place].rest.isEmpty { try line(String(decoding: pipes[place].rest, as: UTF8.self), place == 1) }
      pipes[place].rest = []
    }
    return status
  }

  private func drain(_ place: Int, _ line: (String, Bool) throws -> Void) rethrows {
    var block = [UInt8](repeating: 0, count: 64 * 1024)
    while true {
      let got = read(pipes[place].end, &block, block.count)
      if got < 0, errno == EINTR { continue }
      if got == 0 {
        close(pipes[place].end)
        pipes[place].isOpen = false
        if !pipes[place].rest.isEmpty { try line(String(decoding: pipes[place].rest, as: UTF8.self), place == 1) }
        pipes[place].rest = []
        return
      }
      guard got > 0 else { return }
      pipes[place].rest += block[..<got]
      while let end = pipes[place].rest.firstIndex(of: 0x0A) {
        try line(String(decoding: pipes[place].rest[..<end], as: UTF8.self), place == 1)
        pipes[place].rest.removeFirst(end + 1)
      }
      if pipes[place].rest.count > Self.longestLine {
        try line(String(decoding: pipes[place].rest, as: UTF8.self), place == 1)
        pipes[place].rest = []
      }
    }
  }

  /// How long what bash leaves behind may take to end.
  private static let gracePeriodSeconds = 30.0

  /// The status, when nothing is left of the pipeline: d2-push that was asked to end may still have a request under way when bash is gone already,
  /// and until then nobody else may have the slice.
  private func waited(block: Bool) -> Int32? {
    if isGone { return status }
    var code: Int32 = 0
    func wait(for process: pid_t) -> pid_t {
      var got: pid_t
      repeat { got = waitpid(process, &code, block ? 0 : WNOHANG) } while got < 0 && errno == EINTR
      return got
    }
    if status == nil {
      guard wait(for: pid) == pid else { return nil }
      status = code & 0x7F == 0 ? code >> 8 & 0xFF : 128 + code & 0x7F
      end = monotonicSeconds()
      kill(-pid, SIGTERM)
    }
    // The runner adopts what bash leaves.
    var got: pid_t
    repeat { got = wait(for: -pid) } while got > 0
    guard got == 0 else {
      isGone = true
      return status
    }
    if monotonicSeconds() - end > Self.gracePeriodSeconds { kill(-pid, SIGKILL) }
    return nil
  }
}
