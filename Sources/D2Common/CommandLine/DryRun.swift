/// What every command that changes something has: a run that changes nothing.
///
/// Everything that such a run writes says so: each line on stderr begins with "dry run", and each JSON object on stdout
/// has `"dryRun":true`.
package enum DryRun {
  static let beginning = "dry run"

  /// A line for people. Some say it in their own words.
  static func line(_ text: String) -> String { text.hasPrefix(beginning) ? text : "\(beginning): \(text)" }
}

extension JSONValue {
  /// A line of a dry run, if it is one.
  package func ofDryRun(_ isDryRun: Bool) -> JSONValue {
    guard isDryRun, let members, !members.contains(where: { $0.key == "dryRun" }) else { return self }
    return .object(members + [.init("dryRun", true)])
  }
}
