import D2Common

/// Parses period ids like a version of the server.
enum PeriodParser {
  /// The period of an id; `nil` if the server accepts none.
  static func parse(_ id: String, _ version: ServerVersion) -> Period? {
    guard let period = version.minor <= 40 ? readUpTo40(id) : Period(id: id), knows(period.type, version) else {
      return nil
    }
    return period
  }

  /// Up to 2.40, weeks are checked against the number of ISO weeks in the year that contains the week of 1 January. All
  /// versions check pairs of weeks this way. So in some years a 53rd week is accepted that is the next year's first. In
  /// others, 53rd weeks that do not begin on a Monday are refused.
  private static func readUpTo40(_ id: String) -> Period? {
    let infix = id.dropFirst(4).prefix { $0.isLetter }
    guard infix.last == "W", let type = Period(id: "2000\(infix)1")?.type, type != .biWeekly else {
      return Period(id: id)
    }
    let year = id.prefix(4)
    let digits = id.dropFirst(4 + infix.count)
    let hasWeek53 = Period(id: "\(year)BiW27") != nil
    guard (1...2).contains(digits.count), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let number = Int(digits), (1...(hasWeek53 ? 53 : 52)).contains(number),
      let fourth = Period(id: "\(year)0104")
    else { return nil }
    let firstWeek = type.period(containing: fourth.start)
    return type.period(containing: firstWeek.start.adding(days: 7 * (number - 1)))
  }

  private static func knows(_ type: PeriodType, _ version: ServerVersion) -> Bool {
    switch type {
    case .weeklyFriday, .financialFeb, .financialAug: version.minor >= 43
    case .financialSep: version.minor >= 42
    default: true
    }
  }

  /// 2.43's message for a malformed id.
  static func complaint(_ id: String) -> String {
    let bytes = Array(id.utf8)
    if let position = bytes.prefix(4).firstIndex(where: { $0 < 0x30 || $0 > 0x39 }) {
      let found = String(decoding: [bytes[position]], as: UTF8.self)
      return "Invalid Period `\(id)`, expected a digit at position \(position) but found: `\(found)`"
    }
    return "Invalid Period `\(id)`, failed to create date interval"
  }
}

/// Caches periods, because an import names few of them many times.
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
