import Glibc

/// A turn that processes take one after the other, by a lock on a file. It ends with its owner: also when that is
/// killed.
package final class FileTurn: Sendable {
  private let descriptor: Int32

  private static let lookAgainSeconds = 0.01

  private init?(_ path: String) {
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    if descriptor < 0 { return nil }
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
    guard let turn = FileTurn(path) else { return nil }
    let start = monotonicSeconds()
    while flock(turn.descriptor, LOCK_EX | LOCK_NB) != 0 {
      guard errno == EWOULDBLOCK || errno == EINTR, seconds.map({ monotonicSeconds() - start < $0 }) ?? true,
        pause(seconds: lookAgainSeconds)
      else { return nil }
    }
    return turn
  }
}
