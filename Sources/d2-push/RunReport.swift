import D2Client
import D2Common

/// The end of a run: its status, its messages, and the rejects that it keeps.
struct RunReport: Sendable {
  let options: PushOptions
  let account: Account
  let log: Log
  /// A line for each batch.
  let output: LineOutput

  init(_ options: PushOptions, _ account: Account, _ log: Log, output: LineOutput? = nil) {
    self.options = options
    self.account = account
    self.log = log
    self.output = output ?? .standardOutput { try? account.finish(isWhole: false) }
  }

  /// Puts the rejects in place, and reports the outcome of the values.
  ///
  /// - Parameter learnt: rates by batch size.
  /// - Throws: the failure that ended the run.
  func end(after failure: (any Error)?, learnt: JSONValue) throws -> ExitStatus {
    var failure = failure
    if !account.isBalanced {
      let bug = CommandFailure(.bug, "the counts do not add up: this is a bug of d2-push")
      if failure != nil { log.error(bug.message) }
      failure = failure ?? bug
    }
    do {
      try account.finish(isWhole: failure.map { keepsRest(after: $0) } ?? true)
      try output.flush()
    } catch { failure = failure ?? error }
    let status = self.status(after: failure)
    write(status, learnt: learnt, isWhole: failure == nil)
    if let failure { throw failure }
    return status
  }

  private func status(after failure: (any Error)?) -> ExitStatus {
    if let failure { return ExitStatus(of: failure) }
    return account.totals.refused + account.stale.reduce(0, { $0 + $1.refused }) > 0
      || options.failsOnNotKept && account.totals.notKept > 0 ? .incomplete : .success
  }

  /// Reports the outcome of the values. Another line reports the failure itself.
  ///
  /// - Parameters:
  ///   - learnt: rates by batch size.
  ///   - isWhole: whether all of the input was read and answered for.
  private func write(_ status: ExitStatus, learnt: JSONValue, isWhole: Bool) {
    log.info(account.line)
    if account.registrations > 0 {
      let count = account.registrations
      log.info("\(count) of them\(verbForm(count, "is a registration", "are registrations")) that came with the values")
    }
    tellOfStale()
    var explained: Set<String> = []
    for (reason, count) in account.commonReasons(5) {
      log.info("refused \(count): \(reason)")
      if let code = ErrorCode.atBeginning(of: reason), explained.insert(code.code).inserted {
        log.info("\(code.code) means: \(code.meaning). \(code.advice)")
      } else if CompulsoryValues.areMissing(by: reason), explained.insert(CompulsoryValues.hint).inserted {
        log.info(CompulsoryValues.hint)
      }
    }
    tellOfWarnings()
    let totals = account.totals
    if totals.notKept > 0 {
      log.info(
        "not kept \(totals.notKept): the server accepts them and stores nothing (zeros of elements with zeroIsSignificant false, white space)"
      )
    }
    if totals.changed > 0 {
      log.info(
        "changed \(totals.changed): the server stores texts without the white space around them, and booleans as true or false"
      )
    }
    if totals.refused + totals.notSent + totals.notKept > 0 {
      if let (file, lost) = account.rejects {
        // The rejects hold such a line as `text`.
        let filter = totals.malformed > 0 ? "jq -r '.text // (.value|tojson)'" : "jq -c .value"
        log.info(
          "\(file) holds \(lost > 0 ? "a part of " : "")the rejects; after fixing the cause: \(filter) \(file) | d2-push … "
            + "--rejects ANOTHER-FILE")
      } else if totals.refused > 0 {
        log.info("with --rejects FILE the refused values are kept, each with its reason")
      }
    }
    guard let file = options.summaryFile else { return }
    do { try SummaryFile.write(account.summary(status, learnt: learnt, isWhole: isWhole), to: file) } catch {
      log.error("\(error)")
    }
  }

  /// Reports once what the server says about registrations that it accepted.
  private func tellOfWarnings() {
    guard !account.warnings.isEmpty else { return }
    let warnings = account.warnings.sorted().map(\.quoted)
    log.info(
      "the server accepts some registrations with \(counted(warnings.count, "warning")): "
        + Enumeration.few(warnings, log))
  }

  private func tellOfStale() {
    for stale in account.stale {
      guard stale.found > 0 else {
        let what = stale.kind == .dataValues ? "nothing" : "no registration"
        log.info("the destination holds \(what) in the scope that the input lacks")
        continue
      }
      let counts = "\(stale.removed) deleted, \(stale.refused) refused, \(stale.notSent) not sent"
      log.info(
        (options.dryRun ? "dry run, nothing was deleted: " : "")
          + "\(counted(stale.found, stale.kind.noun)) that only the destination held: \(counts)")
    }
  }

  var tooManyRejects: CommandFailure? {
    let totals = account.totals
    guard let limit = options.maxRejects, Self.isExceeded(limit, refused: totals.refused, of: totals.read) else {
      return nil
    }
    return CommandFailure(
      .incomplete, "\(totals.refused) of \(counted(totals.read, "value")) refused: more than --max-rejects allows")
  }

  /// With fewer values than this, a percentage means nothing yet.
  private static let leastRead = 1000

  static func isExceeded(_ limit: Quota, refused: Int, of read: Int) -> Bool {
    if case .percent = limit, read < leastRead { return false }
    return limit.isExceeded(by: refused, of: read)
  }

  /// Whether the rest of the input goes to the rejects: only if the server failed, and not d2-push.
  func keepsRest(after failure: any Error) -> Bool {
    account.keepsRejects && (failure is ServerError || (failure as? CommandFailure)?.exitStatus == .incomplete)
  }
}
