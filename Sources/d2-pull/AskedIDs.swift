import D2Common

/// Finds what a server would leave out without a word: ids that it does not know, periods that it cannot read.
struct AskedIDs {
  /// What was asked for and is not there, by option.
  private(set) var unknown: [(option: String, ids: [String])] = []

  /// Looks the ids of a selection up and takes the unknown ones out of it.
  ///
  /// - Throws: `CommandFailure`, 64, where nothing is left to ask for.
  mutating func check(_ options: inout PullOptions, _ client: DHIS2Client, _ log: Log) throws {
    try take("--data-set", "dataSets", &options.dataSets, client, log)
    try take("--data-element", "dataElements", &options.dataElements, client, log)
    try take("--data-element-group", "dataElementGroups", &options.dataElementGroups, client, log)
    let paths = try take("--org-unit", "organisationUnits", &options.orgUnits, client, log)
    try take("--org-unit-group", "organisationUnitGroups", &options.orgUnitGroups, client, log)
    let asksForCombos = !options.attributeOptionCombos.isEmpty
    try take("--attribute-option-combo", "categoryOptionCombos", &options.attributeOptionCombos, client, log)
    if asksForCombos, options.attributeOptionCombos.isEmpty {
      // Without its filter the query would bring the values of all combos.
      throw CommandFailure(.usage, "none of the attribute option combos is known to \(client.server)")
    }
    let malformed = options.periods.filter { !PeriodID.isPlausible($0) }
    report("--period", malformed, "not a period id", log)
    options.periods.removeAll { malformed.contains($0) }
    if options.children { options.orgUnits = Self.withoutNested(options.orgUnits, paths) }
    guard !options.dataSets.isEmpty || !options.dataElements.isEmpty || !options.dataElementGroups.isEmpty,
      !options.orgUnits.isEmpty || !options.orgUnitGroups.isEmpty,
      !options.periods.isEmpty || options.dates != nil || options.isIncrement
    else { throw CommandFailure(.usage, "nothing is left to ask \(client.server) for") }
  }

  @discardableResult
  private mutating func take(
    _ option: String, _ plural: String, _ ids: inout [String], _ client: DHIS2Client, _ log: Log
  ) throws -> [String: String] {
    guard !ids.isEmpty else { return [:] }
    let known: KnownIDs
    do { known = try KnownIDs(ids, in: plural, client) } catch let error as ServerError {
      guard Self.canGoOn(after: error) else { throw error }
      log.warning("cannot look up the ids of \(option): \(error); going on without")
      return [:]
    }
    let missing = ids.filter { !known.ids.contains($0) }
    report(option, missing, "unknown to \(client.server), or not readable for this user", log)
    ids.removeAll { missing.contains($0) }
    return known.paths
  }

  /// A server that answers nothing useful about metadata may still have the data; one that cannot be reached or refuses the
  /// credentials will not.
  private static func canGoOn(after error: ServerError) -> Bool {
    switch error.kind {
    case .status(401), .loginPage, .unreachable, .tls, .setup, .redirect, .timedOut, .broken: false
    case .status(400): error.exitStatus != .refused
    default: true
    }
  }

  private mutating func report(_ option: String, _ ids: [String], _ reason: String, _ log: Log) {
    guard !ids.isEmpty else { return }
    unknown.append((option, ids))
    log.error("\(option) \(ids.joined(separator: ",")): \(reason)")
  }

  /// Without the units that lie below another asked-for one: in separate requests their values would come twice.
  private static func withoutNested(_ units: [String], _ paths: [String: String]) -> [String] {
    units.filter { unit in
      let ancestors = (paths[unit] ?? "").split(separator: "/").dropLast()
      return !ancestors.contains { units.contains(String($0)) }
    }
  }
}
