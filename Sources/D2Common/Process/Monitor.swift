import Glibc

/// A lock whose holder can wait for a change by another thread.
package final class Monitor: Sendable {
  // Both may be used from several threads.
  nonisolated(unsafe) private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  nonisolated(unsafe) private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  package init() {
    pthread_mutex_init(mutex, nil)
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    // The time of day may be changed during a wait.
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(changed, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_cond_destroy(changed)
    pthread_mutex_destroy(mutex)
    changed.deallocate()
    mutex.deallocate()
  }

  package func withLock<Result>(_ body: () throws -> Result) rethrows -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body()
  }

  /// Releases the lock until a change is announced; it may also return without one. Only inside `withLock`.
  package func wait() { pthread_cond_wait(changed, mutex) }

  /// The same with a time limit.
  package func wait(atMost seconds: Double) {
    let end = monotonicSeconds() + seconds
    var time = timespec(tv_sec: Int(end), tv_nsec: Int((end - end.rounded(.down)) * 1e9))
    pthread_cond_timedwait(changed, mutex, &time)
  }

  /// Wakes all waiting threads. Only inside `withLock`.
  package func announce() { pthread_cond_broadcast(changed) }
}
