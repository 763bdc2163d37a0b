import D2Common

/// The number of concurrent imports that a server can bear. Up to 2.42, one import takes about three connections of the
/// server's pool, and waits for more while it holds a transaction. If imports use up the pool, the server hangs until
/// it is restarted. Later versions do not. (docs/dhis2-servers.md, trap 24.)
package enum ImportLimit {
  /// The most concurrent imports to a server up to 2.42. With the default pool of 80 connections, this leaves
  /// connections for the users.
  package static let most = 6

  package static let option = Flag(
    "--force-concurrency", help: "Allow more than 6 imports at once, which can hang a server up to 2.42 for good.")

  /// The variable that tells a slice's commands how many workers run at once.
  package static let jobsVariable = "D2_RUN_JOBS"

  /// How many workers run such commands at once on this host; 1 outside of a run.
  package static func jobs(_ environment: [String: String]) -> Int {
    max(1, environment[jobsVariable].flatMap { Int($0) } ?? 1)
  }

  /// Whether a server of this version may hang. An unknown version counts as one up to 2.42.
  package static func isNeeded(by version: DHIS2Version?) -> Bool { !(version?.failsWholeGroups ?? false) }

  /// The error for too many concurrent imports.
  ///
  /// - Parameters:
  ///   - what: the cause: `--concurrency 7`.
  ///   - imports: how many concurrent imports there would be.
  package static func failure(_ what: String, imports: Int, _ version: DHIS2Version?) -> CommandFailure {
    let server = version.map { "the destination is \($0.text)" } ?? "the destination does not tell its version"
    return CommandFailure(
      .usage,
      "\(what): \(imports) imports at once, but \(server), and a server up to 2.42 can hang for good with more than \(most): "
        + "use fewer, or \(option.name)")
  }
}
