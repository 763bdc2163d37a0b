import D2Common

extension PeriodClock {
  /// The clock of a server for relative periods: its own day, and its settings if they matter.
  ///
  /// - Parameter day: the day from which they count; `nil` for the server's today.
  /// - Throws: `ServerError`; `CommandFailure`, 64 if the server has another calendar, 76 if it does not report the
  ///   date.
  package init(
    _ client: DHIS2Client, _ relatives: [RelativePeriod], from day: CalendarDate? = nil, _ log: Log
  ) throws {
    let info = try client.serverInfo()
    guard info.isGregorian else {
      throw CommandFailure(
        .usage,
        "\(client.server) has the calendar \(info.calendar): relative periods such as \(relatives.first?.name ?? "THIS_YEAR") "
          + "are made of Gregorian ones. Give the server's own period ids (docs/calendars.md)")
    }
    guard let today = day ?? info.today else {
      throw CommandFailure(
        .notDHIS2,
        "\(client.server) does not tell the date: give \(CalendarOptions.relativeDate.name), the day from which relative periods count"
      )
    }
    guard relatives.contains(where: \.dependsOnSettings) else {
      self.init(today: today)
      return
    }
    let settings = try Self.settings(client, log)
    self.init(today: today, financialYear: settings.financialYear, week: settings.week)
    log.debug(
      "\(client.server): \(financialYear.rawValue) years, \(week.rawValue) weeks; relative periods from \(today)")
  }

  private static func settings(
    _ client: DHIS2Client, _ log: Log
  ) throws -> (financialYear: PeriodType, week: PeriodType) {
    let (year, week) = ("analyticsFinancialYearStart", "analyticsWeeklyStart")
    let settings = try client.json("/api/systemSettings?key=\(year)&key=\(week)")
    func type(_ key: String, _ read: (String) -> PeriodType?, otherwise: PeriodType) -> PeriodType {
      guard let value = settings[key]?.string, !value.isEmpty else { return otherwise }
      if let type = read(value) { return type }
      log.warning(
        "\(client.server) has the setting \(key) \(value.quoted), which d2 does not know: it uses \(otherwise.rawValue)"
      )
      return otherwise
    }
    return (
      type(year, financialYear(ofSetting:), otherwise: .financialOct),
      type(week, Self.week(ofSetting:), otherwise: .weekly)
    )
  }
}

extension CalendarOptions {
  /// The calendar by the source's clock if there is a relative period, and by the local date otherwise.
  ///
  /// - Parameter source: created only if it is needed.
  /// - Throws: the errors of `PeriodClock`.
  package func dated(
    _ arguments: Arguments, by source: @autoclosure () throws -> DHIS2Client, _ log: Log
  ) throws -> DatedCalendar {
    if relatives.isEmpty { return dated(by: PeriodClock(today: arguments.today)) }
    return dated(by: try PeriodClock(source(), relatives, from: arguments[Self.relativeDate], log))
  }
}
