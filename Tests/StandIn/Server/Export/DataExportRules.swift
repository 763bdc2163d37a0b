import D2Common

/// The rules of exports from 2.43 on. Malformed ids are refused, and unknown ones match nothing. The first failed check
/// counts. Keys with the same value everywhere are at the top.
struct DataExportRules {
  let rules: ExportRules

  private var metadata: Metadata { rules.metadata }
  private var request: Request { rules.request }

  func query(_ store: inout ValueStore) throws(ExportRefusal) -> ExportQuery {
    var query = try rules.common()
    let setIds = try ids("dataSet", rules.inputScheme("DataSet"))
    let elementIds = try ids("dataElement", rules.inputScheme("DataElement"))
    let groupIds = try ids("dataElementGroup", rules.inputScheme("DataElementGroup"))
    let unitIds = try ids("orgUnit", rules.inputScheme("OrgUnit"))
    let unitGroupIds = try ids("orgUnitGroup", rules.inputScheme("OrgUnit"))
    let comboIds = try ids("attributeOptionCombo", .uid)
    var periods: [Period] = []
    for id in request.list("period") {
      guard let period = PeriodParser.parse(id, rules.version) else { throw .malformed(PeriodParser.complaint(id)) }
      if !periods.contains(period) { periods.append(period) }
    }
    let hasDates = query.start != nil && query.end != nil
    func refuse(_ complaint: (String, String), when failed: Bool) throws(ExportRefusal) {
      if failed { throw .conflict(code: complaint.0, text: complaint.1) }
    }
    try refuse(ExportComplaint.noData, when: setIds.isEmpty && elementIds.isEmpty && groupIds.isEmpty)
    // 2.43.1 does not accept lastUpdated instead of periods, whatever its message says.
    try refuse(ExportComplaint.noPeriod, when: periods.isEmpty && !hasDates)
    try refuse(ExportComplaint.both, when: !periods.isEmpty && hasDates)
    try refuse(ExportComplaint.dates, when: hasDates && query.start! > query.end!)
    try refuse(ExportComplaint.duration, when: rules.durationIsMalformed)
    try refuse(ExportComplaint.noUnit, when: unitIds.isEmpty && unitGroupIds.isEmpty)
    try refuse(ExportComplaint.groupChildren, when: rules.asksForChildren && !unitGroupIds.isEmpty)
    try refuse(ExportComplaint.limit(query.limit ?? 0, rules.version), when: (query.limit ?? 0) < 0)

    let sets = setIds.compactMap { metadata.dataSets(by: rules.inputScheme("DataSet"))[$0] }
    let units = unitIds.compactMap { metadata.organisationUnits(by: rules.inputScheme("OrgUnit"))[$0] }
    let unitGroups = unitGroupIds.compactMap { metadata.organisationUnitGroups(by: rules.inputScheme("OrgUnit"))[$0] }
    let combos = comboIds.compactMap { metadata.categoryOptionComboByUid[$0] }
    try checkAccess(sets, combos, units)

    let elements = elementIds.compactMap { metadata.dataElements(by: rules.inputScheme("DataElement"))[$0] }
    let groups = groupIds.compactMap { metadata.dataElementGroups(by: rules.inputScheme("DataElementGroup"))[$0] }
    query.elements = Set(
      (sets.flatMap { metadata.dataSets[$0].elements } + elements
        + groups.flatMap { metadata.dataElementGroups[$0].members }).map(Int32.init))
    if !periods.isEmpty { query.periods = periods.map { store.position(of: $0) } }
    if rules.asksForChildren {
      query.subtrees = units.map { metadata.organisationUnits[$0].enter..<metadata.organisationUnits[$0].exit }
    } else {
      // For a group, an ordinary user sees the members among the user's own units, and not the units below them.
      let members = unitGroups.flatMap { metadata.organisationUnitGroups[$0].members }
        .filter { rules.user.isSuperuser || rules.user.organisationUnits.contains($0) }
      query.units = Set((units + members).map(Int32.init))
    }
    let optionCombos = try ids("categoryOptionCombo", .uid)
    // An unknown id matches nothing.
    query.optionCombos = Set(optionCombos.map { Int32(metadata.categoryOptionComboByUid[$0] ?? -1) })
    query.level = request.first("level").flatMap { Int($0) }
    query.attributeCombos = Set(combos.map(Int32.init))
    query.offset = request.first("offset").flatMap { Int($0) } ?? 0
    query.order = request.first("order")
    query.hoistsPeriod = periods.count == 1
    query.hoistsUnit = unitIds.count == 1 && unitGroupIds.isEmpty && !rules.asksForChildren
    query.hoistsAttributeCombo = comboIds.count == 1
    query.header = try header(query, setIds, periods, unitIds, comboIds)
    return query
  }

