import D2Common

extension FuzzTarget {
  /// A period's id is read as the same period. Its days are those of its type. An id that is certain is printed
  /// unchanged.
  static let period = FuzzTarget(name: "period") { input in
    guard let text = String(validating: input, as: UTF8.self) else { return }
    let period = Period(id: text)
    if PeriodID.isCertain(text) {
      mustHold(period?.id == text, "\(text.debugDescription) is certain")
      mustHold(PeriodID.isPlausible(text), "\(text) is plausible")
    }
    if let period {
      checkPeriod(period)
      mustHold(PeriodID.isPlausible(text), "\(text) is plausible")
    }
    if let date = CalendarDate(iso8601: text) {
      mustHold(date.description == text, "\(text) is \(date)")
      for type in PeriodType.allCases { checkPeriod(type.period(containing: date), around: date) }
    }
  }

  private static func checkPeriod(_ period: Period, around date: CalendarDate? = nil) {
    mustHold(period.start <= period.end, "\(period) begins before it ends")
    if let date { mustHold(period.start <= date && date <= period.end, "\(period) holds \(date)") }
    // Near the bounds of four-digit years, and for week years before 1000, an id may name a period that the server
    // cannot read.
    guard period.start.year >= 1000, period.end.year < 9999 else { return }
    let again = Period(id: period.id)
    mustHold(again == period, "\(period) is read as \(String(describing: again)) of \(period.type)")
    mustHold(PeriodID.isCertain(period.id), "\(period) is certain")
    let next = period.next
    mustHold(next.start > period.start, "\(next) comes after \(period)")
    // The second week of the 27th pair also belongs to the next year's first pair.
    let days = next.start.dayNumber - period.end.dayNumber
    mustHold(
      days == 1 || period.type == .biWeekly && days == -6, "\(next) begins \(days) days behind the end of \(period)")
    mustHold(period.type.periods(overlapping: period.start...period.end).contains(period), "\(period) is among its own")
  }
}
