import Glibc

/// Runs a command from its words to its exit status.
package enum Command {
  /// Reads the command line, answers `--help` and `--version`, runs `body`, and exits with the right status. A failure is one line on stderr.
  package static func main(
    _ description: CommandDescription, _ body: @Sendable (Arguments, Log) async throws -> ExitStatus
  ) async -> Never {
    let words = Array(CommandLine.arguments.dropFirst())
    var log = Log(command: description.name)
    do {
      let arguments = try Arguments(words, description)
      if arguments.has("--help") {
        print(description.helpText(), terminator: "")
        exit(0)
      }
      if arguments.has("--version") {
        print("\(description.name) \(D2.version)")
        exit(0)
      }
      log = try Self.log(arguments, description.name)
      Signals.listen()
      let status = try await body(arguments, log)
      log.wipe()
      exit(Signals.received == nil ? status.rawValue : Signals.status.rawValue)
    } catch {
      log.wipe()
      exit(report(error, log).rawValue)
    }
  }

  private static func log(_ arguments: Arguments, _ name: String) throws(CommandFailure) -> Log {
    let format = try arguments.choice("--log-format", ["text", "json"]) ?? "text"
    let least: Log.Level = arguments.has("--quiet") ? .error : arguments.has("--verbose") ? .debug : .info
    return Log(command: name, least: least, format: Log.Format(rawValue: format)!)
  }

  /// Says what failed and returns the status that it means.
  private static func report(_ error: any Error, _ log: Log) -> ExitStatus {
    if Signals.received != nil {
      log.error("interrupted by a signal")
      return Signals.status
    }
    switch error {
    case let failure as CommandFailure:
      log.error(failure.message)
      return failure.status
    case let failure as ServerError:
      log.error(failure.description)
      return failure.exitStatus
    default:
      log.error("\(error)")
      return .bug
    }
  }
}
