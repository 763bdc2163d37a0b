/// The base for relative periods: a server's day, and two of its settings.
package struct PeriodClock: Sendable, Hashable {
  /// The day, in the server's time zone.
  package let today: CalendarDate
  /// The type of financial years, which defines their first month.
  package let financialYear: PeriodType
  /// The type of weeks, which defines their first day.
  package let week: PeriodType

  /// The defaults of the other two are those of servers.
  package init(today: CalendarDate, financialYear: PeriodType = .financialOct, week: PeriodType = .weekly) {
    self.today = today
    self.financialYear = financialYear
    self.week = week
  }

  /// The period type for a value of the setting `analyticsFinancialYearStart`: `FINANCIAL_YEAR_APRIL`.
  ///
  /// - Returns: `nil` for values that 2.43 does not know. Versions up to 2.42 know April, July and October.
  package static func financialYear(ofSetting value: String) -> PeriodType? {
    switch value {
    case "FINANCIAL_YEAR_FEBRUARY": .financialFeb
    case "FINANCIAL_YEAR_APRIL": .financialApril
    case "FINANCIAL_YEAR_JULY": .financialJuly
    case "FINANCIAL_YEAR_AUGUST": .financialAug
    case "FINANCIAL_YEAR_SEPTEMBER": .financialSep
    case "FINANCIAL_YEAR_OCTOBER": .financialOct
    default: nil
    }
  }

  /// The period type for a value of the setting `analyticsWeeklyStart`, which servers have from 2.43 on:
  /// `WEEKLY_SUNDAY`.
  package static func week(ofSetting value: String) -> PeriodType? {
    switch value {
    case "WEEKLY": .weekly
    case "WEEKLY_WEDNESDAY": .weeklyWednesday
    case "WEEKLY_THURSDAY": .weeklyThursday
    case "WEEKLY_FRIDAY": .weeklyFriday
    case "WEEKLY_SATURDAY": .weeklySaturday
    case "WEEKLY_SUNDAY": .weeklySunday
    default: nil
    }
  }
}
