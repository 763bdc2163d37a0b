import D2Client
import D2Common
import D2Store

/// Reads the source's data sets, reports the changes, and stores them in one transaction.
struct DataSetSync {
  let store: Store
  let pair: Pair
  let client: DHIS2Client
  let log: Log
  private var table: DataSetTable { DataSetTable(store, pair) }

  private static let chosenKey = "datasets_chosen"
  /// A user with fewer rights, or a wrong server, looks as if data sets were removed. Above this share, the user must
  /// confirm it.
  private static let mostRemoved = 0.5
  private static let fewSets = 2

  /// - Parameter only: which of the new data sets to add, by uid, code or name; empty for all.
  /// - Throws: `ServerError`, `StoreError`, `CommandFailure`. Once some data sets were chosen, only these are synced,
  ///   until `all`.
  func run(only: [String], all: Bool, force: Bool) throws -> ExitStatus {
    let objects = try MetadataPages("dataSets", fields: "id,code,name,periodType,openFuturePeriods", client).all()
    let found = objects.compactMap { dataSet($0) }
    guard !objects.isEmpty else {
      log.error("\(client.server) shows no data set to this user: nothing was written")
      return .incomplete
    }
    let shown = Set(found.map(\.uid))
    let active = try table.all().filter(\.isActive)
    let gone = active.filter { !shown.contains($0.uid) }.count
    if gone > Self.fewSets, Double(gone) > Double(active.count) * Self.mostRemoved, !force {
      log.error(
        "\(client.server) shows \(counted(found.count, "data set")), but lacks \(gone) of the \(active.count) active ones: may this user see less? Nothing was written; --force takes it over"
      )
      return .incomplete
    }
    let isChosen = only.isEmpty && !all && pair.source.text(Self.chosenKey) == "true"
    let wanted =
      only.isEmpty ? (isChosen ? [] : nil) : Set(try NameSelection(found, kind: "data set").find(only).map(\.uid))
    let unusable = objects.filter { object in !found.contains { $0.uid == object["id"]?.string } }
    for object in unusable where wanted == nil {
      log.error(
        "data set \(object["id"]?.string ?? "?") has the period type \(object["periodType"]?.text ?? "none"), which has no ids: left out"
      )
    }
    let (lines, written) = try table.transaction {
      let outcome = try write(found, wanted)
      try store.markSynced("datasets_synced", pair)
      if all || !only.isEmpty { try store.remember([Self.chosenKey: only.isEmpty ? nil : "true"], pair) }
      return outcome
    }
    // Nothing is changed before the commit.
    let output = LineOutput.standardOutput()
    for line in lines { try output.line(line.ofDryRun(store.isDryRun).text) }
    try output.flush()
    let changes = lines.isEmpty ? "no change" : counted(lines.count, "change")
    log.info("\(counted(found.count, "data set")) at \(client.server): \(changes); \(counted(written, "row")) written")
    return unusable.isEmpty || wanted != nil ? .success : .incomplete
  }

  /// Writes the source's data sets.
  ///
  /// - Parameter wanted: which of the new data sets to add; `nil` for all.
  /// - Returns: a line for each change, and the number of written rows.
  private func write(_ found: [DataSet], _ wanted: Set<String>?) throws -> (lines: [JSONValue], written: Int) {
    var lines: [JSONValue] = []
    var written = 0
    var known = Dictionary(try table.all().map { ($0.uid, $0) }, uniquingKeysWith: { $1 })
    for set in found where known[set.uid] != nil || wanted?.contains(set.uid) ?? true {
      let (merged, changes) = merged(set, known.removeValue(forKey: set.uid))
      lines += changes
      if try table.write(merged) { written += 1 }
    }
    for var set in known.values.sorted(by: { $0.uid < $1.uid }) where set.isActive {
      set.isActive = false
      set.isRemoved = true
      lines.append(["change": "removed", "id": .string(set.uid), "name": .string(set.name)])
      if try table.write(set) { written += 1 }
    }
    return (lines, written)
  }

  /// A data set of the source; `nil` if its periods have no ids.
  private func dataSet(_ object: JSONValue) -> DataSet? {
    // A string, or an object in answers for some clients.
    let type = object["periodType"]?.string ?? object["periodType"]?["name"]?.string
    guard let uid = object["id"]?.string, UID.canBe(uid), let type, PeriodType(rawValue: type) != nil else {
      return nil
    }
    return DataSet(
      uid: uid, name: object["name"]?.string ?? uid, code: object["code"]?.string, periodType: type,
      openFuturePeriods: object["openFuturePeriods"]?.int ?? 0)
  }

  /// The data set to write, and a line for each change.
  private func merged(_ set: DataSet, _ before: DataSet?) -> (DataSet, [JSONValue]) {
    func line(_ change: String, _ previous: JSONValue.Member...) -> JSONValue {
      .object(
        [
          .init("change", .string(change)), .init("id", .string(set.uid)), .init("name", .string(set.name)),
          .init("periodType", .string(orNull: set.periodType)),
        ] + previous)
    }
    guard var merged = before else { return (set, [line("added")]) }
    var lines: [JSONValue] = []
    if merged.isRemoved {
      merged.isRemoved = false
      merged.isActive = true
      lines.append(line("returned"))
    }
    if merged.name != set.name { lines.append(line("renamed", .init("previousName", .string(merged.name)))) }
    if merged.periodType != set.periodType {
      lines.append(line("periodTypeChanged", .init("previousPeriodType", .string(orNull: merged.periodType))))
    }
    if merged.code != set.code || merged.openFuturePeriods != set.openFuturePeriods { lines.append(line("changed")) }
    merged.name = set.name
    merged.code = set.code
    merged.periodType = set.periodType
    merged.openFuturePeriods = set.openFuturePeriods
    return (merged, lines)
  }
}
