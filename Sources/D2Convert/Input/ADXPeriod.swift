import D2Common

/// Parses ADX periods, which consist of the first day and a duration (`2024-01-01/P1M`).
///
/// The rules are those of DHIS2 2.43 (`org.hisp.dhis.dxf2.adx.AdxPeriod`). The first day of the period decides which
/// type a duration means.
enum ADXPeriod {
  /// Describes the problem with a period, as the end of a sentence.
  struct Fault: Error, Equatable {
    let problem: String
  }

  /// The types of a duration. No day begins periods of two of them.
  private static let types: [String: [PeriodType]] = [
    "P1D": [.daily],
    "P7D": [.weekly, .weeklyWednesday, .weeklyThursday, .weeklyFriday, .weeklySaturday, .weeklySunday],
    "P14D": [.biWeekly],
    "P1M": [.monthly],
    "P2M": [.biMonthly],
    "P3M": [.quarterly, .quarterlyNov],
    // Old versions wrote this, although ISO 8601 has no quarters.
    "P1Q": [.quarterly],
    "P6M": [.sixMonthly, .sixMonthlyApril, .sixMonthlyNov],
    "P1Y": [
      .yearly, .financialFeb, .financialApril, .financialJuly, .financialAug, .financialSep, .financialOct,
      .financialNov,
    ],
  ]

  /// DHIS2's id of a period, for example `202401`.
  static func id(of text: String) throws(Fault) -> String {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2 else { throw Fault(problem: "\(text.quoted) is not a date and duration, as 2024-01-01/P1M") }
    guard let date = CalendarDate(iso8601: String(parts[0])) else {
      throw Fault(problem: "\(text.quoted) does not begin with a date, as 2024-01-01/P1M does")
    }
    guard let types = types[String(parts[1])] else {
      throw Fault(
        problem: "\(text.quoted) does not end with a duration that DHIS2 knows: "
          + "P1D, P7D, P14D, P1M, P2M, P3M, P6M or P1Y")
    }
    let periods = types.map { $0.period(containing: date) }
    guard let period = periods.first(where: { $0.start == date }) else {
      throw Fault(problem: "\(text.quoted): no period of DHIS2 that lasts \(parts[1]) begins on that day")
    }
    return period.id
  }
}
