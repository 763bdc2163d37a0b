import Glibc

/// Questions to the person at the terminal.
package enum Prompt {
  /// Asks for a secret, without showing the typed text.
  ///
  /// - Throws: `CommandFailure`, 64 if there is no terminal.
  package static func secret(_ question: String) throws(CommandFailure) -> String {
    let terminal = open("/dev/tty", O_RDWR | O_CLOEXEC)
    guard terminal >= 0 else {
      throw CommandFailure(
        .usage, "\(question): there is no terminal to ask at; give it by a file, the environment or a reference")
    }
    defer { close(terminal) }
    var settings = termios()
    let turn = TerminalTurn()
    defer { withExtendedLifetime(turn) {} }
    let isTerminal = tcgetattr(terminal, &settings) == 0
    var shown = settings
    settings.c_lflag &= ~tcflag_t(ECHO)
    if isTerminal { tcsetattr(terminal, TCSAFLUSH, &settings) }
    defer {
      if isTerminal { tcsetattr(terminal, TCSAFLUSH, &shown) }
      put("\n", terminal)
    }
    ask("\(question): ", turn, terminal)
    let answer = line(terminal)
    try Signals.check()
    guard !answer.isEmpty else { throw CommandFailure(.usage, "\(question): nothing was typed") }
    return answer
  }

  /// Asks for confirmation before an irreversible action, unless the command line has `--yes`.
  ///
  /// - Parameters:
  ///   - question: `remove hmis?`
  ///   - otherwise: what was not done, for the message: `nothing was removed`.
  /// - Throws: `CommandFailure`: 64 if there is no terminal, 1 if the answer is not yes, 130 after Ctrl-C.
  package static func confirm(_ question: String, otherwise: String, _ arguments: Arguments) throws(CommandFailure) {
    guard !arguments[confirmation] else { return }
    let terminal = isatty(0) == 1 || isatty(2) == 1 ? open("/dev/tty", O_RDWR | O_CLOEXEC) : -1
    guard terminal >= 0 else {
      throw CommandFailure(.usage, "\(otherwise): there is no terminal to ask at; confirm with --yes")
    }
    defer { close(terminal) }
    let turn = TerminalTurn()
    defer { withExtendedLifetime(turn) {} }
    ask("\(question) [y/N] ", turn, terminal)
    let answer = line(terminal).lowercased()
    if Signals.received != nil { put("\n", terminal) }
    try Signals.check()
    guard ["y", "yes"].contains(answer) else { throw CommandFailure(.incomplete, otherwise) }
  }

  package static let confirmation = Flag("--yes", help: "Do not ask before a change that cannot be undone.")

  /// Prints the question. Other commands of the pipeline may draw their progress there, and must not overwrite it.
  private static func ask(_ question: String, _ turn: TerminalTurn, _ terminal: Int32) {
    turn.ask()
    put((turn.isAnothers ? Log.wiping : "") + question, terminal)
  }

  private static func put(_ text: String, _ terminal: Int32) {
    _ = Array(text.utf8).withUnsafeBytes { write(terminal, $0.baseAddress, $0.count) }
  }

  private static func line(_ terminal: Int32) -> String {
    var bytes: [UInt8] = []
    var byte: UInt8 = 0
    while Signals.received == nil {
      var polled = pollfd(fd: terminal, events: Int16(POLLIN), revents: 0)
      guard poll(&polled, 1, 200) > 0 else { continue }
      guard read(terminal, &byte, 1) == 1 else {
        // Ctrl-C may end the input before its signal arrives.
        _ = pause(seconds: 0.05)
        break
      }
      if byte == 0x0A { break }
      bytes.append(byte)
    }
    return String(decoding: bytes, as: UTF8.self).trimmed
  }
}
