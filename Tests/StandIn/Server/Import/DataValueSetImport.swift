import D2Client
import D2Common

/// The import of 2.36 to 2.42: value by value. Valid ones are stored, and invalid ones skipped.
struct DataValueSetImport: ValueImport {
  let metadata: Metadata
  let version: ServerVersion

  /// A value with resolved ids.
  struct Resolved {
    var element: Int
    var period: Period
    var unit: Int
    var optionCombo: Int
    var attributeCombo: Int
  }

  func run(_ run: ImportRun, into store: inout ValueStore, registrations: inout RegistrationStore) -> ImportSummary {
    var summary = ImportSummary()
    guard let header = openSet(run, &summary) else { return summary }
    summary.description = "Import process completed successfully"
    summary.dataSetComplete = header.completeDay.map(Day.text) ?? "false"
    if run.set.values.contains(where: { run.isPoisoned($0.value) || run.isPoisoned($0.comment) }) {
      return refused()
    }
    if run.set.values.contains(where: \.hasOddFlag) {
      return refused("com.fasterxml.jackson.databind.exc.InvalidFormatException: Cannot deserialize value")
    }
    if namesMissingFile(run, header.elements) {
      return refused("Cannot invoke \"FileResource.setAssigned(boolean)\" because \"fileResource\" is null")
    }
    if deletesWithoutOption(run, header.elements) { return refused("null") }
    // This copies everything, which is worth it only for a dry run.
    let before = run.options.has("dryRun") ? store : nil
    let validator = DataValueValidator(metadata: metadata, version: version, run: run)
    var fresh: [ValueKey: Bool] = [:]
    for (index, value) in run.set.values.enumerated() {
      if let limit = run.limit, index >= limit { break }
      switch resolve(value, header) {
      case .failure(let problem): summary.reject(index, problem.conflict(index))
      case .success(let found):
        if let conflict = validator.check(value, found, header.dataSet) {
          summary.reject(index, conflict.conflict(index))
        } else {
          put(value, found, index, run, &store, &summary, &fresh)
        }
      }
    }
    if !summary.conflicts.isEmpty { summary.status = .warning }
    if let day = header.completeDay { complete(day, header, run, &store, &registrations) }
    if let before { store = before }
    return summary
  }

  /// The result if the database refuses a row of the batch: the whole request is lost, without a reason.
  private func refused(_ reason: String = "Failed to flush BatchHandler") -> ImportSummary {
    var summary = ImportSummary()
    summary.status = .error
    summary.description = "The import process failed: " + reason
    return summary
  }

  /// Whether a value refers to a file. The stand-in has no files, and 2.42 then ends with a NullPointerException.
  private func namesMissingFile(_ run: ImportRun, _ elements: IdLookup) -> Bool {
    let types: Set<String> = ["FILE_RESOURCE", "IMAGE"]
    guard metadata.dataElements.contains(where: { types.contains($0.valueType) }) else { return false }
    return run.set.values.contains { value in
      value.dataElement.flatMap { elements[$0] }.map { types.contains(metadata.dataElements[$0].valueType) } ?? false
    }
  }

  /// Whether a deletion has no value, and its element has an option set: from 2.41 on that is a NullPointerException.
  private func deletesWithoutOption(_ run: ImportRun, _ elements: IdLookup) -> Bool {
    version.minor >= 41
      && run.set.values.contains { value in
        value.deleted == true && value.value == nil
          && value.dataElement.flatMap { elements[$0] }.map { metadata.dataElements[$0].optionSet != nil } ?? false
      }
  }

  // MARK: - Ids

  private struct Header {
    var dataSet: Int?
    var period: String?
    var unit: String?
    var attributeCombo: String?
    var completeDay: Int?
    var periods: PeriodCache
    var elements: IdLookup
    var units: IdLookup
    var optionCombos: IdLookup
  }

  private struct Unresolved: Error {
    var problem: ImportProblem
    func conflict(_ index: Int) -> ImportConflict { problem.conflict(index) }
  }

