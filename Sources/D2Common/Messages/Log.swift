import Glibc
import Synchronization

/// Writes messages for people to stderr, one on each line: `d2-push: batch 12: …`. It can be used from several threads.
package final class Log: Sendable {
  package enum Level: Sendable, Comparable { case debug, info, warning, error }

  package enum Format: String, CaseIterable, Sendable { case text, json }

  /// The command whose messages they are: `d2-pull`.
  package let command: String
  private let least: Level
  private let format: Format
  /// Whether there is a progress line, which must be wiped before another line is written.
  private let drawn = Mutex(false)
  /// Whether stderr is a terminal that can wipe a line, and progress is wanted there.
  package let draws: Bool
  private let turn: TerminalTurn?
  private let isASCII: Bool
  private let isDryRun: Bool
  private let start = monotonicSeconds()
  /// Shorter runs need no progress.
  private static let calmSeconds = 0.7

  /// - Parameters:
  ///   - environment: describes the terminal on stderr, if it is one (`TERM`), and the characters that it supports.
  ///   - isDryRun: whether each line says that nothing is changed.
  package init(
    command: String, least: Level = .info, format: Format = .text, environment: [String: String] = [:],
    isDryRun: Bool = false
  ) {
    self.isDryRun = isDryRun
    self.command = command
    self.least = least
    self.format = format
    let isTerminal = isatty(2) == 1 && environment["TERM"] ?? "dumb" != "dumb"
    isASCII = ASCIIText.isNeeded(environment, isTerminal: isatty(2) == 1)
    draws = isTerminal && least <= .info && format == .text
    turn = isTerminal ? TerminalTurn() : nil
  }

  package func debug(_ message: @autoclosure () -> String) { write(.debug, message) }
  package func info(_ message: @autoclosure () -> String) { write(.info, message) }
  package func warning(_ message: @autoclosure () -> String) { write(.warning, message) }
  package func error(_ message: @autoclosure () -> String) { write(.error, message) }

  /// Writes a line of another command unchanged, except for control characters.
  package func relay(_ line: String) { writeLine(shown(line)) }

  private func shown(_ text: String) -> String {
    let text = Self.printable(text)
    return isASCII ? ASCIIText.of(text) : text
  }

  /// Draws a progress line over the last one, cut to the width of the terminal. It does so only on a terminal where no
  /// other command draws.
  package func draw(_ line: String) {
    guard draws, monotonicSeconds() - start > Self.calmSeconds else { return }
    drawn.withLock { drawn in
      guard turn?.take() ?? false else {
        drawn = false
        return
      }
      // A line that wraps could not be wiped.
      Self.writeAll(Self.wiping + shown("\(command): \(line)").prefix(Self.width - 1))
      drawn = true
    }
  }

  /// How many columns are left for a progress line after the command's name.
  package var room: Int { max(0, Self.width - 1 - command.count - 2) }

  /// The current number of the terminal's columns, because it may have been resized.
  private static var width: Int {
    var size = winsize()
    return ioctl(2, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 1 ? Int(size.ws_col) : 80
  }

  /// The prefix of a line. It wipes the current progress, even that of another command, but not a question.
  private func beginning(_ drawn: Bool) -> String {
    if turn?.anotherAsks == true { return "\n" }
    return drawn || turn?.isAnothers == true ? Self.wiping : ""
  }

  /// Wipes the terminal's last line.
  static let wiping = "\r\u{1B}[K"

  /// Wipes the progress line.
  package func wipe() {
    drawn.withLock { drawn in
      if drawn, turn?.anotherAsks != true { Self.writeAll(Self.wiping) }
      drawn = false
    }
  }

  private func write(_ level: Level, _ message: () -> String) {
    guard level >= least else { return }
    switch format {
    case .text: writeLine("\(command): \(shown(isDryRun ? DryRun.line(message()) : message()))")
    case .json:
      let line: JSONValue = [
        "time": .string(UTCTime.now.iso8601), "level": .string("\(level)"), "command": .string(command),
        "message": .string(message()),
      ]
      writeLine(line.ofDryRun(isDryRun).text)
    }
  }

  private func writeLine(_ line: String) {
    drawn.withLock { drawn in
      Self.writeAll(beginning(drawn) + line + "\n")
      drawn = false
    }
  }

  /// Shows control characters as escapes, because a terminal would obey those in a server's text.
  package static func printable(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: { isControl($0) }) else { return text }
    var out = ""
    for scalar in text.unicodeScalars {
      out += isControl(scalar) ? "\\u{\(String(scalar.value, radix: 16))}" : String(scalar)
    }
    return out
  }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case ..<0x20, 0x7F..<0xA0, 0x202A...0x202E, 0x2066...0x2069: true
    default: false
    }
  }

  private static func writeAll(_ text: String) {
    // If stderr cannot be written, there is nobody to tell.
    try? Array(text.utf8).withUnsafeBytes { try FileBytes.write($0, to: 2) }
  }
}
