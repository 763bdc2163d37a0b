import D2Client
import D2Common
import D2Store

/// Deletes what the destination has in the scope of the input and the input lacks, after all of the input was sent.
///
/// It compares the two sides to find what to delete, for all versions. DHIS2 could delete a scope in the request that
/// brings its values. But that would also delete the values of later requests, and the values that the server refuses
/// in this one. Nor would the number of deletions be known in advance. With the comparison, no value of the input is
/// ever missing at the destination. If a run stops halfway, it has deleted nothing wrongly.
struct Replacement {
  private let options: PushOptions
  private let replace: ReplaceOptions
  private let keys: InputKeys

  init(_ options: PushOptions, _ replace: ReplaceOptions, _ keys: InputKeys) {
    self.options = options
    self.replace = replace
    self.keys = keys
  }

  /// Finds the stale values, and deletes them.
  ///
  /// - Parameter report: the report of the input; its account gets the outcome of the deletions.
  /// - Throws: `CommandFailure`: 65 if nothing may be deleted, the status of d2-pull if the destination cannot be read;
  ///   `ServerError`.
  func run(_ client: DHIS2Client, _ report: RunReport, _ executor: BlockingExecutor) async throws {
    let deleting = options.deletingStale
    let sender = try ServerSender(deleting, client)
    let stale = try find(report.account.totals, sender, report.log)
    guard stale.staleCount > 0 else { return report.account.found(options.kind, 0) }
    let lines = try stale.deletions()
    let account = Account(deletionsAfter: report.account)
    defer { report.account.found(options.kind, stale.staleCount, account) }
    var loop = PushLoop(
      sender, RunReport(deleting, account, report.log, output: report.output), limit: client.limit, executor: executor,
      descriptor: lines.fromBeginning)
    try await loop.run()
    withExtendedLifetime(lines) {}
  }

  private func find(_ totals: Account.Totals, _ sender: ServerSender, _ log: Log) throws -> StaleLines {
    let parts = try scope()
    guard totals.malformed == 0 else {
      throw Self.refusal(
        "\(counted(totals.malformed, "line")) of the input\(verbForm(totals.malformed, "is not a value", "are not values"))"
      )
    }
    try checkCount(totals)
    var stale = try StaleLines(options.kind, sender, parts: parts.count, environment: replace.environment)
    for (number, part) in parts.enumerated() where try !read(part, number, into: &stale) {
      log.warning("the destination does not know all of the scope: what it does not know, it does not hold")
    }
    try stale.compare(with: keys)
    if stale.unreadable > 0 {
      log.warning("\(counted(stale.unreadable, "line")) of the destination cannot be read, and will not be deleted")
    }
    guard stale.staleCount > 0 else { return stale }
    try leaveAlone(&stale, parts, log)
    try checkAmount(stale, parts, isEmpty: isEmpty(totals))
    return stale
  }

  /// Keeps values of units that the source has elsewhere, of elements that it never had in the data set, and of
  /// attribute option combos that it hides from its user.
  private func leaveAlone(_ stale: inout StaleLines, _ parts: [Slice], _ log: Log) throws {
    let source = try SourceScope(parts, keys.ends, replace, log, stale)
    var (units, elements, combos): (Set<String>, Set<String>, Set<String>) = ([], [], [])
    let before = stale.staleCount
    try stale.keep { line in
      guard source.has(unit: line.unit, inPart: line.part) else {
        units.insert(line.unit)
        return false
      }
      if let element = line.dataElement, !source.has(dataElement: element, of: parts[line.part].dataSet) {
        elements.insert(element)
        return false
      }
      guard !source.shows(attributeCombo: line.attributeCombo) else { return true }
      combos.insert(line.attributeCombo ?? "")
      return false
    }
    guard stale.staleCount < before else { return }
    let reasons = [
      (units, "the source has their organisation units elsewhere, or not at all"),
      (elements, "their data elements are not in the source's data set"),
      (combos, "the source's user may not read their attribute option combos, or the source lacks them"),
    ].filter { !$0.0.isEmpty }.map { "\($0.1): \(Enumeration.few($0.0.sorted(), log))" }
    log.warning(
      "\(counted(before - stale.staleCount, options.kind.noun)) that the input lacks stay at the destination: "
        + reasons.joined(separator: "; "))
  }

  /// Refuses to delete if lines of the input are missing, because a filter dropped them or a pipe lost them. They would
  /// look stale.
  private func checkCount(_ totals: Account.Totals) throws(CommandFailure) {
    let said = keys.ends.reduce(0) { $0 + $1.values }
    guard options.kind == .dataValues, !keys.ends.isEmpty, !replace.isFiltered else { return }
    let came = totals.read + keys.registrations
    guard came == said else {
      throw Self.refusal(
        "the input has \(counted(came, "line")), and d2-pull wrote \(said): give --filtered if a filter dropped the others on purpose, since what the destination has of them would be deleted too"
      )
    }
  }