  /// Reads the header; `nil` if it stops the whole import. The summary then contains the reason.
  private func openSet(_ run: ImportRun, _ summary: inout ImportSummary) -> Header? {
    func abort(_ problem: ImportProblem) -> Header? {
      summary.status = .error
      summary.description = "Import process was aborted"
      summary.add(problem.conflict(nil))
      return nil
    }
    let combos = metadata.categoryOptionCombos(by: run.options.scheme("categoryOptionComboIdScheme"))
    var header = Header(
      period: run.set.text("period"), unit: run.set.text("orgUnit"),
      attributeCombo: run.set.text("attributeOptionCombo"), periods: PeriodCache(version),
      elements: metadata.dataElements(by: run.options.scheme("dataElementIdScheme")),
      units: metadata.organisationUnits(by: run.options.scheme("orgUnitIdScheme")), optionCombos: combos)
    if let id = run.set.text("dataSet") {
      guard let set = metadata.dataSets(by: run.options.scheme("dataSetIdScheme"))[id],
        metadata.dataSets[set].sharing.readsMetadata(run.user)
      else {
        return abort(.init("E7600", "Data set not found or not accessible: `\(id)`", [("dataSet", id)], "dataSet"))
      }
      guard metadata.dataSets[set].sharing.writesData(run.user) else {
        return abort(
          .init(
            "E7601", "User does not have write access for DataSet: `\(id)`",
            [("user", run.user.uid), ("dataSet", id)], "dataSet"))
      }
      header.dataSet = set
    }
    if let id = header.unit, header.units[id] == nil {
      return abort(
        .init("E7603", "Org unit not found or not accessible: `\(id)`", [("organisationUnit", id)], "orgUnit"))
    }
    if let id = header.attributeCombo, combos[id] == nil {
      return abort(
        .init(
          "E7604", "Attribute option combo not found or not accessible: `\(id)`", [("categoryOptionCombo", id)],
          "attributeOptionCombo"))
    }
    if let text = run.set.text("completeDate"), text != "true", text != "false" {
      guard let day = localDay(text, &summary) else { return nil }
      header.completeDay = day
    } else if run.set.text("completeDate") == "true" {
      header.completeDay = Int(run.now / 86_400_000)
    }
    return header
  }

  /// A day without a time. Anything else is an exception of the parser, and ends the import.
  private func localDay(_ text: String, _ summary: inout ImportSummary) -> Int? {
    let start = String(text.prefix(10))
    let day = text.count >= 10 && start.dropFirst(4).hasPrefix("-") ? Stamp.parse(start) : nil
    if let day, text.count == 10 { return Int(day / 86_400_000) }
    summary.status = .error
    summary.description =
      day == nil
      ? "The import process failed: Text '\(text)' could not be parsed at index 0"
      : "The import process failed: Text '\(text)' could not be parsed, unparsed text found at index 10"
    return nil
  }

  /// Resolves a value's ids. The header's period, unit and attribute combo take precedence over the value's own.
  private func resolve(_ value: IncomingValue, _ header: Header) -> Result<Resolved, Unresolved> {
    func fail(_ code: String, _ text: String, _ kind: String, _ id: String?, _ key: String) -> Result<
      Resolved, Unresolved
    > {
      .failure(
        Unresolved(problem: ImportProblem(code, "\(text): `\(id ?? "null")`", id.map { [(kind, $0)] } ?? [], key)))
    }
    let found = "not found or not accessible"
    guard let element = value.dataElement.flatMap({ header.elements[$0] }) else {
      return fail("E7610", "Data element \(found)", "dataElement", value.dataElement, "dataElement")
    }
    let periodId = header.period ?? value.period
    guard let period = periodId.flatMap({ header.periods[$0] }) else {
      return fail("E7611", "Period not valid", "period", periodId, "period")
    }
    let unitId = header.unit ?? value.orgUnit
    guard let unit = unitId.flatMap({ header.units[$0] }) else {
      return fail("E7612", "Organisation unit \(found)", "organisationUnit", unitId, "orgUnit")
    }
    let comboId = value.categoryOptionCombo
    guard let combo = comboId.map({ header.optionCombos[$0] }) ?? metadata.defaultOptionCombo else {
      return fail(
        "E7613", "Category option combo \(found) for writing data", "categoryOptionCombo", comboId,
        "categoryOptionCombo")
    }
    let attributeId = header.attributeCombo ?? value.attributeOptionCombo
    guard let attribute = attributeId.map({ header.optionCombos[$0] }) ?? metadata.defaultOptionCombo else {
      return fail(
        "E7615", "Attribute option combo \(found) for writing data", "categoryOptionCombo", attributeId,
        "attributeOptionCombo")
    }
    return .success(
      Resolved(element: element, period: period, unit: unit, optionCombo: combo, attributeCombo: attribute))
  }

  // MARK: - Storing

  private func put(
    _ incoming: IncomingValue, _ found: Resolved, _ index: Int, _ run: ImportRun, _ store: inout ValueStore,
    _ summary: inout ImportSummary, _ fresh: inout [ValueKey: Bool]
  ) {
    let element = metadata.dataElements[found.element]
    let key = ValueKey(
      element: Int32(found.element), period: store.position(of: found.period), unit: Int32(found.unit),
      optionCombo: Int32(found.optionCombo), attributeCombo: Int32(found.attributeCombo))
    let existing = store.find(key)
    // The batch handler accepts a new key once. A later value with it in the same request is not counted.
    if fresh[key] == true { return }
    let old = existing.map { store.rows[Int($0)] }
    let text = Self.trimmed(incoming.value).map { ValueTypeRules.stored($0, type: element.valueType, version) }
    let comment = Self.trimmed(incoming.comment)
    let zero = text.map { Self.isInsignificantZero($0, element) } ?? false

    // With the strategy CREATE, and without a row, the server skips such a zero, and does not count it. It stores the
    // zero in a row that is marked as deleted.
    if zero, old == nil || run.options.creates && !run.options.updates { return }
    if let old, let existing, !old.isDeleted {
      if run.options.isDelete || incoming.deleted == true || (zero && run.options.updates) {
        return remove(existing, text, comment, incoming, run, &store, &summary)
      }
      guard run.options.updates else { return summary.rejectQuietly(index) }
      let same =
        old.value == text && store.text(old.comment) == comment
        && (old.followUp ?? false) == (incoming.followUp ?? false)
      if same { return summary.ignored += 1 }
      if text == nil, comment == nil { return remove(existing, text, comment, incoming, run, &store, &summary) }
      store.insert(row(incoming, key, text, comment, created: old.created, run, &store))
      summary.updated += 1
      return
    }
    guard run.options.creates else { return summary.rejectQuietly(index) }
    if text == nil, comment == nil {
      summary.ignored += 1
      return
    }
    let created = version.importKeepsTimes ? nil : old?.created
    store.insert(row(incoming, key, text, comment, created: created, run, &store))
    if old == nil { fresh[key] = true }
    summary.imported += 1
  }

