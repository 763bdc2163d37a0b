/// The rule for all future years at the end of a zone file: a POSIX `TZ` (RFC 9636, 3.3), for example
/// `EST5EDT,M3.2.0,M11.1.0`.
struct ZoneRule: Sendable, Equatable {
  private let standardOffset: Int
  /// `nil` if there is no daylight-saving time.
  private var daylight: Daylight?

  private struct Daylight: Sendable, Equatable {
    let offset: Int
    let begin: Moment
    let end: Moment
  }

  /// A local time in each year.
  private struct Moment: Sendable, Equatable {
    enum Day: Sendable, Equatable {
      /// The `week`th such weekday of a month; 5 means the last one. Sunday is 0.
      case weekday(month: Int, week: Int, day: Int)
      /// 1 to 365; 29 February is never counted.
      case withoutLeapDay(Int)
      /// 0 to 365.
      case ofYear(Int)
    }

    let day: Day
    let seconds: Int

    /// The local time in seconds since 1970, as if the clocks showed UTC.
    func local(in year: Int) -> Int { dayNumber(in: year) * 86_400 + seconds }

    private func dayNumber(in year: Int) -> Int {
      let first = CalendarDate.dayNumber(year: year, month: 1, day: 1)
      switch day {
      case .ofYear(let day): return first + day
      case .withoutLeapDay(let day): return first + day - (CalendarDate.isLeap(year) && day > 59 ? 0 : 1)
      case .weekday(let month, let week, let weekday):
        let begin = CalendarDate.dayNumber(year: year, month: month, day: 1)
        // `CalendarDate` counts weekdays from Monday.
        let wanted = (weekday + 6) % 7
        let offset = (wanted - CalendarDate(dayNumber: begin).weekday + 7) % 7
        let number = begin + offset + 7 * (week - 1)
        let isInMonth = number < begin + CalendarDate.days(inMonth: month, of: year)
        return isInMonth ? number : number - 7
      }
    }
  }

  /// `nil` if the text is not a rule.
  init?(_ text: String) {
    var reader = Reader(Array(text.utf8)[...])
    guard reader.name(), let standard = reader.time() else { return nil }
    standardOffset = -standard
    guard !reader.isAtEnd else { return }
    guard reader.name() else { return nil }
    let offset = reader.next == UInt8(ascii: ",") ? standardOffset + 3600 : reader.time().map { -$0 }
    guard let offset, let begin = reader.moment(), let end = reader.moment(), reader.isAtEnd else { return nil }
    daylight = Daylight(offset: offset, begin: begin, end: end)
  }

  /// How many seconds the clocks are ahead of UTC at a moment, given in seconds since 1970.
  func offsetSeconds(at seconds: Int) -> Int {
    guard let daylight else { return standardOffset }
    let year = CalendarDate(dayNumber: (seconds + standardOffset).flooredQuotient(by: 86_400)).year
    let begin = daylight.begin.local(in: year) - standardOffset
    let end = daylight.end.local(in: year) - daylight.offset
    let isDaylight = begin < end ? begin <= seconds && seconds < end : !(end <= seconds && seconds < begin)
    return isDaylight ? daylight.offset : standardOffset
  }

  /// Parses the parts of a rule, one after another.
  private struct Reader {
    private var rest: ArraySlice<UInt8>

    init(_ text: ArraySlice<UInt8>) { rest = text }

    var isAtEnd: Bool { rest.isEmpty }
    var next: UInt8? { rest.first }

    private mutating func take(_ character: Character) -> Bool {
      guard rest.first == character.asciiValue else { return false }
      rest.removeFirst()
      return true
    }

    private mutating func number(_ range: ClosedRange<Int>) -> Int? {
      let digits = rest.prefix { (0x30...0x39).contains($0) }
      guard (1...3).contains(digits.count) else { return nil }
      rest = rest.dropFirst(digits.count)
      let value = digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
      return range.contains(value) ? value : nil
    }

    /// Parses `EST` or `<+0545>`.
    mutating func name() -> Bool {
      if take("<") {
        guard let end = rest.firstIndex(of: UInt8(ascii: ">")) else { return false }
        rest = rest[(end + 1)...]
        return true
      }
      let letters = rest.prefix { (0x41...0x5A).contains($0 & 0xDF) }
      rest = rest.dropFirst(letters.count)
      return letters.count >= 3
    }

    /// Parses `5`, `-5:45`, `3:30:15` to seconds.
    mutating func time() -> Int? {
      let isNegative = take("-")
      if !isNegative { _ = take("+") }
      guard var seconds = number(0...167).map({ $0 * 3600 }) else { return nil }
      for unit in [60, 1] where take(":") {
        guard let part = number(0...59) else { return nil }
        seconds += part * unit
      }
      return isNegative ? -seconds : seconds
    }

    /// Parses `,M3.2.0/2`, `,J60`, `,59`.
    mutating func moment() -> Moment? {
      guard take(",") else { return nil }
      var day: Moment.Day?
      if take("M") {
        guard let month = number(1...12), take("."), let week = number(1...5), take("."), let weekday = number(0...6)
        else { return nil }
        day = .weekday(month: month, week: week, day: weekday)
      } else if take("J") {
        day = number(1...365).map { .withoutLeapDay($0) }
      } else {
        day = number(0...365).map { .ofYear($0) }
      }
      guard let day else { return nil }
      guard take("/") else { return Moment(day: day, seconds: 2 * 3600) }
      return time().map { Moment(day: day, seconds: $0) }
    }
  }
}
