import Glibc

/// A day of the proleptic Gregorian calendar, as in ISO 8601 (and in DHIS2).
package struct CalendarDate: Sendable, Hashable, Comparable, CustomStringConvertible {
  /// 1 to 9999 in parsed texts. A period near the ends of that range may begin or end outside it.
  package let year: Int
  package let month: Int
  package let day: Int

  /// `nil` if there is no such day, or its year is not from 1 to 9999.
  package init?(year: Int, month: Int, day: Int) {
    guard (1...9999).contains(year), (1...12).contains(month), (1...Self.days(inMonth: month, of: year)).contains(day)
    else {
      return nil
    }
    self.year = year
    self.month = month
    self.day = day
  }

  /// Parses exactly `2024-01-31`.
  package init?(iso8601 text: String) {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 3, parts.map(\.utf8.count) == [4, 2, 2] else { return nil }
    self.init(compact: parts.joined())
  }

  /// Parses exactly `20240131`.
  package init?(compact text: String) {
    let digits = Array(text.utf8)
    guard digits.count == 8, digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    func number(_ places: Range<Int>) -> Int { digits[places].reduce(0) { $0 * 10 + Int($1 - 0x30) } }
    self.init(year: number(0..<4), month: number(4..<6), day: number(6..<8))
  }

  /// The day of a moment, in the local time zone of the command.
  package init(localAt time: UTCTime) {
    var moment = time_t(time.seconds)
    var parts = tm()
    localtime_r(&moment, &parts)
    self =
      CalendarDate(year: Int(parts.tm_year) + 1900, month: Int(parts.tm_mon) + 1, day: Int(parts.tm_mday))
      ?? CalendarDate(dayNumber: moment / Self.secondsPerDay)
  }

  private static let secondsPerDay = 86_400

  package static func days(inMonth month: Int, of year: Int) -> Int {
    switch month {
    case 2: isLeap(year) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  package static func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

  package static func < (left: CalendarDate, right: CalendarDate) -> Bool {
    (left.year, left.month, left.day) < (right.year, right.month, right.day)
  }

  /// `2024-01-31`. Years outside four digits have a sign, as in ISO 8601: `+10000-01-02`, `-0001-11-01`.
  package var description: String {
    func padded(_ number: Int, _ width: Int) -> String {
      let digits = String(number)
      return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
    let sign = year < 0 ? "-" : year > 9999 ? "+" : ""
    return "\(sign)\(padded(abs(year), 4))-\(padded(month, 2))-\(padded(day, 2))"
  }
}

// MARK: - Counting days

extension CalendarDate {
  /// Days since 1 January 1970.
  package var dayNumber: Int { Self.dayNumber(year: year, month: month, day: day) }

  /// The day this many days after 1 January 1970, clamped to the years from -9999 to 99999. So no number traps, and no
  /// period comes near the bounds.
  package init(dayNumber: Int) {
    let number = min(max(dayNumber, Self.dayNumbers.lowerBound), Self.dayNumbers.upperBound)
    // The count begins on 1 March of year 0, which makes a leap day the last day of its year. It uses eras of 400
    // years, which all have the same length (Howard Hinnant's `civil_from_days`).
    let day = number + Self.daysBefore1970
    let era = day.flooredQuotient(by: Self.daysPerEra)
    let dayOfEra = day - era * Self.daysPerEra
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    self.day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
  }

  /// The day this many days later, or earlier if negative; clamped like `init(dayNumber:)`.
  package func adding(days: Int) -> CalendarDate {
    let (sum, overflow) = dayNumber.addingReportingOverflow(days)
    return CalendarDate(dayNumber: overflow ? (days < 0 ? .min : .max) : sum)
  }

  /// 0 for Monday to 6 for Sunday.
  package var weekday: Int {
    // 1 January 1970 was a Thursday.
    (dayNumber + 3).flooredRemainder(by: 7)
  }

  /// Howard Hinnant's `days_from_civil`, the inverse of `init(dayNumber:)`.
  static func dayNumber(year: Int, month: Int, day: Int) -> Int {
    let yearFromMarch = month <= 2 ? year - 1 : year
    let era = yearFromMarch.flooredQuotient(by: 400)
    let yearOfEra = yearFromMarch - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    return era * daysPerEra + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - daysBefore1970
  }

  private static let daysPerEra = 146_097
  /// The days from 1 March of year 0 to 1 January 1970.
  private static let daysBefore1970 = 719_468
  private static let dayNumbers = dayNumber(year: -9999, month: 1, day: 1)...dayNumber(year: 99_999, month: 12, day: 31)
}

extension Int {
  /// The quotient rounded down, also for negative numbers.
  package func flooredQuotient(by divisor: Int) -> Int { (self - flooredRemainder(by: divisor)) / divisor }

  /// The remainder of the division rounded down: at least 0, and less than the (positive) divisor.
  func flooredRemainder(by divisor: Int) -> Int {
    let remainder = self % divisor
    return remainder < 0 ? remainder + divisor : remainder
  }
}
