import Glibc
import Synchronization

/// SIGINT and SIGTERM end a command in good order: transfers notice them, files are closed, the status is 128 + the
/// signal's number. A second one ends it at once.
package enum Signals {
  private static let last = Atomic<Int32>(0)

  /// The signal that asked the command to end, if one did.
  package static var received: Int32? {
    let signal = last.load(ordering: .relaxed)
    return signal == 0 ? nil : signal
  }

  /// The status that a command ends with after that signal.
  package static var status: ExitStatus { received == SIGINT ? .interrupted : .terminated }

  /// Begins to listen. SIGPIPE is ignored from now on: a write that fails says the same, and `dieOfBrokenPipe` ends the
  /// command as the signal would have. So a server that closes its connection can never end it.
  package static func listen() {
    signal(SIGPIPE, SIG_IGN)
    // Whoever starts us may ignore it, and then nothing tells how children end.
    signal(SIGCHLD, SIG_DFL)
    for number in [SIGINT, SIGTERM] {
      signal(number) { number in
        if Signals.last.exchange(number, ordering: .relaxed) != 0 { _exit(128 + number) }
      }
    }
  }

  /// The reader of stdout is gone: dies of SIGPIPE, without a message, as `cat` does.
  package static func dieOfBrokenPipe() -> Never {
    signal(SIGPIPE, SIG_DFL)
    raise(SIGPIPE)
    _exit(141)
  }

  /// The failure that ends a command after a signal.
  package static var failure: CommandFailure { CommandFailure(status, "interrupted by a signal") }

  /// Throws if a signal asked the command to end.
  package static func check() throws(CommandFailure) { if received != nil { throw failure } }
}
