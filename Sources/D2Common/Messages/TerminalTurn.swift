import Glibc

/// Decides which command of a pipeline draws its progress. They share the terminal's last line, so only one may draw.
///
/// It is the last command, which knows the final outcome. A command whose stdout is a pipe draws only while no command
/// at the end of a pipeline does. The commands learn of each other through locks on bytes of the terminal's file, which
/// end with their process, however that ends. While one of them asks a question, none draws.
final class TerminalTurn: Sendable {
  private let terminal: Int32
  private let isLast: Bool

  private static let lastByte: off_t = 0
  private static let earlierByte: off_t = 1
  private static let questionByte: off_t = 2

  init() {
    var output = stat()
    isLast = fstat(1, &output) != 0 || output.st_mode & S_IFMT != S_IFIFO
    terminal = ttyname(2).map { open($0, O_RDWR | O_NOCTTY | O_CLOEXEC) } ?? -1
  }

  deinit { if terminal >= 0 { close(terminal) } }

  /// Takes or keeps the turn. False if another command has it.
  func take() -> Bool {
    // If the terminal has no file, there are no others to ask.
    guard terminal >= 0 else { return true }
    guard !anotherAsks else { return false }
    if isLast { return lock(Self.lastByte) }
    return !isHeldByAnother(Self.lastByte, 1) && lock(Self.earlierByte)
  }

  /// Whether the last line may belong to another command.
  var isAnothers: Bool { terminal >= 0 && isHeldByAnother(Self.lastByte, 2) }

  /// Whether another command's question is waiting for its answer.
  var anotherAsks: Bool { terminal >= 0 && isHeldByAnother(Self.questionByte, 1) }

  /// Prevents all others from drawing for as long as this object lives.
  func ask() { if terminal >= 0 { _ = lock(Self.questionByte) } }

  // Locks of an open file, not of a process (fcntl(2), "open file description locks").
  private static let setLock: Int32 = 37
  private static let getLock: Int32 = 36

  private static func range(_ first: off_t, _ count: off_t) -> Glibc.flock {
    var range = Glibc.flock()
    range.l_type = Int16(F_WRLCK)
    range.l_whence = Int16(SEEK_SET)
    range.l_start = first
    range.l_len = count
    return range
  }

  private func lock(_ byte: off_t) -> Bool {
    var range = Self.range(byte, 1)
    return fcntl(terminal, Self.setLock, &range) == 0 || (errno != EAGAIN && errno != EACCES)
  }

  private func isHeldByAnother(_ first: off_t, _ count: off_t) -> Bool {
    var range = Self.range(first, count)
    return fcntl(terminal, Self.getLock, &range) == 0 && range.l_type != Int16(F_UNLCK)
  }
}
