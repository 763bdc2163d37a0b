import D2Client
import D2Common

/// `/api/completeDataSetRegistrations`.
struct RegistrationAPI {
  let server: Server
  let call: APICall
  let user: User
  let faults: [Fault]

  private var request: Request { call.request }
  private var version: ServerVersion { server.version }
  private var metadata: Metadata { server.metadata }

  func answer() -> Response {
    switch request.method {
    case "GET", "HEAD": export()
    case "POST": importAll()
    default:
      ErrorPages.message(
        405, "Request method '\(request.method)' \(version.minor <= 40 ? "not supported" : "is not supported")")
    }
  }

  // MARK: - Export

  private struct Filter {
    var sets: [Int]
    var periods: [Period]
    var start: Int?
    var end: Int?
    var units: [Int]
    var createdSince: Int64?
    var limit: Int?
  }

  private func export() -> Response {
    if request.list("dataSet").isEmpty, version.minor <= 41 {
      return ErrorPages.container(version, 400, "Required request parameter 'dataSet' is not present")
    }
    let filter: Filter
    do throws(ExportRefusal) { filter = try readFilter() } catch {
      switch error {
      case .conflict(let code, let text):
        let type = version.minor <= 40 ? version.exportType : "application/json"
        return .json(409, ErrorPages.body(409, text, code: code), type: type)
      case .malformed(let text): return ErrorPages.message(400, text)
      case .silent: return Response(status: 200)
      }
    }
    let rows = server.state.withLock { state in
      state.registrations.rows.filter { matches($0, state.values.periods[Int($0.key.period)], filter) }
        // In the order in which the database first stored their periods.
        .enumerated().sorted { ($0.element.key.period, $0.offset) < ($1.element.key.period, $1.offset) }.map(\.element)
        .prefix(filter.limit ?? Int.max).map { json($0, state.values.periods[Int($0.key.period)]) }
    }
    if let slow = faults.first(where: { $0.kind == .slowExport && $0.isExceeded(by: rows.count) }) {
      return slow.proxysAnswer(504)
    }
    // The list begins with its first row, so without rows there is no list.
    let document: JSONValue = rows.isEmpty ? .object([]) : ["completeDataSetRegistrations": .array(Array(rows))]
    let bytes = Array(document.jackson.utf8)
    return Response(status: 200, headers: [("Content-Type", version.exportType)], body: .bytes(bytes))
  }

  private func readFilter() throws(ExportRefusal) -> Filter {
    let parameters = ExportParameters(request: request)
    let start = try parameters.date("startDate").map { Int($0 / 86_400_000) }
    let end = try parameters.date("endDate").map { Int($0 / 86_400_000) }
    var created = try parameters.moment("created", server.localTime)
    let duration = request.first("createdDuration")
    if created == nil { created = duration.flatMap(ExportParameters.duration).map { server.clock.now - $0 } }
    let sets = request.list("dataSet").compactMap { metadata.dataSetByUid[$0] }
      .filter { metadata.dataSets[$0].sharing.readsMetadata(user) }
    let units = request.list("orgUnit").compactMap { metadata.organisationUnitByUid[$0] }
    let groups = request.list("orgUnitGroup").compactMap { metadata.organisationUnitGroupByUid[$0] }
    let periods = request.list("period").compactMap { PeriodParser.parse($0, version) }
    let limit = request.first("limit").flatMap { Int($0) }

    var failed: (String, String)?
    if sets.isEmpty { failed = ExportComplaint.noDataSet }
    if periods.isEmpty, start == nil || end == nil, created == nil { failed = ExportComplaint.noPeriod }
    if !periods.isEmpty, start != nil, end != nil { failed = ExportComplaint.both }
    if let start, let end, start > end { failed = ExportComplaint.dates }
    if duration != nil, created == nil { failed = ExportComplaint.duration }
    if units.isEmpty, groups.isEmpty { failed = ExportComplaint.noUnit }
    if request.flag("children"), !groups.isEmpty { failed = ExportComplaint.groupChildren }
    if let limit, limit < 0 { failed = ("E2009", "Limit cannot be less than zero: `\(limit)`") }
    let visible = user.visibleUnits(version)
    if failed == nil, let outside = units.first(where: { !metadata.isWithin($0, anyOf: visible) }) {
      failed = ("E2012", "User is not allowed to view org unit: `\(metadata.organisationUnits[outside].uid)`")
    }
    if let failed { throw .conflict(code: failed.0, text: failed.1) }
    return Filter(
      sets: sets, periods: periods, start: start, end: end,
      units: units + groups.flatMap { metadata.organisationUnitGroups[$0].members }, createdSince: created, limit: limit
    )
  }

