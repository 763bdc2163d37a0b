import D2Common
import Glibc

/// A secret of a pair's configuration: the text itself, as the Python tool stored it, or where to find it.
package enum Secret: Sendable, Equatable {
  case literal(String)
  /// `env:NAME`: a variable of the environment.
  case environment(String)
  /// `file:PATH`: the first line of a file.
  case file(String)
  /// `cmd:COMMAND`: the first line that a command of the shell prints.
  case command(String)

  package init(_ text: String) {
    for (prefix, make) in [
      ("env:", Secret.environment), ("file:", Secret.file), ("cmd:", Secret.command),
    ] as [(String, (String) -> Secret)] where text.hasPrefix(prefix) && text.count > prefix.count {
      self = make(String(text.dropFirst(prefix.count)))
      return
    }
    self = .literal(text)
  }

  package var isLiteral: Bool { if case .literal = self { true } else { false } }

  /// As a configuration is shown: a reference as it is, a literal masked.
  package var shown: String {
    switch self {
    case .literal: "********"
    case .environment(let name): "env:" + name
    case .file(let path): "file:" + path
    case .command(let command): "cmd:" + command
    }
  }

  /// - Throws: `CommandFailure`, 78 where the reference leads nowhere.
  package func resolve(environment: [String: String]) throws(CommandFailure) -> String {
    switch self {
    case .literal(let text): return text
    case .environment(let name):
      guard let text = environment[name], !text.isEmpty else {
        throw CommandFailure(.configuration, "the secret env:\(name) is not there: set \(name)")
      }
      return text
    case .file(let path): return try Credentials.secret(inFile: path)
    case .command(let command): return try Self.firstLine(of: command)
    }
  }

  /// The command comes from the user's own configuration. Its stdin is closed: ours may be data.
  private static func firstLine(of command: String) throws(CommandFailure) -> String {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw CommandFailure(.configuration, "cmd:\(command): \(SystemError())") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
    var words: [UnsafeMutablePointer<CChar>?] = [strdup("/bin/sh"), strdup("-c"), strdup(command), nil]
    defer { for word in words { free(word) } }
    var child = pid_t()
    let code = posix_spawn(&child, "/bin/sh", &actions, nil, &words, environ)
    close(ends[1])
    defer { close(ends[0]) }
    guard code == 0 else { throw CommandFailure(.configuration, "cmd:\(command): \(SystemError(code))") }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 4096)
    while true {
      let got = read(ends[0], &block, block.count)
      if got < 0, errno == EINTR { continue }
      guard got > 0 else { break }
      if bytes.count < 64 * 1024 { bytes += block[..<got] }
    }
    var status: Int32 = 0
    while waitpid(child, &status, 0) < 0, errno == EINTR {}
    let line = String(decoding: bytes.prefix { $0 != 0x0A && $0 != 0x0D }, as: UTF8.self)
    guard status == 0, !line.isEmpty else {
      throw CommandFailure(
        .configuration,
        "the secret cmd:\(command) is not there: the command \(status == 0 ? "printed nothing" : "failed")")
    }
    return try Credentials.checked(line, "cmd:\(command)")
  }
}
