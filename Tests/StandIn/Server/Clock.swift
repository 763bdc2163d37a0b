import D2Common
import Glibc
import Synchronization

/// The server's clock. It can be set, because locks and future periods depend on the day. It can also be advanced, so
/// that a day takes minutes.
final class Clock: Sendable {
  /// How many milliseconds this clock is ahead of the machine's.
  private let offsetMilliseconds: Mutex<Int64>

  init(startingAt milliseconds: Int64? = nil) {
    offsetMilliseconds = Mutex(milliseconds.map { $0 - Clock.machineMilliseconds() } ?? 0)
  }

  /// Milliseconds since 1970, in UTC, which is the zone of the recorded servers.
  var now: Int64 { Clock.machineMilliseconds() + offsetMilliseconds.withLock { $0 } }

  func advance(milliseconds: Int64) { offsetMilliseconds.withLock { $0 += milliseconds } }

  /// Days since 1970.
  var today: Int { Int(now / 86_400_000) }

  static func machineMilliseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }

  /// Nanoseconds of a clock that is never set.
  static func steadyNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  static func sleep(seconds: Double) {
    guard seconds > 0 else { return }
    var wanted = timespec(tv_sec: Int(seconds), tv_nsec: Int((seconds - seconds.rounded(.down)) * 1e9))
    var left = timespec()
    while nanosleep(&wanted, &left) != 0 { wanted = left }
  }
}

/// A day, counted from 1970-01-01, in the Web API's form.
enum Day {
  /// `yyyy-MM-dd`.
  static func text(_ number: Int) -> String { CalendarDate(dayNumber: number).description }

  static func padded(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}

/// The spellings of a moment in the Web API.
enum Stamp {
  /// `yyyy-MM-dd'T'HH:mm:ss.SSS`, without a zone as in metadata and system information.
  static func local(_ milliseconds: Int64) -> String {
    var bytes: [UInt8] = []
    write(milliseconds, to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The same with `+0000`, as in data values.
  static func zoned(_ milliseconds: Int64) -> String { local(milliseconds) + "+0000" }

  static func write(_ milliseconds: Int64, to out: inout [UInt8]) {
    let days = Int(milliseconds >= 0 ? milliseconds / 86_400_000 : (milliseconds - 86_399_999) / 86_400_000)
    let rest = Int(milliseconds - Int64(days) * 86_400_000)
    let date = CalendarDate(dayNumber: days)
    digits(date.year, 4, &out)
    out.append(UInt8(ascii: "-"))
    digits(date.month, 2, &out)
    out.append(UInt8(ascii: "-"))
    digits(date.day, 2, &out)
    out.append(UInt8(ascii: "T"))
    digits(rest / 3_600_000, 2, &out)
    out.append(UInt8(ascii: ":"))
    digits(rest / 60_000 % 60, 2, &out)
    out.append(UInt8(ascii: ":"))
    digits(rest / 1000 % 60, 2, &out)
    out.append(UInt8(ascii: "."))
    digits(rest % 1000, 3, &out)
  }

  /// The HTTP form: `Tue, 24 Nov 2026 04:53:17 GMT`.
  static func http(_ milliseconds: Int64) -> String {
    let days = Int(milliseconds / 86_400_000)
    let date = CalendarDate(dayNumber: days)
    let weekday = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"][date.weekday]
    let name = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][date.month - 1]
    let time = local(milliseconds).dropFirst(11).prefix(8)
    return "\(weekday), \(Day.padded(date.day, 2)) \(name) \(date.year) \(time) GMT"
  }

  private static func digits(_ number: Int, _ width: Int, _ out: inout [UInt8]) {
    var scale = 1
    for _ in 1..<width { scale *= 10 }
    while scale > 0 {
      out.append(UInt8(0x30 + number / scale % 10))
      scale /= 10
    }
  }

  /// Parses the dates that DHIS2 accepts: `yyyy`, `yyyy-MM`, `yyyyMMdd`, `yyyy-MM-dd`, and date-times with an optional
  /// fraction and an optional offset (`Z`, `+0100`, `+01:00`). Without an offset it is the server's zone (UTC).
  static func parse(_ text: String) -> Int64? {
    var at = Array(text.utf8)[...]
    func number(_ count: Int) -> Int? {
      guard at.count >= count, at.prefix(count).allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
      defer { at = at.dropFirst(count) }
      return at.prefix(count).reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }
    func take(_ character: Character) -> Bool {
      guard at.first == character.asciiValue else { return false }
      at = at.dropFirst()
      return true
    }
    guard let year = number(4) else { return nil }
    var month = 1
    var day = 1
    if take("-") {
      guard let value = number(2) else { return nil }
      month = value
      if take("-") {
        guard let value = number(2) else { return nil }
        day = value
      }
    } else if let m = number(2) {
      guard let d = number(2) else { return nil }
      (month, day) = (m, d)
    }
    guard let date = CalendarDate(year: year, month: month, day: day) else { return nil }
    var result = Int64(date.dayNumber) * 86_400_000
    guard !at.isEmpty else { return result }
    guard take("T"), let hour = number(2), hour < 24 else { return nil }
    result += Int64(hour) * 3_600_000
    if take(":") {
      guard let minute = number(2), minute < 60 else { return nil }
      result += Int64(minute) * 60_000
      if take(":") {
        guard let second = number(2), second < 60 else { return nil }
        result += Int64(second) * 1000
        if take(".") {
          var scale: Int64 = 100
          var any = false
          while let digit = number(1) {
            result += Int64(digit) * scale
            scale /= 10
            any = true
          }
          guard any else { return nil }
        }
      }
    }
    if at.isEmpty || take("Z") { return at.isEmpty ? result : nil }
    let sign: Int64 = take("+") || take(" ") ? 1 : -1
    guard sign == 1 || take("-"), let hours = number(2) else { return nil }
    _ = take(":")
    guard let minutes = number(2), at.isEmpty else { return nil }
    return result - sign * Int64(hours * 60 + minutes) * 60_000
  }
}
