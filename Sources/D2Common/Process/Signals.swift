import Glibc
import Synchronization

/// Handles SIGINT and SIGTERM, so that a command ends in good order: transfers stop, files are closed, and the status
/// is 128 plus the signal's number. A second signal ends it at once.
package enum Signals {
  private static let last = Atomic<Int32>(0)

  /// The signal that asked the command to end; `nil` if there was none.
  package static var received: Int32? {
    let signal = last.load(ordering: .relaxed)
    return signal == 0 ? nil : signal
  }

  /// The exit status after that signal.
  package static var status: ExitStatus { received == SIGINT ? .interrupted : .terminated }

  /// Installs the handlers. It also ignores SIGPIPE: a failed write reports the same, and `dieOfBrokenPipe` then ends
  /// the command like the signal. So a server that closes its connection can never end the command.
  package static func listen() {
    signal(SIGPIPE, SIG_IGN)
    // The parent process may ignore it, and then the statuses of children are lost.
    signal(SIGCHLD, SIG_DFL)
    for number in [SIGINT, SIGTERM] {
      signal(number) { number in
        if Signals.last.exchange(number, ordering: .relaxed) != 0 { _exit(128 + number) }
      }
    }
  }

  /// Ends the process with SIGPIPE and without a message, like `cat`, because the reader of stdout is gone.
  package static func dieOfBrokenPipe() -> Never {
    signal(SIGPIPE, SIG_DFL)
    raise(SIGPIPE)
    _exit(141)
  }

  /// The failure for a command that a signal ended.
  package static var failure: CommandFailure { CommandFailure(status, "interrupted by a signal") }

  /// Throws if a signal asked the command to end.
  package static func check() throws(CommandFailure) { if received != nil { throw failure } }
}
