import Glibc

/// A turn that processes take one after the other, by a lock on a file. It ends with its owner: also when that is
/// killed.
package final class FileTurn: Sendable {
  private let descriptor: Int32
  /// Whether no process had the turn before.
  package let isFirst: Bool

  private static let lookAgainSeconds = 0.01

  /// - Parameter descriptor: of the file, which is locked.
  private init(_ descriptor: Int32) {
    self.descriptor = descriptor
    var status = stat()
    isFirst = fstat(descriptor, &status) == 0 && status.st_size == 0
    if isFirst { _ = Glibc.write(descriptor, "1", 1) }
  }

  deinit { close(descriptor) }

  /// Waits until it is our turn.
  ///
  /// - Parameters:
  ///   - path: the file; it is made if it is missing.
  ///   - seconds: how long to wait at most; `nil` for as long as it takes.
  /// - Returns: the turn, which lasts as long as the value; `nil` when the time is over, a signal came, or the file
  ///   cannot be locked.
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
