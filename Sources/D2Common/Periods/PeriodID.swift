/// The spelling of DHIS2 period ids (`dhis2-api.md` section 6).
package enum PeriodID {
  /// Whether a text is an id that servers from 2.43 on read. They answer a malformed one with HTTP 500 for the whole request, so that
  /// a doubtful value is posted alone. The rule is strict: it may doubt a good id, it never trusts a bad one.
  package static func isCertain(_ text: some StringProtocol) -> Bool {
    let bytes = Array(text.utf8)
    guard bytes.count >= 4, bytes.count <= 11, let year = number(bytes[..<4]), year >= 1000 else {
      // Servers read no weeks before the year 1000.
      return false
    }
    let rest = bytes[4...]
    switch rest.count {
    case 0: return true
    case 2 where number(rest) != nil: return (1...12).contains(number(rest)!)
    case 4 where number(rest) != nil:
      return CalendarDate(year: year, month: number(rest.prefix(2))!, day: number(rest.suffix(2))!) != nil
    default: break
    }
    let word = String(decoding: rest, as: UTF8.self)
    if word.last == "B", rest.count == 3, let pair = number(rest.prefix(2)) { return (1...6).contains(pair) }
    for (name, count) in numbered where word.hasPrefix(name) {
      let digits = rest.dropFirst(name.utf8.count)
      guard (1...2).contains(digits.count), digits.first != UInt8(ascii: "0"), let place = number(digits) else {
        continue
      }
      return (1...count).contains(place) && (place < 53 || name != "W" || hasWeek53(year))
    }
    return financial.contains(word)
  }

  /// Type names between the year and the number, with the largest number that is never doubted.
  private static let numbered: [(name: String, count: Int)] = [
    ("WedW", 52), ("ThuW", 52), ("FriW", 52), ("SatW", 52), ("SunW", 52), ("BiW", 26), ("W", 53), ("NovQ", 4), ("Q", 4),
    ("AprilS", 2), ("NovS", 2), ("S", 2),
  ]
  private static let financial: Set<String> = ["April", "July", "Oct", "Nov", "Sep", "Feb", "Aug"]

  /// ISO years with 53 weeks begin on a Thursday, or are leap years that begin on a Wednesday.
  private static func hasWeek53(_ year: Int) -> Bool {
    let weekday = CalendarDate(year: year, month: 1, day: 1)!.weekday
    return weekday == 3 || (weekday == 2 && CalendarDate.isLeap(year))
  }

  /// Whether a text has the shape of a period id of any type and calendar: four digits of a year and what may follow.
  package static func isPlausible(_ text: some StringProtocol) -> Bool {
    let bytes = Array(text.utf8)
    guard bytes.count >= 4, bytes.count <= 12, number(bytes[..<4]) != nil else { return false }
    return bytes[4...].allSatisfy { byte in
      (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte & 0xDF) || byte == UInt8(ascii: "-")
    }
  }

  private static func number(_ digits: some Collection<UInt8>) -> Int? {
    guard !digits.isEmpty, digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
  }
}
