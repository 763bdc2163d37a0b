/// Reads and writes period ids like DHIS2: four digits of a year, followed by the part of the type.
///
/// The rules are those of 2.42 (`DateUnitType`, `DateUnitPeriodTypeParser`), and of 2.43 for the types that it added.
/// 2.43 parses by length and infix, but accepts and refuses the same texts.
enum PeriodSpelling {
  private static let lengths = 4...11

  /// The id of a type's period. The number is that in the year; for a day it is month and day (`1231`).
  static func text(_ type: PeriodType, year: Int, number: Int) -> String {
    // A year outside the range of ids may have one more digit, or a sign.
    String(unsafeUninitializedCapacity: lengths.upperBound + 2) { buffer in
      var count = 0
      func append(_ byte: UInt8) {
        buffer[count] = byte
        count += 1
      }
      func append(_ number: Int, width: Int) {
        var scale = 1
        for _ in 1..<width { scale *= 10 }
        while scale <= number / 10 { scale *= 10 }
        while scale > 0 {
          append(UInt8(ascii: "0") + UInt8(number / scale % 10))
          scale /= 10
        }
      }
      if year < 0 { append(UInt8(ascii: "-")) }
      append(abs(year), width: 4)
      for byte in type.infix.utf8 { append(byte) }
      // A number has no more leading zeros than necessary.
      let width = type.numberDigits.lowerBound
      if width > 0 { append(number, width: width) }
      if type == .biMonthly { append(UInt8(ascii: "B")) }
      return count
    }
  }

  /// The period of an id. It accepts leading zeros in a week's number, and dashes in months and days, but does not keep
  /// them.
  static func read(_ text: [UInt8]) -> Period? {
    guard lengths.contains(text.count), let year = number(text[..<4]) else { return nil }
    let rest = text[4...]
    let infix = rest.prefix { !isDigit($0) }
    switch (infix.count, infix.first) {
    case (0, _): return plain(year, rest)
    case (1, UInt8(ascii: "-")): return dashed(year, rest.dropFirst())
    default: break
    }
    let digits = rest.dropFirst(infix.count)
    guard let type = PeriodType.allCases.first(where: { $0.infix.utf8.elementsEqual(infix) }),
      type.numberDigits.contains(digits.count), digits.allSatisfy(isDigit)
    else { return nil }
    return numbered(type, year, number(digits) ?? 1)
  }

  /// Years, months, pairs of months and days.
  private static func plain(_ year: Int, _ rest: ArraySlice<UInt8>) -> Period? {
    let isPair = rest.count == 3 && rest.last == UInt8(ascii: "B")
    guard let number = number(isPair ? rest.dropLast() : rest) else {
      return rest.isEmpty ? numbered(.yearly, year, 1) : nil
    }
    switch rest.count {
    case 2: return numbered(.monthly, year, number)
    case 3 where isPair: return numbered(.biMonthly, year, number)
    case 4: return day(year, number / 100, number % 100)
    default: return nil
    }
  }

  /// `2024-01` and `2024-01-31`, after the first dash.
  private static func dashed(_ year: Int, _ rest: ArraySlice<UInt8>) -> Period? {
    guard let month = number(rest.prefix(2)), rest.prefix(2).count == 2 else { return nil }
    let second = rest.dropFirst(2)
    if second.isEmpty { return numbered(.monthly, year, month) }
    guard second.count == 3, second.first == UInt8(ascii: "-"), let number = number(second.dropFirst()) else {
      return nil
    }
    return day(year, month, number)
  }

  private static func day(_ year: Int, _ month: Int, _ day: Int) -> Period? {
    guard (1...12).contains(month), (1...CalendarDate.days(inMonth: month, of: year)).contains(day) else { return nil }
    let number = CalendarDate.dayNumber(year: year, month: month, day: day)
    return PeriodType.daily.period(containing: CalendarDate(dayNumber: number))
  }

  /// The period with a number in a year, from its first day.
  private static func numbered(_ type: PeriodType, _ year: Int, _ number: Int) -> Period? {
    switch type.recurrence {
    case .days: return nil
    case .months(let count, let first):
      guard (1...12 / count).contains(number) else { return nil }
      let month = year * 12 + first - 1 + (number - 1) * count
      return type.period(containing: PeriodType.firstDay(ofMonth: month))
    case .weeks(let count, let weekday):
      let start = PeriodType.firstWeek(of: year, from: weekday) + (number - 1) * count * 7
      guard number >= 1, count == 1 ? hasWeek(year, start, weekday) : hasPairOfWeeks(year, number) else { return nil }
      return type.period(containing: CalendarDate(dayNumber: start))
    }
  }

  /// Whether a year has the week that begins on a day. A week is refused if its first day belongs to another year's
  /// weeks: then there is no 53rd. The server compares the printed year with the year in the id. It prints years before
  /// 1000 without zeros, so it refuses all their weeks.
  private static func hasWeek(_ year: Int, _ start: Int, _ weekday: Int) -> Bool {
    year >= 1000 && start < PeriodType.firstWeek(of: year + 1, from: weekday)
  }

  /// Whether a year has a pair of weeks. DHIS2 checks the pair against the weeks of the year that contains the week of
  /// 1 January. If 1 January is one of the last days of such a year, that is the previous year. So it accepts the 27th
  /// pair in years with 53 weeks, which have it. It also accepts it in the years after them, where it means the next
  /// year's first pair (2021BiW27 is 2022BiW1). Other years have no such pair.
  private static func hasPairOfWeeks(_ year: Int, _ number: Int) -> Bool {
    let newYear = CalendarDate.dayNumber(year: year, month: 1, day: 1)
    let isInWeek1 = PeriodType.firstWeek(of: year, from: 0) <= newYear
    return number * 2 - 1 <= weeks(in: isInWeek1 ? year : year - 1)
  }

  private static func weeks(in year: Int) -> Int {
    (PeriodType.firstWeek(of: year + 1, from: 0) - PeriodType.firstWeek(of: year, from: 0)) / 7
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

  private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
    guard !digits.isEmpty, digits.allSatisfy(isDigit) else { return nil }
    return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
  }
}

extension PeriodType {
  /// The text between the year and the number.
  fileprivate var infix: String {
    switch self {
    case .daily, .monthly, .biMonthly, .yearly: ""
    case .weekly: "W"
    case .weeklyWednesday: "WedW"
    case .weeklyThursday: "ThuW"
    case .weeklyFriday: "FriW"
    case .weeklySaturday: "SatW"
    case .weeklySunday: "SunW"
    case .biWeekly: "BiW"
    case .quarterly: "Q"
    case .quarterlyNov: "NovQ"
    case .sixMonthly: "S"
    case .sixMonthlyApril: "AprilS"
    case .sixMonthlyNov: "NovS"
    case .financialFeb: "Feb"
    case .financialApril: "April"
    case .financialJuly: "July"
    case .financialAug: "Aug"
    case .financialSep: "Sep"
    case .financialOct: "Oct"
    case .financialNov: "Nov"
    }
  }

  /// How many digits the number may have in an id.
  fileprivate var numberDigits: ClosedRange<Int> {
    switch recurrence {
    case .days: 4...4
    case .weeks: 1...2
    case .months(12, _): 0...0
    case .months(let count, _): count < 3 ? 2...2 : 1...1
    }
  }
}