  private func matches(_ row: Registration, _ period: Period, _ filter: Filter) -> Bool {
    guard filter.sets.contains(row.key.dataSet) else { return false }
    if !filter.periods.isEmpty, !filter.periods.contains(period) { return false }
    if filter.periods.isEmpty, let start = filter.start, let end = filter.end,
      period.start.dayNumber < start || period.end.dayNumber > end
    {
      return false
    }
    // Up to 2.42 like `lastUpdated` of values.
    let date = version.hasDataEntryPipeline ? row.date : server.localTime.local(row.date)
    if let since = filter.createdSince, date < since { return false }
    return request.flag("children")
      ? metadata.isWithin(row.key.unit, anyOf: filter.units) : filter.units.contains(row.key.unit)
  }

  private func json(_ row: Registration, _ period: Period) -> JSONValue {
    func scheme(_ name: String) -> IdScheme { IdScheme(request.first(name) ?? request.first("idScheme") ?? "UID") }
    let set = metadata.dataSets[row.key.dataSet]
    let unit = metadata.organisationUnits[row.key.unit]
    let combo = metadata.categoryOptionCombos[row.key.attributeCombo]
    func text(_ id: String?) -> JSONValue { id.map { .string($0) } ?? .null }
    return [
      "period": .string(period.id),
      "dataSet": text(scheme("dataSetIdScheme").id(uid: set.uid, code: set.code, name: set.name)),
      "organisationUnit": text(scheme("orgUnitIdScheme").id(uid: unit.uid, code: unit.code, name: unit.name)),
      "attributeOptionCombo": text(
        scheme("attributeOptionComboIdScheme").id(uid: combo.uid, code: combo.code, name: combo.name)),
      "date": .string(Day.text(Int(server.localTime.local(row.date) / 86_400_000))), "storedBy": text(row.storedBy),
      "completed": .bool(row.completed),
    ]
  }

  // MARK: - Import

  private func importAll() -> Response {
    let options: ImportOptions
    do { options = try ImportOptions(request) } catch { return ErrorPages.message(400, error.message) }
    var summary = ImportSummary()
    summary.options = options.json(version, headerSchemes: [])
    summary.description = "Import process complete."
    let plain = version.answersPlainSummaries || (version.minor <= 41 && (call.apiVersion ?? 99) <= 37)
    let document: JSONValue
    do throws(UnreadableJSON) { document = try JSONValue(reading: request.body) } catch {
      return fail(&summary, "Unrecognized token", plain)
    }
    let posted = document["completeDataSetRegistrations"]?.array ?? []
    if version.hasDataEntryPipeline,
      let odd = posted.compactMap({ $0["period"]?.scalarText }).first(where: { PeriodParser.parse($0, version) == nil })
    {
      return fail(&summary, "java.lang.IllegalArgumentException: " + PeriodParser.complaint(odd), plain)
    }
    server.state.withLock { state in
      for registration in posted { put(registration, options, &state, &summary) }
    }
    if summary.ignored == posted.count { summary.status = .error }
    return summary.response(version, plain: plain, type: version.exportType)
  }

  private func fail(_ summary: inout ImportSummary, _ reason: String, _ plain: Bool) -> Response {
    summary.status = .error
    summary.description = "The import process failed: " + reason
    return summary.response(version, plain: plain, type: version.exportType)
  }

