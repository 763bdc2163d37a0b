import D2Common
import Glibc
import Synchronization

/// The lines on stderr of two d2-pulls that are asked for the same: what both say is said once.
package final class PullErrors: Sendable {
  private let said = Mutex<Set<String>>([])
  private let log: Log

  package init(_ log: Log) { self.log = log }

  func relay(_ line: String) {
    guard said.withLock({ $0.insert(line).inserted }) else { return }
    log.relay(line)
  }
}

/// A d2-pull that reads one side of a pair for another command.
package struct PullProcess {
  private let process: ChildProcess
  private let side: PairSide
  /// What follows if it fails.
  private let consequence: String
  /// Gets what it says on stderr, at its end; `nil` if its stderr is ours.
  private let errors: PullErrors?

  /// - Parameters:
  ///   - arguments: its command line. With `errors` it should be quiet.
  ///   - consequence: what the message of a failure ends with.
  /// - Throws: `CommandFailure`, 75 if no process can be started.
  package init(
    _ side: PairSide, _ arguments: [String], environment: [String: String], consequence: String,
    errors: PullErrors? = nil
  ) throws(CommandFailure) {
    self.side = side
    self.consequence = consequence
    self.errors = errors
    let words = [Self.command] + arguments
    let environment = environment.filter { !Self.ofWorkers.contains($0.key) }
    guard errors != nil else {
      process = try ChildProcess(words, environment: environment)
      return
    }
    let line = words.map(ShellWord.quoted).joined(separator: " ")
    process = try ChildProcess(shell: "exec \(line)", environment: environment)
    // Until its output is read, what it says must have room.
    PipeSize.widen(process.outputs[1])
  }

  private func relayErrors() {
    guard let errors else { return }
    var reader = LineReader(descriptor: process.outputs[1])
    while let line = try? reader.next() { errors.relay(String(decoding: line.bytes, as: UTF8.self)) }
  }

  /// The summary that a worker looks for, and the turns of its commands, are those of the pull whose values are moved.
  private static let ofWorkers: Set<String> = ["D2_SUMMARY_DIR", WorkerTurn.variable]

  /// What it writes.
  package var output: Int32 { process.outputs[0] }

  /// The one beside this program, else the one on the PATH.
  private static var command: String {
    guard let beside = OwnFolder.path.map({ $0 + "/d2-pull" }), access(beside, X_OK) == 0 else { return "d2-pull" }
    return beside
  }

  /// Waits for its end; what it wrote was read.
  ///
  /// - Returns: whether it read all that was asked for; false if the server does not know some of the ids.
  /// - Throws: `CommandFailure` with its status, if it failed: what it wrote is not all.
  package func finish() throws(CommandFailure) -> Bool {
    relayErrors()
    switch process.wait(block: true)! {
    case 0: return true
    case ExitStatus.incomplete.rawValue: return false
    case 127: throw CommandFailure(.configuration, "d2-pull is neither beside this command nor on the PATH")
    case let status:
      throw CommandFailure(
        ExitStatus(rawValue: status) ?? .temporary,
        "the \(side.rawValue) could not be read to its end (d2-pull ended with status \(status)): \(consequence)")
    }
  }
}
