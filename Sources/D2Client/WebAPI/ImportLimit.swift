import D2Common

/// How many imports at once a server can bear. Up to 2.42 one import takes about three connections of the server's
/// pool, and waits for more while it holds a transaction. When imports use up the pool, the server hangs for good,
/// until it is restarted. Later versions do not. (docs/dhis2-servers.md, trap 24.)
package enum ImportLimit {
  /// The most at once to a server up to 2.42: with a pool of 80 connections, the default, this leaves room for those
  /// who use the server.
  package static let most = 6

  package static let option = Flag(
    "--force-concurrency", help: "Allow more than 6 imports at once, which can hang a server up to 2.42 for good.")

  /// By which a run of the ledger tells the commands of its slices how many of them there are at once.
  package static let jobsVariable = "D2_RUN_JOBS"

  /// How many workers run commands like this one at once on this host; 1 outside of a run.
  package static func jobs(_ environment: [String: String]) -> Int {
    max(1, environment[jobsVariable].flatMap { Int($0) } ?? 1)
  }

  /// Whether a server of this version hangs. One that does not tell its version is taken for one up to 2.42.
  package static func isNeeded(by version: DHIS2Version?) -> Bool { !(version?.failsWholeGroups ?? false) }

  /// The failure if too many imports at once were asked for.
  ///
  /// - Parameters:
  ///   - what: what asked for them: `--concurrency 7`.
  ///   - imports: how many there would be at once.
  package static func failure(_ what: String, imports: Int, _ version: DHIS2Version?) -> CommandFailure {
    let server = version.map { "the destination is \($0.text)" } ?? "the destination does not tell its version"
    return CommandFailure(
      .usage,
      "\(what): \(imports) imports at once, but \(server), and a server up to 2.42 can hang for good with more than \(most): "
        + "use fewer, or \(option.name)")
  }
}
