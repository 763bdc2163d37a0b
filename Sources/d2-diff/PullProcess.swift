import CProcess
import D2Client
import D2Common
import Glibc

/// A d2-pull that reads one side of a pair.
final class PullProcess {
  /// What it writes.
  let output: Int32
  private let pid: pid_t
  private let side: PairSide
  private var hasEnded = false

  /// - Parameter arguments: its command line.
  /// - Throws: `CommandFailure`, 75 where no process can be started.
  init(_ side: PairSide, _ arguments: [String]) throws(CommandFailure) {
    self.side = side
    var ends: [Int32] = [0, 0]
    // The other side's d2-pull is started at the same time, and must not hold an end of this pipe open.
    guard d2_pipe(&ends) == 0 else { throw CommandFailure(.temporary, "cannot make a pipe: \(SystemError())") }
    let command = Self.command
    var words: [UnsafeMutablePointer<CChar>?] = ([command] + arguments).map { strdup($0) }
    words.append(nil)
    defer { for word in words { free(word) } }
    output = ends[0]
    pid = d2_spawn(command, words, ends[1])
    let error = SystemError()
    close(ends[1])
    guard pid > 0 else {
      close(ends[0])
      throw CommandFailure(.temporary, "cannot start \(command): \(error)")
    }
  }

  deinit {
    close(output)
    guard !hasEnded else { return }
    kill(pid, SIGTERM)
    _ = wait()
  }

  /// The one beside this program, else the one on the PATH.
  private static var command: String {
    guard let beside = OwnFolder.path.map({ $0 + "/d2-pull" }), access(beside, X_OK) == 0 else { return "d2-pull" }
    return beside
  }

  /// Waits for its end; what it wrote was read.
  ///
  /// - Returns: whether it read all that was asked for; false where the server does not know some of the ids.
  /// - Throws: `CommandFailure` with its status, where it failed: what it wrote is not all.
  func finish() throws(CommandFailure) -> Bool {
    switch wait() {
    case 0: return true
    case ExitStatus.incomplete.rawValue: return false
    case 127: throw CommandFailure(.configuration, "d2-pull is neither beside d2-diff nor on the PATH")
    case let status:
      throw CommandFailure(
        ExitStatus(rawValue: status) ?? .temporary,
        "the \(side.rawValue) could not be read to its end (d2-pull ended with status \(status)): nothing is compared")
    }
  }

  private func wait() -> Int32 {
    var code: Int32 = 0
    while waitpid(pid, &code, 0) < 0 {
      if errno != EINTR { break }
    }
    hasEnded = true
    return code & 0x7F == 0 ? code >> 8 & 0xFF : 128 + code & 0x7F
  }
}
