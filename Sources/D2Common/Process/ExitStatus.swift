/// The exit statuses of all d2 commands, with the numbers of `sysexits.h`.
package enum ExitStatus: Int32, Sendable {
  /// All done.
  case success = 0
  /// Finished, but something was refused or nothing matched.
  case incomplete = 1
  /// The command line is wrong.
  case usage = 64
  /// The input is malformed.
  case malformedInput = 65
  /// The server cannot be reached.
  case unreachable = 69
  /// A bug of d2.
  case bug = 70
  /// A file cannot be written.
  case cannotWrite = 73
  /// A file cannot be read.
  case cannotRead = 74
  /// Temporary failure after all retries: try later.
  case temporary = 75
  /// The other end does not speak DHIS2.
  case notDHIS2 = 76
  /// Credentials or authority refused.
  case refused = 77
  /// The configuration is wrong.
  case configuration = 78
  /// Ended by SIGINT.
  case interrupted = 130
  /// Ended by SIGTERM.
  case terminated = 143
}

/// An error with an exit status. Any other error counts as a bug of d2.
package protocol CommandError: Error, CustomStringConvertible {
  var exitStatus: ExitStatus { get }
}

extension ExitStatus {
  /// The exit status for an error.
  package init(of error: any Error) { self = (error as? any CommandError)?.exitStatus ?? .bug }
}

/// A failure that ends a command, with a message of one line and an exit status.
package struct CommandFailure: CommandError {
  package let exitStatus: ExitStatus
  package let message: String

  package init(_ exitStatus: ExitStatus, _ message: String) {
    self.exitStatus = exitStatus
    self.message = message
  }

  package var description: String { message }

  /// Throws a usage error (64) if the rule does not hold.
  package static func require(_ holds: Bool, _ message: @autoclosure () -> String) throws(CommandFailure) {
    if !holds { throw CommandFailure(.usage, message()) }
  }
}
