/// Marks the output of a run that changes nothing. Each command that changes something supports it.
///
/// Each line on stderr begins with "dry run", and each JSON object on stdout has `"dryRun":true`.
package enum DryRun {
  static let beginning = "dry run"

  /// A line for people, with the mark unless it has one of its own.
  static func line(_ text: String) -> String { text.hasPrefix(beginning) ? text : "\(beginning): \(text)" }
}

extension JSONValue {
  /// The object with the mark, if this is a dry run.
  package func ofDryRun(_ isDryRun: Bool) -> JSONValue {
    guard isDryRun, let members, !members.contains(where: { $0.key == "dryRun" }) else { return self }
    return .object(members + [.init("dryRun", true)])
  }
}
