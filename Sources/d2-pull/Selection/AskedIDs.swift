import D2Client
import D2Common

/// Finds what a server would silently omit: ids that it does not know, periods that it cannot read.
struct AskedIDs {
  let client: DHIS2Client
  let log: Log
  /// Data sets to look up together with the requested ones.
  var siblings: [String] = []
  /// What was requested but does not exist, by option.
  private(set) var unknown: [(option: String, ids: [String])] = []
  /// Whether the server did not answer for some ids.
  private(set) var isUnsure = false
  private(set) var elementsOfFiles: Set<String> = []

  /// Looks up the ids of selections, each kind once, and removes the unknown ones.
  ///
  /// - Throws: `CommandFailure`, 64, if nothing is left to request.
  mutating func check(_ selections: inout [PullOptions]) throws {
    try take(PullOptions.dataSets, "dataSets", \.dataSets, &selections)
    try take(PullOptions.dataElements, "dataElements", \.dataElements, &selections)
    tellOfFiles()
    try take(PullOptions.dataElementGroups, "dataElementGroups", \.dataElementGroups, &selections)
    let paths = try take(PullOptions.orgUnits, "organisationUnits", \.orgUnits, &selections)
    try take(PullOptions.orgUnitGroups, "organisationUnitGroups", \.orgUnitGroups, &selections)
    let asksForCombos = selections.contains { !$0.attributeOptionCombos.isEmpty }
    try take(PullOptions.attributeOptionCombos, "categoryOptionCombos", \.attributeOptionCombos, &selections)
    if asksForCombos, selections.allSatisfy(\.attributeOptionCombos.isEmpty) {
      // Without this filter, the query would bring the values of all combos.
      throw CommandFailure(.usage, "none of the attribute option combos is known to \(client.server)")
    }
    let malformed = selections.flatMap(\.periods).filter { !PeriodID.isPlausible($0) }.unique
    report(CalendarOptions.period, malformed, "not a period id")
    for place in selections.indices {
      selections[place].periods.removeAll { malformed.contains($0) }
      if selections[place].children {
        selections[place].orgUnits = Self.withoutNested(selections[place].orgUnits, paths)
      }
    }
    selections.removeAll { selection in
      selection.dataSets.isEmpty && selection.dataElements.isEmpty && selection.dataElementGroups.isEmpty
        || selection.orgUnits.isEmpty && selection.orgUnitGroups.isEmpty
        || selection.periods.isEmpty && selection.dates == nil && !selection.isIncrement
    }
    guard !selections.isEmpty else { throw CommandFailure(.usage, "nothing is left to ask \(client.server) for") }
  }

  @discardableResult
  private mutating func take(
    _ option: any AnyOption, _ plural: String, _ ids: WritableKeyPath<PullOptions, [String]>,
    _ selections: inout [PullOptions]
  ) throws -> [String: String] {
    let asked = selections.flatMap { $0[keyPath: ids] }.unique
    guard !asked.isEmpty else { return [:] }
    let known: KnownIDs
    let besides = plural == "dataSets" && asked.allSatisfy(siblings.contains) ? siblings : asked
    do { known = try KnownIDs(besides, of: asked, in: plural, client, lookingForFiles: true) } catch let error
      as ServerError
    {
      guard error.leavesDataInReach else { throw error }
      log.warning("cannot look up the ids of \(option.name): \(error); d2-pull continues without that check")
      isUnsure = true
      return [:]
    }
    elementsOfFiles.formUnion(known.elementsOfFiles)
    let missing = Set(asked).subtracting(known.ids)
    try reportUnknown(option, plural, asked.filter(missing.contains))
    if !missing.isEmpty {
      for place in selections.indices { selections[place][keyPath: ids].removeAll { missing.contains($0) } }
    }
    return known.paths
  }

  /// Reports the ids that the server does not know, with suggestions.
  mutating func reportUnknown(_ option: any AnyOption, _ plural: String, _ missing: [String]) throws {
    let named = try nameUIDs(option, plural, missing)
    report(
      option, missing.filter { !named.contains($0) }, "unknown to \(client.server), or not readable for this user")
  }

  /// Records objects whose values will be missing for a reason other than an unknown id.
  mutating func noteMissing(_ noun: String, _ names: [String], _ message: String) {
    unknown.append((noun, names))
    log.error(message)
  }

  /// Warns about these elements, because their values are references to files of the source.
  private func tellOfFiles() {
    guard !elementsOfFiles.isEmpty else { return }
    let some = Enumeration.few(elementsOfFiles.sorted(), log)
    log.warning(
      "data elements that hold files or pictures: \(some). The files do not travel with the values, and d2-push refuses such values"
    )
  }

  /// Suggests the uids for codes and names. It does not use them, because a name's object may change, and a pipeline
  /// must not change with it.
  ///
  /// - Returns: the texts that are a code or a name.
  private mutating func nameUIDs(
    _ option: any AnyOption, _ plural: String, _ missing: [String]
  ) throws -> Set<String> {
    let found = try CodeLookup.find(missing, in: plural, client)
    for text in found {
      let reason =
        text.uids.count == 1
        ? "\(option.name) takes uids: the one with this \(text.property) at \(client.server) is \(text.uids[0])"
        : "\(option.name) takes uids: \(text.uids.count) at \(client.server) have this \(text.property), \(text.uids[0]) among them"
      report(option, [text.text], reason)
    }
    return Set(found.map(\.text))
  }

  mutating func report(_ option: any AnyOption, _ ids: [String], _ reason: String) {
    guard !ids.isEmpty else { return }
    unknown.append((option.name, ids))
    let count = ids.count > 1 ? "\(counted(ids.count, "id")): " : ""
    log.error("\(option.name) \(count)\(Enumeration.few(ids, log)): \(reason)")
  }

  /// The units without those below another requested unit, because separate requests would bring their values twice.
  static func withoutNested(_ units: [String], _ paths: [String: String]) -> [String] {
    let asked = Set(units)
    return units.filter { unit in
      let ancestors = (paths[unit] ?? "").split(separator: "/").dropLast()
      return !ancestors.contains { asked.contains(String($0)) }
    }
  }
}
