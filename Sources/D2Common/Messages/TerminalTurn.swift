import Glibc

/// Whose progress a terminal shows: of the commands of a pipeline, which share its last line, only one draws.
///
/// It is the last that knows what became of all. A command whose stdout is a pipe draws only while none does after
/// which no pipe follows. They know of each other by locks on bytes of the terminal's file, which end with their
/// process, however it ends. While one of them asks a question, none draws.
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

  /// Takes the turn, or keeps it. False if it is another's.
  func take() -> Bool {
    // A terminal without a file has no others that could be asked.
    guard terminal >= 0 else { return true }
    guard !anotherAsks else { return false }
    if isLast { return lock(Self.lastByte) }
    return !isHeldByAnother(Self.lastByte, 1) && lock(Self.earlierByte)
  }

  /// Whether the last line may be another's.
  var isAnothers: Bool { terminal >= 0 && isHeldByAnother(Self.lastByte, 2) }

  /// Whether a question stands there, which waits for its answer.
  var anotherAsks: Bool { terminal >= 0 && isHeldByAnother(Self.questionByte, 1) }

  /// Keeps all others from drawing for as long as this object lives.
  func ask() { if terminal >= 0 { _ = lock(Self.questionByte) } }

  // Locks that belong to an open file, not to a process (fcntl(2), "open file description locks").
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
