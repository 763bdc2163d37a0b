import D2Client
import D2Common

/// Brings one batch to an end: every value is accepted, refused with the server's reason, or not sent.
///
/// Where the server does not say which values it refuses, they are found: by the ids in its text, then by posting halves. Imports are
/// idempotent, so that posting a value again does no harm.
struct Settlement {
  private let batch: Batch
  private let importer: Importer
  private let server: DestinationTraits
  private let options: PushOptions
  private let sizer: BatchSizer
  private let directory: DataSetDirectory
  private let memory: GuiltyMemory
  private let unitDates: OrgUnitDates
  private let foresight: Foresight?
  private let scratch = DataValueLine.Scratch()
  private var outcome = BatchOutcome()
  private var isSettled: [Bool]
  private var work: [Work] = []
  private var ids: [Int: ValueIDs] = [:]
  /// Values that failed alone, one after the other, with nothing accepted between them.
  private var failedAlone = 0

  /// So many values in a row that a server fails over one by one are no poison: the server is broken.
  private static let mostFailedAlone = 50
  /// A server that failed is left in peace for a moment; the import may still be running.
  private static let pauseSeconds = 1.0

  init(
    _ batch: Batch, _ importer: Importer, _ server: DestinationTraits, _ options: PushOptions, _ sizer: BatchSizer,
    _ directory: DataSetDirectory, _ memory: GuiltyMemory, _ unitDates: OrgUnitDates, _ foresight: Foresight?
  ) {
    self.batch = batch
    self.importer = importer
    self.server = server
    self.options = options
    self.sizer = sizer
    self.directory = directory
    self.memory = memory
    self.unitDates = unitDates
    self.foresight = foresight
    isSettled = Array(repeating: false, count: batch.values.count)
  }

  /// Posts the batch until each value is settled.
  ///
  /// - Returns: the outcome, and what ended it early; then the values that are not settled are not sent.
  mutating func run() -> (outcome: BatchOutcome, failure: (any Error)?) {
    do {
      for (dataSet, values) in groups() {
        let shut = foreseenShut(values)
        let (suspects, others) = partition(shut.isEmpty ? values : values.filter { shut[$0] == nil }, dataSet)
        if !others.isEmpty { try settle(others, dataSet) }
        if !suspects.isEmpty { try settle(suspects, dataSet) }
        try settleShut(shut, dataSet)
      }
      countFates()
      return (outcome, nil)
    } catch {
      outcome.notSent = Set(isSettled.indices.filter { !isSettled[$0] })
      let message = (error as? ServerError)?.message ?? "\(error)"
      outcome.notSentReason = Refusal(code: (error as? ServerError)?.code, message: "not sent: \(message)")
      countFates()
      return (outcome, error)
    }
  }

  private mutating func countFates() {
    guard options.importStrategy != "DELETE" else { return }
    let batch = batch
    let scratch = scratch
    outcome.countFates(of: batch, accepted: isSettled) {
      batch.values.count { value in
        DataValueLine.reading(batch.bytes(of: value), scratch) { $0.isTrue(.deleted) } ?? false
      }
    }
  }

  // MARK: What is foreseen

  /// The values by data set, where they do not say it themselves and their elements leave no doubt.
  private mutating func groups() -> [(dataSet: String?, values: [Int])] {
    let all = Array(batch.values.indices)
    guard let foresight, batch.dataSet == nil, options.dataSet == nil else { return [(batch.dataSet, all)] }
    var groups: [String?: [Int]] = [:]
    for index in all { groups[foresight.dataSet(of: idsOfValue(index).dataElement), default: []].append(index) }
    return groups.sorted { ($0.key ?? "") < ($1.key ?? "") }.map { ($0.key, $0.value) }
  }

  /// Values like those that were refused before, or whose unit the data set is not assigned to, are sent apart.
  private mutating func partition(_ values: [Int], _ dataSet: String?) -> (suspects: [Int], others: [Int]) {
    guard server.failsWholeGroups, foresight != nil || !memory.isEmpty else { return ([], values) }
    let named = dataSet ?? options.dataSet
    let suspects = values.filter { index in
      let ids = idsOfValue(index)
      if memory.knows(ids, dataSet) { return true }
      return named.map { foresight?.isUnassigned(ids.orgUnit, to: $0) ?? false } ?? false
    }
    guard !suspects.isEmpty else { return ([], values) }
    let guilty = Set(suspects)
    return (suspects, values.filter { !guilty.contains($0) })
  }

