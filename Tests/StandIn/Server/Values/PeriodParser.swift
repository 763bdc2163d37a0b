/// Reads period ids in the ISO calendar.
enum PeriodParser {
  /// The period of an id; `nil` where it is none. Zeros before a week, and dashes in days and months, are accepted and
  /// not kept, as the servers do it.
  static func parse(_ id: String, _ version: ServerVersion) -> Period? {
    let bytes = Array(id.utf8)
    guard bytes.count >= 4, bytes.count <= 11, let year = digits(bytes[0..<4]) else { return nil }
    let rest = String(decoding: bytes[4...], as: UTF8.self)
    if rest.isEmpty { return PeriodType.yearly.period(year: year, number: 1) }
    if let numeric = numeric(year: year, rest) { return numeric }
    for type in PeriodType.allCases where exists(type, version) {
      guard let infix = type.week?.infix ?? type.months?.infix, !infix.isEmpty, type != .biMonthly else { continue }
      if type.months?.length == 12 {
        if rest == infix { return type.period(year: year, number: 1) }
      } else if rest.hasPrefix(infix), let number = digits(Array(rest.utf8.dropFirst(infix.utf8.count))[...]),
        rest.utf8.count - infix.utf8.count <= 2, (1...type.perYear).contains(number)
      {
        return weekOfYear(type, year, number)
      }
    }
    return nil
  }

  private static func digits(_ bytes: ArraySlice<UInt8>) -> Int? {
    guard !bytes.isEmpty, bytes.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
    return bytes.reduce(0) { $0 * 10 + Int($1 - 0x30) }
  }

  /// Months, days and pairs of months: with digits (and dashes) only, but for the pair's `B`.
  private static func numeric(year: Int, _ rest: String) -> Period? {
    if rest.utf8.count == 3, rest.hasSuffix("B") {
      guard let pair = digits(Array(rest.utf8.dropLast())[...]), (1...6).contains(pair) else { return nil }
      return PeriodType.biMonthly.period(year: year, number: pair)
    }
    var digitsOnly = rest
    if rest.hasPrefix("-") {
      let parts = rest.dropFirst().split(separator: "-", omittingEmptySubsequences: false)
      guard parts.count <= 2, parts.allSatisfy({ $0.utf8.count == 2 }) else { return nil }
      digitsOnly = parts.joined()
    }
    guard let number = digits(Array(digitsOnly.utf8)[...]) else { return nil }
    switch digitsOnly.utf8.count {
    case 2: return (1...12).contains(number) ? PeriodType.monthly.period(year: year, number: number) : nil
    case 4:
      let (month, day) = (number / 100, number % 100)
      guard (1...12).contains(month), day >= 1, day <= Day.daysInMonth(year: year, month: month) else { return nil }
      return PeriodType.daily.period(containing: Day.number(year: year, month: month, day: day))
    default: return nil
    }
  }

  /// A week, unless the year is too short for it; the 27th pair of weeks is the first of the next year.
  private static func weekOfYear(_ type: PeriodType, _ year: Int, _ number: Int) -> Period? {
    guard let period = type.period(year: year, number: number), type.week != nil else {
      return type.period(year: year, number: number)
    }
    guard let next = type.period(year: year + 1, number: 1), period.start >= next.start else { return period }
    return type == .biWeekly ? next : nil
  }

  private static func exists(_ type: PeriodType, _ version: ServerVersion) -> Bool {
    switch type {
    case .weeklyFriday, .financialFeb, .financialAug: version.minor >= 43
    case .financialSep: version.minor >= 42
    default: true
    }
  }

  /// What 2.43 says of an id that is none.
  static func complaint(_ id: String) -> String {
    let bytes = Array(id.utf8)
    if let position = bytes.prefix(4).firstIndex(where: { $0 < 0x30 || $0 > 0x39 }) {
      let found = String(decoding: [bytes[position]], as: UTF8.self)
      return "Invalid Period `\(id)`, expected a digit at position \(position) but found: `\(found)`"
    }
    return "Invalid Period `\(id)`, failed to create date interval"
  }
}

/// Periods that were read before: an import names few, many times.
final class PeriodCache {
  private let version: ServerVersion
  private var known: [String: Period?] = [:]

  init(_ version: ServerVersion) { self.version = version }

  subscript(id: String) -> Period? {
    if let found = known[id] { return found }
    let period = PeriodParser.parse(id, version)
    known[id] = .some(period)
    return period
  }
}
