import D2Common

/// A secret in a pair's configuration: the text itself, as the Python tool stored it, or a reference to it.
package enum Secret: Sendable, Equatable {
  case literal(String)
  /// `env:NAME`: a variable of the environment.
  case environment(String)
  /// `file:PATH`: the first line of a file.
  case file(String)
  /// `cmd:COMMAND`: the first line that a command of the shell prints.
  case command(String)

  package init(_ text: String) {
    func reference(_ prefix: String) -> String? {
      text.hasPrefix(prefix) && text.count > prefix.count ? String(text.dropFirst(prefix.count)) : nil
    }
    if let name = reference("env:") {
      self = .environment(name)
    } else if let path = reference("file:") {
      self = .file(path)
    } else if let command = reference("cmd:") {
      self = .command(command)
    } else {
      self = .literal(text)
    }
  }

  package var isLiteral: Bool { if case .literal = self { true } else { false } }

  /// The secret for display: a reference as it is, a literal masked.
  package var shown: String {
    switch self {
    case .literal: "********"
    case .environment(let name): "env:" + name
    case .file(let path): "file:" + path
    case .command(let command): "cmd:" + command
    }
  }

  /// - Throws: `CommandFailure`: 78 if the reference cannot be resolved, 75 if no process can be started, or the
  ///   signal's status.
  package func resolve(environment: [String: String]) throws(CommandFailure) -> String {
    switch self {
    case .literal(let text): return text
    case .environment(let name):
      guard let text = environment[name], !text.isEmpty else {
        throw CommandFailure(.configuration, "the secret env:\(name) is not there: set \(name)")
      }
      return text
    case .file(let path): return try Credentials.secret(inFile: path)
    case .command(let command): return try Self.firstLine(of: command, environment)
    }
  }

  /// Runs a command from the user's own configuration. It gets no input, because our stdin may be data.
  private static func firstLine(
    of command: String, _ environment: [String: String]
  ) throws(CommandFailure) -> String {
    let process = try ChildProcess(["/bin/sh", "-c", command], environment: environment)
    let line = Credentials.firstLine(of: try process.output(keeping: Credentials.mostBytes))
    let status = process.wait(block: true)
    guard status == 0, !line.isEmpty else {
      throw CommandFailure(
        .configuration,
        "the secret cmd:\(command) is not there: the command \(status == 0 ? "printed nothing" : "failed")")
    }
    return try Credentials.checked(line, "cmd:\(command)")
  }
}