  /// Values outside the dates of their unit, with the unit.
  private mutating func foreseenShut(_ values: [Int]) -> [Int: String] {
    guard let foresight else { return [:] }
    let dates = foresight.dates(of: Set(values.map { idsOfValue($0).orgUnit }))
    var shut: [Int: String] = [:]
    for index in values {
      let ids = idsOfValue(index)
      if dates[ids.orgUnit]?.isShut(in: ids.period) ?? false { shut[index] = ids.orgUnit }
    }
    return shut
  }

  /// Posted unit by unit, until the server has proven often enough that it refuses them.
  private mutating func settleShut(_ shut: [Int: String], _ dataSet: String?) throws {
    guard let foresight, !shut.isEmpty else { return }
    let units = Dictionary(grouping: shut.keys.sorted(), by: { shut[$0]! }).sorted { $0.key < $1.key }
    for (unit, values) in units {
      if foresight.isProven {
        let dates = foresight.dates(of: [unit])[unit]
        let span = "\(dates?.opening ?? "…") to \(dates?.closing ?? "…")"
        for index in values {
          refuse(
            [index],
            Refusal(
              code: "E8031",
              message:
                "org unit \(unit) is open from \(span) at the destination, not all of \(idsOfValue(index).period): not posted"
            ))
        }
        continue
      }
      try settle(values, dataSet)
      foresight.learn(wasRefused: values.allSatisfy { outcome.refused[$0]?.code == "E8031" })
    }
  }

  // MARK: Posting

  /// How a part came to be posted.
  private struct History {
    /// The server failed (500) over a part that holds this one, twice.
    var hasFailed = false
    /// Requests in a row that were too slow.
    var tooSlow = 0
    /// Posted again because the counts did not add up.
    var isRecount = false
    /// Group failures in a row, of what was left of this part.
    var groupFailures = 0
  }

  /// Some values to be posted together.
  private struct Work {
    var part: [Int]
    var dataSet: String?
    var history = History()
  }

  /// Posts values, and what comes of them, until each is settled. A list, not recursion: a batch may take thousands of requests.
  private mutating func settle(_ part: [Int], _ dataSet: String?) throws {
    let base = work.count
    work.append(Work(part: part, dataSet: dataSet))
    while work.count > base { try post(work.removeLast()) }
  }

  private mutating func later(_ part: [Int], _ dataSet: String?, _ history: History) {
    if !part.isEmpty { work.append(Work(part: part, dataSet: dataSet, history: history)) }
  }

  /// The first half is posted first.
  private mutating func halvesLater(_ part: [Int], _ dataSet: String?, _ history: History) {
    let middle = part.count / 2
    later(Array(part[middle...]), dataSet, history)
    later(Array(part[..<middle]), dataSet, history)
  }

  private mutating func post(_ next: Work) throws {
    let (part, dataSet, history) = (next.part, next.dataSet, next.history)
    let body = batch.body(
      of: part, header: server.header(dataSet: dataSet, kind: options.kind), rewrite: server.respells)
    outcome.attempts += 1
    switch try importer.post(body, canBeHalved: part.count > 1, deletes: batch.dataSet == Batch.deletedRegistrations) {
    case .summary(let summary, let status):
      outcome.status = summary.status
      outcome.httpStatus = status
      if server.failsWholeGroups, options.kind == .dataValues {
        try settleByGroup(summary, status, part, dataSet, history)
      } else {
        try settleByValue(summary, status, part, dataSet, history)
      }
    case .tooLarge(let error):
      outcome.httpStatus = 413
      sizer.tooMuch(part.count)
      if part.count == 1 { return refuse(part, error) }
      halvesLater(part, dataSet, history)
    case .tooSlow(let error):
      sizer.tooMuch(part.count)
      var history = history
      history.tooSlow += 1
      guard history.tooSlow <= importer.client.retry.retries else { throw error }
      importer.client.log.warning("\(error); trying again with half of the \(counted(part.count, "value"))")
      guard pause(seconds: Self.pauseSeconds * Double(history.tooSlow)) else { throw Signals.failure }
      halvesLater(part, dataSet, history)
    case .failed(let error):
      try settleFailure(error, part, dataSet, history)
    }
  }

