import D2Common

extension PeriodClock {
  /// What a server's analytics count relative periods from: its own day, and its settings where these matter.
  ///
  /// - Parameter today: the day where a server does not tell its own.
  /// - Throws: `ServerError`; `CommandFailure`, 64 for a server with another calendar.
  package init(
    ofAnalyticsAt client: DHIS2Client, for relative: [RelativePeriod], otherwise today: CalendarDate
  ) throws {
    let info = try client.serverInfo()
    guard info.isGregorian else {
      throw CommandFailure(
        .usage,
        "\(client.server) has the calendar \(info.calendar), in which \(relative.first?.name ?? "") is not known here: name the periods by their ids"
      )
    }
    let day = info.time.map { time in
      let local = time.seconds + (info.zone?.offsetSeconds(at: time) ?? 0)
      return CalendarDate(dayNumber: local.flooredQuotient(by: 86_400))
    }
    guard relative.contains(where: \.dependsOnSettings) else {
      self.init(today: day ?? today)
      return
    }
    let settings = try Self.settings(client)
    let year = settings["analyticsFinancialYearStart"]?.string.flatMap(Self.financialYear(ofSetting:))
    let week = settings["analyticsWeeklyStart"]?.string.flatMap(Self.week(ofSetting:))
    self.init(today: day ?? today, financialYear: year ?? .financialOct, week: week ?? .weekly)
  }

  private static func settings(_ client: DHIS2Client) throws -> JSONValue {
    try client.json("/api/systemSettings?key=analyticsFinancialYearStart&key=analyticsWeeklyStart")
  }
}
