import Glibc

/// A turn that only one process has at a time, by a lock on a file. It ends with its owner, even if that is killed.
package final class FileTurn: Sendable {
  private let descriptor: Int32
  /// Whether no process had the turn before.
  package let isFirst: Bool

  private static let lookAgainSeconds = 0.01

  /// - Parameter descriptor: the descriptor of the locked file.
  private init(_ descriptor: Int32) {
    self.descriptor = descriptor
    var status = stat()
    isFirst = fstat(descriptor, &status) == 0 && status.st_size == 0
    if isFirst { _ = Glibc.write(descriptor, "1", 1) }
  }

  deinit { close(descriptor) }

  /// Waits for the turn.
  ///
  /// - Parameters:
  ///   - path: the file; it is created if it is missing.
  ///   - seconds: the longest wait; `nil` for no limit.
  /// - Returns: the turn, which ends when the value is released. `nil` after the longest wait, after a signal, or if
  ///   the file cannot be locked.
  package static func wait(_ path: String, atMostSeconds seconds: Double? = nil) -> FileTurn? {
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { return nil }
    let start = monotonicSeconds()
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      guard errno == EWOULDBLOCK || errno == EINTR, seconds.map({ monotonicSeconds() - start < $0 }) ?? true,
        pause(seconds: lookAgainSeconds)
      else {
        close(descriptor)
        return nil
      }
    }
    return FileTurn(descriptor)
  }
}