  /// A 500 may have stored some, or have been a passing failure: the same again first, then halves.
  private mutating func settleFailure(_ error: ServerError, _ part: [Int], _ dataSet: String?, _ history: History)
    throws
  {
    if case .status(let status) = error.kind { outcome.httpStatus = status }
    var history = history
    if !history.hasFailed {
      history.hasFailed = true
      if outcome.httpStatus >= 500, !batch.isDoubtful {
        guard pause(seconds: Self.pauseSeconds) else { throw Signals.failure }
        return later(part, dataSet, history)
      }
    }
    guard part.count == 1 else { return halvesLater(part, dataSet, history) }
    failedAlone += 1
    // Doubtful values are expected to fail, each of them.
    guard failedAlone <= Self.mostFailedAlone || batch.isDoubtful else { throw error }
    refuse(part, error)
  }

  // MARK: Servers up to 2.42, and registrations: value by value

  private mutating func settleByValue(
    _ summary: ImportSummary, _ status: Int, _ part: [Int], _ dataSet: String?, _ history: History
  ) throws {
    let hasFailed = summary.description?.hasPrefix("The import process failed") ?? false
    if summary.accepted == 0, hasFailed || (summary.isError && summary.ignored == 0) {
      return try settleAbort(summary, status, part, dataSet, history)
    }
    guard summary.hasCounts || !summary.conflicts.isEmpty else {
      throw ServerError(importer.client.server, options.kind.path, .notDHIS2, "the import summary holds no counts")
    }
    outcome.count(summary, of: batch)
    // A server that reports on values lives.
    if summary.accepted + summary.ignored > summary.conflicts.count { failedAlone = 0 }
    var refused = refusedByIndex(summary, status, part)
    if !refused.isEmpty, part.count > 1, !positionsFit(summary, part) { return halvesLater(part, dataSet, history) }
    let vague = summary.conflicts.filter { conflict in !conflict.indexes.contains { part.indices.contains($0) } }
    if !vague.isEmpty {
      guard let found = refusedByText(vague, status, part, refused, ignored: summary.ignored) else {
        refuse(refused)
        // What was taken is stored now; the halves tell which were not.
        return halvesLater(part.filter { refused[$0] == nil }, dataSet, history)
      }
      refused.merge(found) { first, _ in first }
    }
    refuse(refused)
    let rest = part.filter { refused[$0] == nil }
    let uncounted = part.count - summary.accepted - summary.ignored
    if uncounted > part.count(where: mayBeUncounted), !history.isRecount, !rest.isEmpty {
      // Lost from all counts: the second of two spellings of one key. Posted again, the first of them is updated.
      var history = history
      history.isRecount = true
      return later(rest, dataSet, history)
    }
    markSettled(rest)
  }

  /// Whether the summary is about just the values that were posted. Where the server's reader lost its place over a value, the counts are of
  /// more or fewer, and its positions are those of their neighbours (`dhis2-api.md`, trap 26).
  private func positionsFit(_ summary: ImportSummary, _ part: [Int]) -> Bool {
    let places = summary.conflicts.flatMap(\.indexes) + summary.rejectedIndexes
    guard places.allSatisfy(part.indices.contains) else { return false }
    let counted = summary.accepted + summary.ignored
    guard counted < part.count else { return counted == part.count }
    return counted + part.count(where: mayBeUncounted) >= part.count
  }

  /// Zeros that are not significant are in no count.
  private func mayBeUncounted(_ index: Int) -> Bool {
    [.droppedZero, .doubtfulZero].contains(batch.values[index].fate)
  }

  /// Nothing was stored: the whole set was refused, or the import broke down over one of its values.
  private mutating func settleAbort(
    _ summary: ImportSummary, _ status: Int, _ part: [Int], _ dataSet: String?, _ history: History
  ) throws {
    if let conflict = summary.conflicts.first(where: { Self.setLevelCodes.contains($0.code ?? "") }) {
      return refuse(part, Refusal(code: conflict.code, message: conflict.message, httpStatus: status))
    }
    let message = summary.description ?? summary.conflicts.first?.message ?? "the import failed without a reason"
    let conflict = summary.conflicts.first ?? ImportSummary.Conflict(message: message)
    let guilty = part.filter { ConflictMatcher(conflict).names(idsOfValue($0)) == true }
    let reason = Refusal(code: conflict.code, message: conflict.message, httpStatus: status)
    if part.count == 1 {
      failedAlone += 1
      guard failedAlone <= Self.mostFailedAlone else {
        throw ServerError(importer.client.server, options.kind.path, .status(500), message)
      }
      return refuse(part, reason)
    }
    if options.kind == .registrations, !guilty.isEmpty, guilty.count < part.count {
      refuse(guilty, reason)
      let names = Set(guilty)
      return later(part.filter { !names.contains($0) }, dataSet, history)
    }
    halvesLater(part, dataSet, history)
  }

