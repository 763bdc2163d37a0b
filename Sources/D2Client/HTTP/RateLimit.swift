import D2Common
import Synchronization

/// Limits the bytes a second for all requests of a client together.
package final class RateLimit: Sendable {
  package let bytesPerSecond: Int
  private let free = Mutex(0.0)

  package init(bytesPerSecond: Int) { self.bytesPerSecond = bytesPerSecond }

  /// Waits until this many more bytes are within the rate.
  ///
  /// - Throws: `TransferError.interrupted` if a signal comes meanwhile.
  package func take(_ bytes: Int) throws(TransferError) {
    let now = monotonicSeconds()
    let until = free.withLock { free in
      free = max(free, now) + Double(bytes) / Double(bytesPerSecond)
      return free
    }
    guard pause(seconds: max(0, until - now)) else { throw .interrupted }
  }
}
