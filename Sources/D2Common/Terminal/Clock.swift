import Glibc

/// Seconds on a clock that no one sets, for durations.
package func monotonicSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

/// A moment in UTC, to the second.
package struct UTCTime: Sendable {
  /// Seconds since 1970.
  package let seconds: Int

  package init(seconds: Int) { self.seconds = seconds }

  package static var now: UTCTime { UTCTime(seconds: time(nil)) }

  /// `2026-11-24T07:00:00Z`.
  package var iso8601: String {
    var moment = time_t(seconds)
    var parts = tm()
    gmtime_r(&moment, &parts)
    func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
      + "T\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))Z"
  }
}

/// Waits, but not longer than a signal that ends the command takes to be noticed. Returns false when one came.
package func pause(seconds: Double) -> Bool {
  let end = monotonicSeconds() + seconds
  while true {
    if Signals.received != nil { return false }
    let left = end - monotonicSeconds()
    if left <= 0 { return true }
    usleep(useconds_t(min(left, 0.1) * 1e6))
  }
}
