import CProcess
import Glibc

/// A process that does not outlive the thread that starts it.
package final class ChildProcess {
  /// The pipes of its standard output, and of its standard error unless it inherits ours.
  package let outputs: [Int32]
  private let pid: pid_t
  private let isGroup: Bool
  private var status: Int32?
  private var groupIsGone = false

  /// The status of a process if the system does not report it.
  private static let unknownStatus: Int32 = 255

  /// Starts a program from the PATH, or by a name with a slash. It inherits our standard error.
  ///
  /// - Parameter words: its name and its arguments.
  /// - Throws: `CommandFailure`, 75 if no process can be started.
  package convenience init(_ words: [String], environment: [String: String]) throws(CommandFailure) {
    try self.init(words[0], pipes: 1, isGroup: false) { ends in
      Self.withStrings(words) { words in
        Self.withEntries(of: environment) { d2_spawn(words[0], words, $0, ends[0]) }
      }
    }
  }

  /// Starts `bash -o pipefail -c` in a process group of its own.
  ///
  /// - Throws: `CommandFailure`, 75 if no process can be started.
  package convenience init(shell command: String, environment: [String: String]) throws(CommandFailure) {
    try self.init("bash", pipes: 2, isGroup: true) { ends in
      Self.withEntries(of: environment) { d2_spawn_shell(command, $0, ends[0], ends[1]) }
    }
    // Here too, because either process may come first.
    setpgid(pid, pid)
  }

  private init(_ name: String, pipes: Int, isGroup: Bool, spawn: ([Int32]) -> pid_t) throws(CommandFailure) {
    var (readers, writers): ([Int32], [Int32]) = ([], [])
    var failure: String?
    for _ in 0..<pipes where failure == nil {
      // Processes that other threads start at the same time must not inherit an end of these pipes.
      var ends: [Int32] = [0, 0]
      if d2_pipe(&ends) == 0 {
        readers.append(ends[0])
        writers.append(ends[1])
      } else {
        failure = "cannot make a pipe: \(SystemError())"
      }
    }
    pid = failure == nil ? spawn(writers) : -1
    if pid < 0, failure == nil { failure = "cannot start \(name): \(SystemError())" }
    for end in writers { close(end) }
    if let failure {
      for end in readers { close(end) }
      throw CommandFailure(.temporary, failure)
    }
    outputs = readers
    self.isGroup = isGroup
  }

  deinit {
    for end in outputs { close(end) }
    guard status == nil || isGroup && !groupIsGone else { return }
    signal(isGroup ? SIGKILL : SIGTERM)
    _ = wait(block: true)
    if isGroup { _ = reapGroup(block: true) }
  }

  /// Sends a signal to it, or to its whole group if it has one.
  package func signal(_ number: Int32) { kill(isGroup ? -pid : pid, number) }

  /// Its exit status after it has ended; 128 plus the signal that killed it.
  package func wait(block: Bool) -> Int32? {
    if status == nil {
      let (process, code) = Self.reap(pid, block: block)
      guard process != 0 else { return nil }
      status = process < 0 ? Self.unknownStatus : code & 0x7F == 0 ? code >> 8 & 0xFF : 128 + code & 0x7F
    }
    return status
  }

  /// Whether its whole group has ended. After `adoptOrphans`, processes that the group's first process leaves become
  /// our children.
  package func reapGroup(block: Bool) -> Bool {
    while !groupIsGone {
      let (process, _) = Self.reap(-pid, block: block)
      if process == 0 { return false }
      groupIsGone = process < 0
    }
    return true
  }

  /// Its whole standard output, up to the end.
  ///
  /// - Parameter limit: how many bytes to keep. Further bytes are read and discarded.
  /// - Throws: `CommandFailure` if a signal ends the command meanwhile.
  package func output(keeping limit: Int) throws(CommandFailure) -> [UInt8] {
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 4096)
    while true {
      try Signals.check()
      var polled = pollfd(fd: outputs[0], events: Int16(POLLIN), revents: 0)
      guard poll(&polled, 1, 200) > 0 else { continue }
      let got = read(outputs[0], &block, block.count)
      guard got > 0 else { return bytes }
      bytes += block.prefix(min(got, limit - bytes.count))
    }
  }

  /// Makes this process the parent of descendants whose own parents end.
  package static func adoptOrphans() { d2_adopt_orphans() }

  private static func reap(_ pid: pid_t, block: Bool) -> (process: pid_t, code: Int32) {
    var code: Int32 = 0
    var process: pid_t
    repeat { process = waitpid(pid, &code, block ? 0 : WNOHANG) } while process < 0 && errno == EINTR
    return (process, code)
  }

  private static func withEntries<Result>(
    of environment: [String: String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
  ) -> Result {
    withStrings(environment.map { "\($0.key)=\($0.value)" }, body)
  }

  private static func withStrings<Result>(
    _ texts: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
  ) -> Result {
    let strings = texts.map { strdup($0) }
    defer { for string in strings { free(string) } }
    return body(strings + [nil])
  }
}
