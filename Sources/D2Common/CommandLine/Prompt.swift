import Glibc

/// Questions to the person at the terminal.
package enum Prompt {
  /// Asks for a secret without showing what is typed.
  ///
  /// - Throws: `CommandFailure`, 64 where there is no terminal.
  package static func secret(_ question: String) throws(CommandFailure) -> String {
    let terminal = open("/dev/tty", O_RDWR | O_CLOEXEC)
    guard terminal >= 0 else {
      throw CommandFailure(
        .usage, "\(question): there is no terminal to ask at; give it by a file, the environment or a reference")
    }
    defer { close(terminal) }
    var settings = termios()
    let isTerminal = tcgetattr(terminal, &settings) == 0
    let shown = settings
    settings.c_lflag &= ~tcflag_t(ECHO)
    if isTerminal { tcsetattr(terminal, TCSAFLUSH, &settings) }
    defer {
      if isTerminal {
        var shown = shown
        tcsetattr(terminal, TCSAFLUSH, &shown)
      }
      put("\n", terminal)
    }
    put("\(question): ", terminal)
    let answer = line(terminal)
    try interrupted()
    guard !answer.isEmpty else { throw CommandFailure(.usage, "\(question): nothing was typed") }
    return try Credentials.checked(answer, question)
  }

  /// Asks whether to go on; without a terminal the answer is no.
  package static func confirms(_ question: String) -> Bool {
    let terminal = open("/dev/tty", O_RDWR | O_CLOEXEC)
    guard terminal >= 0, isatty(0) == 1 else { return false }
    defer { close(terminal) }
    put("\(question) [y/N] ", terminal)
    return ["y", "yes"].contains(line(terminal).lowercased())
  }

  private static func interrupted() throws(CommandFailure) {
    if Signals.received != nil { throw CommandFailure(Signals.status, "interrupted") }
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
      guard read(terminal, &byte, 1) == 1, byte != 0x0A else { break }
      bytes.append(byte)
    }
    return String(decoding: bytes, as: UTF8.self).trimmed
  }
}