  private func put(
    _ posted: JSONValue, _ options: ImportOptions, _ state: inout Server.State, _ summary: inout ImportSummary
  ) {
    func refuse(_ id: String?, _ text: String) {
      summary.add(
        ImportConflict(
          code: "", value: text, objects: [(id ?? "", text)], object: id, property: nil, indexes: []))
      summary.ignored += 1
    }
    let setId = posted["dataSet"]?.scalarText
    let periodId = posted["period"]?.scalarText
    let unitId = posted["organisationUnit"]?.scalarText
    guard let set = setId.flatMap({ metadata.dataSets(by: options.scheme("dataSetIdScheme"))[$0] }) else {
      return refuse(setId, "Data set not found or not accessible")
    }
    guard let period = periodId.flatMap({ PeriodParser.parse($0, version) }) else {
      return refuse(periodId, "Period not valid")
    }
    guard let unit = unitId.flatMap({ metadata.organisationUnits(by: options.scheme("orgUnitIdScheme"))[$0] }) else {
      return refuse(unitId, "Organisation unit not found or not accessible")
    }
    guard metadata.isWithin(unit, anyOf: user.organisationUnits) else {
      return refuse(unitId, "Organisation unit is not in hierarchy of user: \(user.username)")
    }
    let combo = posted["attributeOptionCombo"]?.scalarText
    guard let attribute = combo.map({ metadata.categoryOptionComboByUid[$0] }) ?? metadata.defaultOptionCombo else {
      return refuse(combo, "Attribute option combo not found or not accessible")
    }
    let key = RegistrationKey(
      dataSet: set, period: state.values.position(of: period), unit: unit, attributeCombo: attribute)
    // The conflicts are reported even if the registration is stored, and whatever the strategy.
    let missing = missingValues(of: key, state.values)
    for text in missing.map({ "\($0) needs to be filled. It is compulsory." }) {
      let kind = "dataElementOperand"
      summary.add(
        ImportConflict(code: "", value: text, objects: [(kind, text)], object: kind, property: nil, indexes: []))
    }
    guard missing.isEmpty || !metadata.dataSets[set].compulsoryFieldsCompleteOnly else { return summary.ignored += 1 }
    guard metadata.dataSets[set].sharing.writesData(user) else {
      return refuse(setId, "User does not have write access for DataSet: \(metadata.dataSets[set].uid)")
    }
    let old = state.registrations.find(key)
    if options.isDelete {
      guard old != nil else { return summary.ignored += 1 }
      if !options.has("dryRun") { state.registrations.remove(key) }
      return summary.deleted += 1
    }
    guard old == nil ? options.creates : options.updates else { return summary.ignored += 1 }
    if !options.has("dryRun") {
      state.registrations.put(
        Registration(
          key: key, date: posted["date"]?.string.flatMap(server.localTime.moment(of:)) ?? server.clock.now,
          storedBy: posted["storedBy"]?.string ?? user.username, completed: posted["completed"]?.bool ?? true,
          lastUpdated: server.clock.now))
      // Only new registrations send messages to users, including those that are withdrawn.
      if old == nil, !options.has("skipNotifications") { server.statistics.notified() }
    }
    if old == nil { summary.imported += 1 } else { summary.updated += 1 }
  }

  /// The names of the compulsory values that a report lacks.
  private func missingValues(of key: RegistrationKey, _ values: ValueStore) -> [String] {
    let present = values.byPeriod[Int(key.period)].map { values.rows[Int($0)] }.filter {
      !$0.isDeleted && Int($0.key.unit) == key.unit && Int($0.key.attributeCombo) == key.attributeCombo
    }
    return metadata.dataSets[key.dataSet].compulsory.filter { operand in
      !present.contains { row in
        Int(row.key.element) == operand.element
          && (operand.optionCombo == nil || operand.optionCombo == Int(row.key.optionCombo))
      }
    }.map { operand in
      let combo = operand.optionCombo.map { " " + metadata.categoryOptionCombos[$0].name } ?? ""
      return metadata.dataElements[operand.element].name + combo
    }
  }
}
