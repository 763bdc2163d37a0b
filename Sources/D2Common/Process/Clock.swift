import Glibc

/// Seconds of a clock that nobody sets, for durations.
package func monotonicSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

/// Waits, but reacts to a signal that ends the command. Returns false if one came.
package func pause(seconds: Double) -> Bool {
  let end = monotonicSeconds() + seconds
  while true {
    if Signals.received != nil { return false }
    let left = end - monotonicSeconds()
    if left <= 0 { return true }
    usleep(useconds_t(min(left, 0.1) * 1e6))
  }
}