  /// Data set or outer ids of the whole set (`dhis2-api.md` 2.5).
  private static let setLevelCodes: Set<String> = ["E7600", "E7601", "E7603", "E7604"]

  private func refusedByIndex(_ summary: ImportSummary, _ status: Int, _ part: [Int]) -> [Int: Refusal] {
    var refused: [Int: Refusal] = [:]
    for conflict in summary.conflicts {
      let reason = Refusal(code: conflict.code, message: conflict.message, httpStatus: status)
      for index in conflict.indexes where part.indices.contains(index) && refused[part[index]] == nil {
        refused[part[index]] = reason
      }
    }
    return refused
  }

  /// The values that conflicts without positions name, where that is certain: an id that is not there is at fault in all values that have it,
  /// and they are as many as the server ignored. `nil` where it is not.
  private mutating func refusedByText(
    _ conflicts: [ImportSummary.Conflict], _ status: Int, _ part: [Int], _ known: [Int: Refusal], ignored: Int
  ) -> [Int: Refusal]? {
    var found: [Int: Refusal] = [:]
    for conflict in conflicts {
      let reason = Refusal(code: conflict.code, message: conflict.message, httpStatus: status)
      if part.count == 1 { return [part[0]: reason] }
      let matcher = ConflictMatcher(conflict)
      guard matcher.isAboutID else { return nil }
      for index in part where known[index] == nil && found[index] == nil && matcher.names(idsOfValue(index)) == true {
        found[index] = reason
      }
    }
    return found.count == ignored - known.count ? found : nil
  }

  // MARK: Servers from 2.43 on: group by group

  private mutating func settleByGroup(
    _ summary: ImportSummary, _ status: Int, _ part: [Int], _ dataSet: String?, _ history: History
  ) throws {
    let ofGroups = summary.conflicts.filter { !Self.valueLevelCodes.contains($0.code ?? "") }
    if !ofGroups.isEmpty { return try settleGroupFailure(ofGroups, summary, status, part, dataSet, history) }
    let refused = refusedByIndex(summary, status, part)
    refuse(refused)
    let rest = part.filter { refused[$0] == nil }
    guard summary.accepted < rest.count else {
      outcome.count(summary, of: batch)
      failedAlone = 0
      return markSettled(rest)
    }
    // An upsert never ignores: what is ignored without a conflict was refused by the database, and nothing of the request is stored.
    if rest.count == 1 {
      let message = "the server's database refused the value; the server says \(summary.status) and gives no reason"
      return refuse(rest, Refusal(message: message, httpStatus: status))
    }
    halvesLater(rest, dataSet, history)
  }

  /// Codes of conflicts that are about single values; the others are not stored because of them (`dhis2-api.md` 2.5).
  private static let valueLevelCodes: Set<String> = ["E8120", "E8121", "E8122", "E8123", "E8124", "E8125"]

  /// Groups, or the whole request, were refused. What the messages name is taken out and the rest posted; where they name nothing, halves.
  private mutating func settleGroupFailure(
    _ conflicts: [ImportSummary.Conflict], _ summary: ImportSummary, _ status: Int, _ part: [Int], _ dataSet: String?,
    _ history: History
  ) throws {
    if let conflict = conflicts.first(where: { $0.code == "E8002" || $0.code == "E8003" }), dataSet == nil,
      options.dataSet == nil
    {
      return try settleByDataSet(part, Refusal(code: conflict.code, message: conflict.message, httpStatus: status))
    }
    var failed = part
    if summary.accepted > 0 {
      // Other groups of the request were stored.
      let places = Set(conflicts.flatMap(\.indexes)).filter { part.indices.contains($0) }
      failed = places.sorted().map { part[$0] }
      let byValue = refusedByIndex(summary, status, part).filter { Self.valueLevelCodes.contains($0.value.code ?? "") }
      refuse(byValue)
      let open = Set(failed).union(byValue.keys)
      failed.removeAll { byValue[$0] != nil }
      let others = part.filter { !open.contains($0) }
      if summary.accepted >= others.count {
        outcome.count(summary, of: batch)
        markSettled(others)
      } else {
        // Some of another group were not stored, without a word.
        later(others, dataSet, history)
      }
    }
    var refused: [Int: Refusal] = [:]
    for conflict in conflicts {
      let matcher = ConflictMatcher(conflict)
      let reason = Refusal(code: conflict.code, message: conflict.message, httpStatus: status)
      for index in failed where refused[index] == nil {
        let ids = idsOfValue(index)
        guard failed.count == 1 || matcher.names(ids) == true else { continue }
        refused[index] = reason
        if let code = conflict.code { memory.remember(code, ids, dataSet) }
      }
    }
    refuse(refused)
    let rest = failed.filter { refused[$0] == nil }
    var history = history
    history.groupFailures += 1
    if refused.isEmpty { return halvesLater(rest, dataSet, history) }
    let shut = conflicts.contains { $0.code == "E8031" } ? shutUnits(rest) : [:]
    if shut.isEmpty, history.groupFailures >= Self.patienceWithGroups { return halvesLater(rest, dataSet, history) }
    // The server names one unit at a time: each that looks shut is posted alone, so that the others arrive in one request.
    for (_, values) in shut.sorted(by: { $0.key < $1.key }) { later(values, dataSet, history) }
    let apart = Set(shut.values.joined())
    later(rest.filter { !apart.contains($0) }, dataSet, history)
  }

