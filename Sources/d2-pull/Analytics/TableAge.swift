import D2Client
import D2Common

/// The age of a server's analytics tables, which lack what was entered later.
struct TableAge {
  let client: DHIS2Client
  let log: Log

  /// Logs their age.
  ///
  /// - Returns: when they were built, if the server reports it.
  /// - Throws: `ServerError`; `CommandFailure`, 75 if they are older than allowed.
  func check(most: Double?) throws -> UTCTime? {
    let info = try client.serverInfo()
    guard let made = info.analyticsTime else {
      if most != nil { throw failure("has no analytics tables, or does not tell how old they are") }
      log.debug("\(client.server) does not tell when it made its analytics tables")
      return nil
    }
    let seconds = (info.time ?? .now).seconds - made.seconds
    let age = DurationText.exact(max(0, seconds))
    if let most, Double(seconds) > most {
      throw failure(
        "made its analytics tables at \(made.iso8601), \(age) ago, "
          + "and --max-age allows \(DurationText.exact(Int(most)))"
      )
    }
    log.info("analytics tables of \(made.iso8601), \(age) old: what was entered later is not in them")
    return made
  }

  /// Warns if the tables were rebuilt while values were read.
  func checkAgain(_ before: UTCTime?) {
    guard let before, let now = try? ServerInfo(client).analyticsTime, now != before else { return }
    log.warning(
      "\(client.server) rebuilt its analytics tables meanwhile: some values are older than others. "
        + "Run the command again"
    )
  }

  private func failure(_ text: String) -> CommandFailure {
    CommandFailure(.temporary, "\(client.server) \(text): \(ServerError.analyticsAdvice)")
  }
}