  /// The given ids without repeats. In the uid scheme they must at least have the form of uids.
  private func ids(_ name: String, _ scheme: IdScheme) throws(ExportRefusal) -> [String] {
    var seen: Set<String> = []
    let all = request.list(name).filter { seen.insert($0).inserted }
    if scheme == .uid, let odd = all.first(where: { !IdLookup.isUid($0) }) {
      throw .malformed(
        "UID must be an alphanumeric string of 11 characters starting with a letter, but was: \(odd)")
    }
    return all
  }

  private func checkAccess(_ sets: [Int], _ combos: [Int], _ units: [Int]) throws(ExportRefusal) {
    if rules.user.isSuperuser { return }
    func refuse(_ code: String, _ text: String, _ uids: [String]) throws(ExportRefusal) {
      if !uids.isEmpty { throw .conflict(code: code, text: "\(text): `[\(uids.joined(separator: ", "))]`") }
    }
    try refuse(
      "E2010", "User is not allowed to read data for data set(s)",
      sets.filter { !metadata.dataSets[$0].sharing.readsData(rules.user) }.map { metadata.dataSets[$0].uid })
    let hidden = metadata.unreadableCombos(rules.user)
    try refuse(
      "E2011", "User is not allowed to read data for attribute option combo(s)",
      combos.filter(hidden.contains).map { metadata.categoryOptionCombos[$0].uid })
    try refuse(
      "E2012", "User is not allowed to view org unit(s)",
      units.filter { !metadata.isWithin($0, anyOf: rules.user.organisationUnits) }
        .map { metadata.organisationUnits[$0].uid })
  }

  private func header(
    _ query: ExportQuery, _ sets: [String], _ periods: [Period], _ units: [String], _ combos: [String]
  ) throws(ExportRefusal) -> [JSONValue.Member] {
    var header: [JSONValue.Member] = []
    if sets.count == 1 {
      let set = metadata.dataSets(by: rules.inputScheme("DataSet"))[sets[0]].map { metadata.dataSets[$0] }
      let scheme = rules.outputScheme("dataSet")
      let id = set.map { scheme.id(uid: $0.uid, code: $0.code, name: $0.name) } ?? sets[0]
      guard let id else { throw undefined("E8200", scheme, "data set(s)", sets) }
      header.append(.init("dataSet", .string(id)))
    }
    if query.hoistsPeriod { header.append(.init("period", .string(periods[0].id))) }
    if query.hoistsUnit {
      let unit = metadata.organisationUnits(by: rules.inputScheme("OrgUnit"))[units[0]].map {
        metadata.organisationUnits[$0]
      }
      let id = unit.map { query.unitScheme.id(uid: $0.uid, code: $0.code, name: $0.name) } ?? units[0]
      guard let id else { throw undefined("E8202", query.unitScheme, "org unit(s)", units) }
      header.append(.init("orgUnit", .string(id)))
    }
    if query.hoistsAttributeCombo { header.append(.init("attributeOptionCombo", .string(combos[0]))) }
    return header
  }

  func undefined(_ code: String, _ scheme: IdScheme, _ what: String, _ uids: [String]) -> ExportRefusal {
    .conflict(
      code: code,
      text: "Export as \(scheme.name) not possible as the property is undefined for \(what): "
        + "`[\(uids.joined(separator: ", "))]`")
  }
}