  /// A message names all that is at fault in one way; there are about ten ways. More failures than that are found faster by halves.
  private static let patienceWithGroups = 12

  /// Values that look as if they fell outside the dates of their unit, by unit. The server decides about them all the same.
  private mutating func shutUnits(_ part: [Int]) -> [String: [Int]] {
    let units = Set(part.map { idsOfValue($0).orgUnit })
    let dates = unitDates.dates(of: units)
    var shut: [String: [Int]] = [:]
    for index in part {
      let ids = idsOfValue(index)
      if let dates = dates[ids.orgUnit], dates.isShut(in: ids.period) {
        shut[ids.orgUnit, default: []].append(index)
      }
    }
    return shut
  }

  /// The server will not guess the data set: each value is sent for one that holds its element; where that one will not have it, for the next.
  private mutating func settleByDataSet(_ part: [Int], _ reason: Refusal) throws {
    var waiting = part
    var round = 0
    while !waiting.isEmpty {
      var groups: [String: [Int]] = [:]
      for index in waiting {
        let sets = try dataSets(of: index)
        if round < sets.count {
          groups[sets[round], default: []].append(index)
        } else if outcome.refused[index] == nil {
          refuse([index], reason)
        }
      }
      var again: [Int] = []
      for (dataSet, group) in groups.sorted(by: { $0.key < $1.key }) {
        let before = outcome.refused
        for index in group {
          outcome.refused[index] = nil
          isSettled[index] = false
        }
        try settle(group, dataSet)
        for index in group where outcome.refused[index].map({ !Self.valueLevelCodes.contains($0.code ?? "") }) ?? false
        {
          // The first refusal is kept: it is of the set that comes first.
          if let first = before[index] { outcome.refused[index] = first }
          if round + 1 < (try dataSets(of: index)).count { again.append(index) }
        }
      }
      waiting = again
      round += 1
    }
  }

  /// The data sets that a value may be entered for; none where the user may not look.
  private mutating func dataSets(of index: Int) throws -> [String] {
    do { return try directory.dataSets(of: idsOfValue(index).dataElement) } catch let error as ServerError
      where !error.isRetryable
    {
      importer.client.log.debug("\(error)")
      return []
    }
  }

  // MARK: Settling

  private mutating func refuse(_ refused: [Int: Refusal]) {
    for (index, refusal) in refused {
      outcome.refuse(index, refusal, of: batch)
      isSettled[index] = true
    }
  }

  private mutating func refuse(_ part: [Int], _ refusal: Refusal) {
    refuse(Dictionary(uniqueKeysWithValues: part.map { ($0, refusal) }))
  }

  private mutating func refuse(_ part: [Int], _ error: ServerError) {
    refuse(part, Refusal(code: error.code, message: error.message, httpStatus: outcome.httpStatus))
  }

  private mutating func markSettled(_ part: [Int]) {
    for index in part { isSettled[index] = true }
  }

  private mutating func idsOfValue(_ index: Int) -> ValueIDs {
    if let known = ids[index] { return known }
    let read = ValueIDs(
      batch.bytes(of: batch.values[index]), defaultCombo: String(decoding: server.defaultCombo, as: UTF8.self), scratch)
    ids[index] = read
    return read
  }
}
