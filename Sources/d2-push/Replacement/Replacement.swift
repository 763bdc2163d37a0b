import D2Client
import D2Common
import D2Store

/// Deletes what the destination holds in the scope of the input and the input lacks, when all of the input is in.
///
/// What is deleted is found by a comparison, whatever the version: a scope that is deleted in the request that brings
/// its values would also delete what later requests bring, and what the server refuses of this one. And it could not
/// be said before how much that is. So no value of the input is ever missing at the destination, and a run that stops
/// halfway has deleted nothing that it should not.
struct Replacement {
  private let options: PushOptions
  private let replace: ReplaceOptions
  private let keys: InputKeys

  init(_ options: PushOptions, _ replace: ReplaceOptions, _ keys: InputKeys) {
    self.options = options
    self.replace = replace
    self.keys = keys
  }

  /// Finds what is stale, and deletes it.
  ///
  /// - Parameter report: of the input; what becomes of the deletions is noted in its account.
  /// - Throws: `CommandFailure`: 65 where nothing may be deleted, the status of d2-pull where the destination cannot be
  ///   read; `ServerError`.
  func run(_ client: DHIS2Client, _ report: RunReport, _ executor: BlockingExecutor) async throws {
    let deleting = options.deletingStale
    let sender = try ServerSender(deleting, client)
    let stale = try find(report.account.totals, sender, report.log)
    guard stale.staleCount > 0 else { return report.account.found(stale: 0) }
    let lines = try stale.deletions()
    let account = Account(deletionsAfter: report.account)
    defer { report.account.found(stale: stale.staleCount, account) }
    var loop = PushLoop(
      sender, RunReport(deleting, account, report.log, output: report.output), limit: client.limit, executor: executor,
      descriptor: lines.fromBeginning)
    try await loop.run()
    withExtendedLifetime(lines) {}
  }

  private func find(_ totals: Account.Totals, _ sender: ServerSender, _ log: Log) throws -> StaleLines {
    let scope = try scope()
    guard totals.malformed == 0 else {
      throw Self.refusal(
        "\(counted(totals.malformed, "line")) of the input\(verbForm(totals.malformed, "is no value", "are no values"))"
      )
    }
    var stale = try StaleLines(options.kind, sender, environment: replace.environment)
    for part in scope where try !read(part, into: &stale) {
      log.warning("the destination does not know all of the scope: what it does not know, it does not hold")
    }
    try stale.compare(with: keys)
    if stale.unreadable > 0 {
      log.warning("\(counted(stale.unreadable, "line")) of the destination cannot be read, and will not be deleted")
    }
    let count = stale.staleCount
    guard count > 0 else { return stale }
    let (would, held) = (counted(count, options.kind.noun) + " would be deleted, but ", stale.heldCount)
    guard totals.read > 0 else { throw Self.refusal(would + "the input is empty") }
    guard !replace.maxDelete.isExceeded(by: count, of: held) else {
      throw Self.refusal(would + "they are more than --max-delete \(replace.maxDelete) of \(held)")
    }
    return stale
  }

  private static func refusal(_ reason: String) -> CommandFailure {
    CommandFailure(.malformedInput, "\(reason): nothing is deleted")
  }

  /// Why the input is known to be whole, and what it is of.
  private func scope() throws(CommandFailure) -> [Slice] {
    if keys.ends.isEmpty, !keys.isWholeFile {
      throw Self.refusal(
        "the input comes through a pipe and has no end line, so that it may have ended early (d2-pull --end-line writes one, when all is out)"
      )
    }
    let wanted: [Slice]
    if let scope = replace.scope {
      guard keys.ends.count <= 1 else {
        throw Self.refusal("the input has \(keys.ends.count) end lines, and each tells its own scope")
      }
      wanted = [scope]
    } else if keys.ends.allSatisfy(\.scope.isEmpty) {
      let known = keys.ends.isEmpty ? ", or d2-pull --end-line" : ": the end line of sums does not tell"
      throw CommandFailure(
        .usage, "--replace: say what the input is of: --data-set, --org-unit and --period\(known)")
    } else {
      // Registrations that came with values are not replaced.
      wanted = keys.ends.flatMap(\.scope).filter { $0.kind == options.kind }
    }
    guard !wanted.isEmpty else {
      throw Self.refusal("the end line is not of \(options.kind.rawValue)")
    }
    return wanted.flatMap(Self.parts)
  }

  /// As many units as a command line holds.
  private static let mostUnits = 2000

  private static func parts(of slice: Slice) -> [Slice] {
    RequestSize.groups(of: slice.orgUnits, bytesEach: { _ in 1 }, limit: mostUnits).map { units in
      var part = slice
      part.orgUnits = units
      return part
    }
  }

  /// Returns whether the destination knows all that it is asked for.
  private func read(_ part: Slice, into stale: inout StaleLines) throws -> Bool {
    let pull = try PullProcess(
      .destination, replace.pull(part, pair: options.pair), environment: replace.environment,
      consequence: "nothing is deleted")
    try stale.read(pull.output)
    return try pull.finish()
  }
}
