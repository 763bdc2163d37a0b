import D2Common
import Glibc
import Synchronization

/// The stderr lines of two d2-pulls with the same request. A line that both print is logged once.
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
  /// What follows from a failure, for the message.
  private let consequence: String
  /// Gets its stderr at its end; `nil` if it inherits ours.
  private let errors: PullErrors?

  /// - Parameters:
  ///   - arguments: its command line. With `errors` it should be quiet.
  ///   - consequence: the end of the message if it fails.
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
    // Its messages must fit into the pipe until its output is read.
    PipeSize.widen(process.outputs[1])
  }

  private func relayErrors() {
    guard let errors else { return }
    var reader = LineReader(descriptor: process.outputs[1])
    while let line = try? reader.next() { errors.relay(String(decoding: line.bytes, as: UTF8.self)) }
  }

  /// A worker needs the summary and the turns of the pull whose values it moves, not of this one.
  private static let ofWorkers: Set<String> = ["D2_SUMMARY_DIR", WorkerTurn.variable]

  /// The descriptor with its output.
  package var output: Int32 { process.outputs[0] }

  /// The d2-pull in the folder of this program, or else the one in the PATH.
  private static var command: String {
    guard let beside = OwnFolder.path.map({ $0 + "/d2-pull" }), access(beside, X_OK) == 0 else { return "d2-pull" }
    return beside
  }

  /// Waits for its end, after its output was read.
  ///
  /// - Returns: whether it read everything; false if the server does not know some of the ids.
  /// - Throws: `CommandFailure` with its status if it failed. Then its output is not complete.
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
