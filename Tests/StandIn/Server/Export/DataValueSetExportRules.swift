import D2Common

/// The rules of exports up to 2.42. Unknown ids are dropped, all checks run, and the last failed one counts. Access is
/// checked only after the stream is open.
struct DataValueSetExportRules {
  let rules: ExportRules

  private var metadata: Metadata { rules.metadata }
  private var request: Request { rules.request }

  func query(_ store: inout ValueStore, _ registrations: RegistrationStore) throws(ExportRefusal) -> ExportQuery {
    var query = try rules.common()
    let sets = rules.found("dataSet", metadata.dataSets(by: rules.inputScheme("DataSet")))
      .filter { metadata.dataSets[$0].sharing.readsMetadata(rules.user) }
    let elements = rules.found("dataElement", metadata.dataElements(by: rules.inputScheme("DataElement")))
    let groups = rules.found("dataElementGroup", metadata.dataElementGroups(by: rules.inputScheme("DataElementGroup")))
    let units = rules.found("orgUnit", metadata.organisationUnits(by: rules.inputScheme("OrgUnit")))
    let unitGroups = rules.found("orgUnitGroup", metadata.organisationUnitGroups(by: rules.inputScheme("OrgUnit")))
    let combos = rules.found("attributeOptionCombo", metadata.categoryOptionCombos(by: .uid))
    let periods = request.list("period").compactMap { PeriodParser.parse($0, rules.version) }

    var failed: (String, String)?
    if sets.isEmpty, elements.isEmpty, groups.isEmpty { failed = ExportComplaint.noData }
    let hasDates = query.start != nil && query.end != nil
    if periods.isEmpty, !hasDates, query.updatedSince == nil, request.first("lastUpdatedDuration") == nil {
      failed = ExportComplaint.noPeriod
    }
    if let start = query.start, let end = query.end, start > end { failed = ExportComplaint.dates }
    if rules.durationIsMalformed { failed = ExportComplaint.duration }
    if units.isEmpty, unitGroups.isEmpty { failed = ExportComplaint.noUnit }
    if rules.asksForChildren, !unitGroups.isEmpty { failed = ExportComplaint.groupChildren }
    if rules.asksForChildren, units.isEmpty { failed = ExportComplaint.noUnitForChildren }
    if let limit = query.limit, limit < 0 { failed = ExportComplaint.limit(limit, rules.version) }
    if let failed { throw .conflict(code: failed.0, text: failed.1) }

    try checkAccess(sets, combos, units)
    // Groups replace sets and elements.
    query.elements =
      groups.isEmpty
      ? Set((sets.flatMap { metadata.dataSets[$0].elements } + elements).map(Int32.init))
      : Set(groups.flatMap { metadata.dataElementGroups[$0].members }.map(Int32.init))
    if query.elements.isEmpty { throw .silent }
    if !periods.isEmpty {
      query.periods = Array(Set(periods.map { store.position(of: $0) })).sorted()
      query.start = nil
      query.end = nil
    }
    if rules.asksForChildren {
      query.subtrees = units.map { metadata.organisationUnits[$0].enter..<metadata.organisationUnits[$0].exit }
    } else {
      query.units = Set((units + unitGroups.flatMap { metadata.organisationUnitGroups[$0].members }).map(Int32.init))
    }
    query.attributeCombos = Set(combos.map(Int32.init))
    if sets.count == 1, periods.count == 1, units.count == 1, unitGroups.isEmpty, groups.isEmpty {
      query.header = header(sets[0], periods[0], units[0], &store, registrations)
    }
    return query
  }

  private func checkAccess(_ sets: [Int], _ combos: [Int], _ units: [Int]) throws(ExportRefusal) {
    let visible = rules.user.visibleUnits(rules.version)
    let hidden = metadata.unreadableCombos(rules.user)
    let problem: (String, String)?
    if let set = sets.first(where: { !metadata.dataSets[$0].sharing.readsData(rules.user) }) {
      problem = ("E2010", "User is not allowed to read data for data set: `\(metadata.dataSets[set].uid)`")
    } else if let combo = combos.first(where: hidden.contains) {
      let uid = metadata.categoryOptionCombos[combo].uid
      problem = ("E2011", "User is not allowed to read data for attribute option combo: `\(uid)`")
    } else if let unit = units.first(where: { !metadata.isWithin($0, anyOf: visible) }) {
      problem = ("E2012", "User is not allowed to view org unit: `\(metadata.organisationUnits[unit].uid)`")
    } else {
      problem = nil
    }
    guard let problem else { return }
    if rules.version.endsRefusedExportsEmpty { throw .silent }
    throw .conflict(code: problem.0, text: problem.1)
  }

  /// The date stays when a registration is undone.
  private func header(
    _ set: Int, _ period: Period, _ unit: Int, _ store: inout ValueStore, _ registrations: RegistrationStore
  ) -> [JSONValue.Member] {
    let registration = registrations.find(
      .init(
        dataSet: set, period: store.position(of: period), unit: unit, attributeCombo: metadata.defaultOptionCombo))
    func text(_ id: String?) -> JSONValue { id.map { .string($0) } ?? .null }
    let dataSet = metadata.dataSets[set]
    let place = metadata.organisationUnits[unit]
    return [
      .init(
        "dataSet", text(rules.outputScheme("dataSet").id(uid: dataSet.uid, code: dataSet.code, name: dataSet.name))),
      .init("completeDate", text(registration.map { Stamp.zoned($0.date) })),
      .init("period", .string(period.id)),
      .init("orgUnit", text(rules.outputScheme("orgUnit").id(uid: place.uid, code: place.code, name: place.name))),
    ]
  }
}
