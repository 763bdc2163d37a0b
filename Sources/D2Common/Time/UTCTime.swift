import Glibc

/// A moment in UTC, to the second.
package struct UTCTime: Sendable, Equatable, Comparable {
  /// Seconds since 1970.
  package let seconds: Int

  package init(seconds: Int) { self.seconds = seconds }

  package static func < (left: UTCTime, right: UTCTime) -> Bool { left.seconds < right.seconds }

  /// Parses `2026-11-24T07:00:00.123+0200`: date and time with `T` or a space between. The time, the fraction and the
  /// offset may be missing; without an offset it is UTC. It drops the fraction.
  package init?(_ text: String) {
    let date = text.prefix(10)
    guard let day = CalendarDate(iso8601: String(date)) else { return nil }
    var rest = text.dropFirst(10)
    var seconds = 0
    if !rest.isEmpty {
      guard rest.first == "T" || rest.first == " " else { return nil }
      let time = rest.dropFirst().prefix { $0.isNumber || $0 == ":" }
      let parts = time.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
      guard (2...3).contains(parts.count), let hour = parts[0], let minute = parts[1], (0...23).contains(hour),
        (0...59).contains(minute), let second = parts.count == 3 ? parts[2] : 0, (0...60).contains(second)
      else { return nil }
      seconds = hour * 3600 + minute * 60 + second
      rest = rest.dropFirst(1 + time.count)
      if rest.first == "." { rest = rest.dropFirst().drop { $0.isNumber } }
    }
    guard let offset = Self.offset(rest) else { return nil }
    self.seconds = day.dayNumber * 86_400 + seconds - offset
  }

  /// The offset in seconds: `Z`, `+02`, `+0200`, `+02:00`, or nothing.
  private static func offset(_ text: Substring) -> Int? {
    if text.isEmpty || text == "Z" { return 0 }
    let digits = text.dropFirst().filter { $0 != ":" }
    guard text.first == "+" || text.first == "-", [2, 4].contains(digits.count), digits.allSatisfy(\.isNumber),
      let hours = Int(digits.prefix(2)), let minutes = Int(digits.count == 4 ? digits.suffix(2) : "0"), minutes < 60
    else { return nil }
    return (text.first == "-" ? -1 : 1) * (hours * 3600 + minutes * 60)
  }

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
