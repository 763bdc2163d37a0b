import D2Common

/// Handles servers with a calendar other than the Gregorian one: what d2 can do with them, and what it must not do.
///
/// A period id like `201601` has no calendar of its own. The server's calendar defines its meaning. So ids may pass
/// unchanged only between servers with the same calendar. Days on the command line and slices of a backlog are
/// Gregorian, and would mean other days there.
package enum PairCalendars {
  /// What works, as the end of a sentence about what does not.
  ///
  /// - Parameter pair: its name, or a placeholder in a help text.
  package static func whatWorks(pair: String) -> String {
    "what works: --period with the server's own period ids (d2-pull --pair \(ShellWord.quoted(pair)) --period 201601 | d2-push --pair \(ShellWord.quoted(pair))), "
      + "--start-date with --end-date, and -i (d2-slices plan --pair \(ShellWord.quoted(pair)) -i: all of it, later what changed); see docs/calendars.md"
  }

  package static func areSame(_ one: String, _ other: String) -> Bool {
    normal(one) == normal(other)
  }

  package static func isGregorian(_ name: String) -> Bool { normal(name) == "gregorian" }

  private static func normal(_ name: String) -> String {
    let name = name.lowercased()
    return name == "iso8601" ? "gregorian" : name
  }

  /// Asks the other end of a pair for its calendar, and refuses to move values if it differs.
  ///
  /// - Parameter calendar: the calendar of `server`.
  /// - Throws: `CommandFailure`, 64 if they differ; `ServerError` if the other end does not answer. Then nothing is
  ///   moved either.
  package static func check(
    _ calendar: String, of server: ServerURL, other: ConfiguredServer, _ arguments: Arguments, _ log: Log
  ) throws {
    let client = DHIS2Client(try ServerOptions(arguments, log, other, takesCredentials: false), log)
    let theirs = try client.serverInfo().calendar
    guard areSame(calendar, theirs) else {
      throw CommandFailure(
        .usage,
        "\(server) has the calendar \(calendar), \(client.server) has \(theirs): the same period id means other days there. "
          + "Nothing is moved: values would arrive in wrong periods (docs/calendars.md)")
    }
  }
}
