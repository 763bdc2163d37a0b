import D2Common

/// Reads the period cells of a sheet: an id, or a date that a spreadsheet made from one.
package struct SheetPeriod {
  /// The type of the periods that became dates.
  private let type: PeriodType?
  /// No sheet has more different periods than this.
  private static let mostKnown = 10_000
  /// The results so far, by cell.
  private var known: [[UInt8]: Result<KeptBytes?, Fault>] = [:]

  /// Describes the problem, as the end of a sentence.
  package struct Fault: Error, Equatable, CustomStringConvertible {
    package let description: String
  }

  /// - Parameter type: the type of the periods that became dates; `nil` if the user does not give it.
  package init(type: PeriodType?) { self.type = type }

  /// Whether a cell is the id of a month or year. Nearly all cells are.
  @inline(__always)
  private static func isPlain(_ cell: UnsafeRawBufferPointer) -> Bool {
    guard cell.count == 6 || cell.count == 4, cell.allSatisfy({ (0x30...0x39).contains($0) }) else { return false }
    return cell.count == 4 || (1...12).contains(Int(cell[4] - 0x30) * 10 + Int(cell[5] - 0x30))
  }

  /// The replacement for the cell; `nil` if it is an id itself.
  @inline(__always)
  mutating func read(_ cell: UnsafeRawBufferPointer) throws(Fault) -> KeptBytes? {
    Self.isPlain(cell) ? nil : try readCarefully(cell)
  }

  @inline(never)
  private mutating func readCarefully(_ cell: UnsafeRawBufferPointer) throws(Fault) -> KeptBytes? {
    let bytes = Array(cell)
    if known[bytes] == nil {
      if known.count == Self.mostKnown { known.removeAll() }
      let text = String(decoding: bytes, as: UTF8.self)
      do throws(Fault) {
        let id = try id(of: text)
        known[bytes] = .success(id == text ? nil : KeptBytes(id.utf8))
      } catch { known[bytes] = .failure(error) }
    }
    return try known[bytes]!.get()
  }

  /// The id that a text is or means.
  package func id(of text: String) throws(Fault) -> String {
    let text = text.trimmed
    // Spreadsheets also turn months into a day with dashes.
    let isDay = text.utf8.count == 10 && text.contains("-")
    if !isDay, Period(id: text) != nil { return text }
    let dates = SheetDate.readings(of: text)
    guard !dates.isEmpty else {
      // Other calendars have other ids.
      if PeriodID.isPlausible(text) { return text }
      throw Fault(description: "\(text.quoted) is not a period")
    }
    guard let type else {
      throw Fault(
        description: "\(text.quoted) is a date, which spreadsheets make of periods: give the type of the periods "
          + "(--period-type Monthly), or keep the column as text")
    }
    let periods = Set(dates.map { type.period(containing: $0) }.filter { dates.contains($0.start) })
    guard let period = periods.first else {
      throw Fault(description: "\(text.quoted) is not the first day of a period of the type \(type.rawValue)")
    }
    guard periods.count == 1 else {
      throw Fault(description: "\(text.quoted): it is not clear which number is the month")
    }
    return period.id
  }
}

/// Parses dates as spreadsheets show them.
enum SheetDate {
  /// The first letters of month names, enough to tell them apart, in English, French, Portuguese and Spanish.
  private static let months: [(Int, [String])] = [
    (1, ["jan", "ene"]), (2, ["feb", "fev", "fév"]), (3, ["mar"]), (4, ["apr", "avr", "abr"]), (5, ["may", "mai"]),
    (6, ["jun", "juin"]), (7, ["jul", "juil"]), (8, ["aug", "aoû", "aou", "ago"]), (9, ["sep", "set"]),
    (10, ["oct", "out"]), (11, ["nov"]), (12, ["dec", "déc", "dez", "dic"]),
  ]
  /// Day 0 of Excel.
  private static let dayZero = CalendarDate(year: 1899, month: 12, day: 30)!.dayNumber
  /// From 1954 to 2119: no data is older or newer.
  private static let serials = 20_000...80_000

  /// The days that a text can mean: no day if it is not a date, two if the month could also be the day.
  static func readings(of text: String) -> [CalendarDate] {
    if let serial = Int(text), text.utf8.count == 5, serials.contains(serial) {
      return [CalendarDate(dayNumber: dayZero + serial)]
    }
    // A time of midnight adds nothing: 2024-01-01 00:00:00, 2024-01-01T00:00:00.000.
    let day = text.split(whereSeparator: { $0 == "T" || $0 == " " }).first.map(String.init) ?? ""
    let hasTime = text.count > day.count && text.dropFirst(day.count + 1).allSatisfy { "0:.".contains($0) }
    let parts = (hasTime ? day : text).lowercased().split(whereSeparator: { "-/. ".contains($0) }).map(String.init)
    switch parts.count {
    case 2: return [month(parts[0]).flatMap { date(parts[1], $0, 1) }].compactMap { $0 }
    case 3: return readings(parts)
    default: return []
    }
  }

  private static func readings(_ parts: [String]) -> [CalendarDate] {
    if let month = month(parts[1]), let day = Int(parts[0]) { return [date(parts[2], month, day)].compactMap { $0 } }
    if let month = month(parts[0]), let day = Int(parts[1].filter { $0 != "," }) {
      return [date(parts[2], month, day)].compactMap { $0 }
    }
    let numbers = parts.compactMap(Int.init)
    guard numbers.count == 3, parts.allSatisfy({ $0.allSatisfy(\.isNumber) }) else { return [] }
    if parts[0].count == 4 { return [date(parts[0], numbers[1], numbers[2])].compactMap { $0 } }
    let both = [date(parts[2], numbers[1], numbers[0]), date(parts[2], numbers[0], numbers[1])].compactMap { $0 }
    return both.count == 2 && both[0] == both[1] ? [both[0]] : both
  }

  private static func month(_ name: String) -> Int? {
    guard name.count >= 3, name.allSatisfy(\.isLetter) else { return nil }
    return months.first { $0.1.contains { name.hasPrefix($0) } }?.0
  }

  /// A date. A year of two digits is read as in Excel: up to 29 it belongs to this century.
  private static func date(_ year: String, _ month: Int, _ day: Int) -> CalendarDate? {
    guard var number = Int(year), year.count == 2 || year.count == 4 else { return nil }
    if year.count == 2 { number += number < 30 ? 2000 : 1900 }
    return CalendarDate(year: number, month: month, day: day)
  }
}