  private func isEmpty(_ totals: Account.Totals) -> Bool {
    options.kind == .dataValues ? totals.read == 0 : keys.hashes.count == 0
  }

  /// Refuses to delete more than allowed of any data set, or all of one without an explicit 100%.
  private func checkAmount(_ stale: StaleLines, _ parts: [Slice], isEmpty: Bool) throws {
    guard stale.staleCount > 0 else { return }
    let would = counted(stale.staleCount, options.kind.noun) + " would be deleted, but "
    guard !isEmpty else { throw Self.refusal(would + "the input is empty") }
    let counts = try stale.staleCounts()
    if case .number(let most) = replace.maxDelete, stale.staleCount > most {
      throw Self.refusal(would + "they are more than --max-delete \(most)")
    }
    for dataSet in parts.map(\.dataSet).unique {
      let places = parts.indices.filter { parts[$0].dataSet == dataSet }
      let (count, held) = (places.reduce(0) { $0 + counts[$1] }, places.reduce(0) { $0 + stale.heldCounts[$1] })
      let ofWhich = "\(counted(count, options.kind.noun)) of data set \(dataSet) would be deleted, but "
      if case .percent = replace.maxDelete, replace.maxDelete.isExceeded(by: count, of: held) {
        throw Self.refusal(ofWhich + "they are more than --max-delete \(replace.maxDelete) of \(held)")
      }
      guard count < held || count == 0 || replace.maxDelete == .percent(100) else {
        throw Self.refusal(
          ofWhich + "they are all that the destination holds of it (--max-delete 100% allows that)")
      }
    }
  }

  private static func refusal(_ reason: String) -> CommandFailure {
    CommandFailure(.malformedInput, "\(reason): nothing is deleted")
  }

  /// The scope of the input, if the input is known to be complete.
  private func scope() throws -> [Slice] {
    if keys.ends.isEmpty, !keys.isWholeFile {
      throw Self.refusal(
        "the input comes through a pipe and has no end line, so that it may have ended early (d2-pull --end-line writes one, when all is out)"
      )
    }
    let wanted: [Slice]
    if let scope = replace.scope, scope.kind == options.kind {
      try checkCover(of: scope)
      wanted = [scope]
    } else if keys.ends.allSatisfy(\.scope.isEmpty) {
      let known = keys.ends.isEmpty ? ", or d2-pull --end-line" : ": the end line of sums does not tell"
      throw CommandFailure(
        .usage, "--replace: say what the input is of: --data-set, --org-unit and --period\(known)")
    } else {
      wanted = keys.ends.flatMap(\.scope).filter { $0.kind == options.kind }
    }
    guard !wanted.isEmpty else {
      throw Self.refusal("the end line is not of \(options.kind.rawValue)")
    }
    return wanted.flatMap(Self.parts)
  }

  /// Checks that the scope of the options lies within the scope of the input, if the input has one.
  private func checkCover(of scope: Slice) throws {
    let told = keys.ends.flatMap(\.scope).filter { $0.kind == options.kind }
    guard !told.isEmpty else { return }
    for period in try scope.periodIDs() {
      for unit in scope.orgUnits {
        let isTold = try told.contains { part in
          guard part.dataSet == scope.dataSet, part.children || !scope.children, part.orgUnits.contains(unit) else {
            return false
          }
          let periods = try part.periodIDs()
          return periods.isEmpty || periods.contains(period)
        }
        guard isTold else {
          throw Self.refusal(
            "the input is not of all that the options name: its end line does not tell of \(scope.dataSet), \(period), \(unit)\(scope.children ? " and what is below it" : "")"
          )
        }
      }
    }
  }

  /// The number of units that fit on a command line.
  private static let mostUnits = 2000

  private static func parts(of slice: Slice) -> [Slice] {
    RequestSize.groups(of: slice.orgUnits, bytesEach: { _ in 1 }, limit: mostUnits).map { units in
      var part = slice
      part.orgUnits = units
      return part
    }
  }

  /// Returns whether the destination knows all objects of the scope.
  private func read(_ part: Slice, _ number: Int, into stale: inout StaleLines) throws -> Bool {
    let pull = try PullProcess(
      .destination, replace.pull(part, pair: options.pair), environment: replace.environment,
      consequence: "nothing is deleted")
    try stale.read(pull.output, part: number)
    return try pull.finish()
  }
}