  private static func isInsignificantZero(_ text: String, _ element: DataElement) -> Bool {
    !element.zeroIsSignificant && element.aggregationType != "AVERAGE"
      && ValueTypeRules.isNumeric(element.valueType) && ValueTypeRules.isZero(text)
  }

  /// The row of a value.
  ///
  /// - Parameter created: when the value was first stored, if that stays.
  private func row(
    _ incoming: IncomingValue, _ key: ValueKey, _ text: String?, _ comment: String?, created: Int64?, _ run: ImportRun,
    _ store: inout ValueStore
  ) -> ValueRow {
    ValueRow(
      key: key, value: text, comment: store.position(ofText: comment),
      storedBy: store.position(ofText: incoming.storedBy ?? run.user.username),
      created: created ?? stamp(incoming.created, run), lastUpdated: stamp(incoming.lastUpdated, run),
      followUp: incoming.followUp ?? false, isDeleted: incoming.deleted ?? false)
  }

  /// The time of the payload if the version keeps it, or else now.
  private func stamp(_ text: String?, _ run: ImportRun) -> Int64 {
    // The database stores only whole seconds from this import.
    (version.importKeepsTimes ? text.flatMap(Stamp.parse) : nil) ?? run.now / 1000 * 1000
  }

  /// Marks a stored value as deleted. Up to 2.40 it keeps the time of the payload, as an update does.
  private func remove(
    _ position: Int32, _ text: String?, _ comment: String?, _ incoming: IncomingValue, _ run: ImportRun,
    _ store: inout ValueStore, _ summary: inout ImportSummary
  ) {
    let kept = store.position(ofText: comment)
    store.change(position) {
      // The value of the payload is stored with the mark, even if it is missing.
      if !run.options.isDelete {
        $0.value = text
        $0.comment = kept
      }
      $0.isDeleted = true
      $0.lastUpdated = stamp(incoming.lastUpdated, run)
    }
    summary.deleted += 1
  }

  private static func trimmed(_ text: String?) -> String? {
    guard let text else { return nil }
    let bytes = Array(text.utf8)
    guard let first = bytes.firstIndex(where: { $0 > 0x20 }), let last = bytes.lastIndex(where: { $0 > 0x20 }) else {
      return nil
    }
    return first == 0 && last == bytes.count - 1 ? text : String(decoding: bytes[first...last], as: UTF8.self)
  }

  /// Marks the data set of the header as complete. A dry run does so too.
  private func complete(
    _ day: Int, _ header: Header, _ run: ImportRun, _ store: inout ValueStore, _ registrations: inout RegistrationStore
  ) {
    guard let set = header.dataSet, let unit = header.unit.flatMap({ header.units[$0] }),
      let period = header.period.flatMap({ PeriodParser.parse($0, version) })
    else { return }
    registrations.put(
      Registration(
        key: .init(
          dataSet: set, period: store.position(of: period), unit: unit,
          attributeCombo: header.attributeCombo.flatMap { header.optionCombos[$0] } ?? metadata.defaultOptionCombo),
        date: Int64(day) * 86_400_000, storedBy: run.user.username, completed: true, lastUpdated: run.now))
  }
}

/// The problem of a value, before the value's position is known.
struct ImportProblem {
  var code: String
  var text: String
  var objects: [(kind: String, id: String)]
  var property: String?

  init(_ code: String, _ text: String, _ objects: [(String, String)], _ property: String?) {
    self.code = code
    self.text = text
    self.objects = objects
    self.property = property
  }

  func conflict(_ index: Int?) -> ImportConflict {
    ImportConflict(
      code: code, value: text, objects: objects, object: objects.first?.id, property: property,
      indexes: index.map { [$0] } ?? [])
  }
}

extension ImportSummary {
  /// Skips a value, with a conflict.
  mutating func reject(_ index: Int, _ conflict: ImportConflict) {
    add(conflict)
    rejectedIndexes.append(index)
    ignored += 1
  }

  /// Skips a value, and reports only its position.
  mutating func rejectQuietly(_ index: Int) {
    rejectedIndexes.append(index)
    ignored += 1
  }
}
