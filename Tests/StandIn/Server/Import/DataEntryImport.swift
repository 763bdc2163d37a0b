import D2Client
import D2Common

/// The import of 2.43 and later: decode everything, find the data set, validate the group, then upsert.
struct DataEntryImport: ValueImport {
  let metadata: Metadata
  let version: ServerVersion

  /// A value with decoded ids; their objects may not exist.
  struct Decoded {
    var index: Int
    var element: String
    var unit: String
    var optionCombo: String
    var attributeCombo: String
    var period: Period
    var incoming: IncomingValue

    var keyText: String {
      "DataValueKey[dataElement=\(element), orgUnit=\(unit), categoryOptionCombo=\(optionCombo), "
        + "attributeOptionCombo=\(attributeCombo), period=\(period.id)]"
    }
  }

  /// An error that ends the request or the group: a code, the arguments, the text.
  struct Refusal: Error {
    var code: String
    var arguments: [String]
    var text: String

    init(_ code: String, _ arguments: [String], _ text: String) {
      self.code = code
      self.arguments = arguments
      self.text = text
    }

    func conflict(_ indexes: [Int]) -> ImportConflict {
      ImportConflict(
        code: code, value: text, objects: [("args", arguments.joined(separator: "-"))], object: nil, property: nil,
        indexes: indexes)
    }
  }

  func run(_ run: ImportRun, into store: inout ValueStore, registrations: inout RegistrationStore) -> ImportSummary {
    var summary = ImportSummary()
    if let failure = exception(run.set.values) {
      summary.failure = (500, failure)
      return summary
    }
    let decoded: [Decoded]
    let named: String?
    let scope: DeletionScope?
    do {
      named = try dataSet(run)
      let decoder = DataEntryDecoder(metadata: metadata, version: version, run: run)
      decoded = try decoder.decode()
      scope = try decoder.decodeScope()
    } catch let refusal as Refusal {
      summary.status = .error
      summary.add(refusal.conflict([-1]))
      return summary
    } catch { fatalError("only refusals are thrown") }
    summary.dataSetComplete = "false"
    if !decoded.isEmpty || named != nil {
      enter(decoded, named, scope, run, &store, &summary)
    }
    if summary.status != .error { complete(named, run, &store, &registrations, &summary) }
    return summary
  }

  /// The message for values over which 2.43.1 throws: it answers 500 without a summary.
  private func exception(_ values: [IncomingValue]) -> String? {
    let periods = PeriodCache(version)
    for value in values {
      if let odd = value.oddValue {
        return "Path `$.\(odd.key)` does not contain an STRING but a(n) \(odd.kind): \(odd.spelling)"
      }
      if value.hasOddFlag { return "Path does not contain an BOOLEAN but a(n) STRING" }
      if let period = value.period, periods[period] == nil {
        return "Cannot invoke \"org.hisp.dhis.datavalue.DataEntryGroup.deletion()\" because \"group\" is null"
      }
    }
    return nil
  }

  /// The uid of the data set in the header. An unknown uid is detected only in the group.
  private func dataSet(_ run: ImportRun) throws -> String? {
    guard let id = run.set.text("dataSet") else { return nil }
    let scheme = run.options.scheme("dataSetIdScheme")
    if scheme == .uid {
      guard IdLookup.isUid(id) else { throw Refusal("E8004", [id], "Data set UID not valid: `\(id)`") }
      return id
    }
    guard let set = metadata.dataSets(by: scheme)[id] else {
      throw Refusal("E8005", [id], "Data set not found: `\(id)`")
    }
    return metadata.dataSets[set].uid
  }

  // MARK: - The group

  private func enter(
    _ values: [Decoded], _ named: String?, _ scope: DeletionScope?, _ run: ImportRun, _ store: inout ValueStore,
    _ summary: inout ImportSummary
  ) {
    let all = values.map(\.index)
    let group: DataEntryGroup
    do {
      if let scope {
        _ = try DataEntryGroup(metadata: metadata, version: version, run: run, named: named, scope: scope)
      }
      group = try DataEntryGroup(metadata: metadata, version: version, run: run, named: named, values: values)
    } catch {
      summary.status = .error
      // If the elements of a request are in no data set, there is no group that could fail.
      let indexes = error.code == "E8003" ? [-1] : all
      summary.add(error.conflict(indexes))
      if error.code != "E8003" { summary.rejectedIndexes = all }
      if error.code == "E8000" { summary.dataSetComplete = nil }
      return
    }
    for refusal in group.refusals {
      summary.add(refusal.refusal.conflict([refusal.index]))
      summary.rejectedIndexes.append(refusal.index)
    }
    summary.ignored = group.refusals.count
    if !group.refusals.isEmpty { summary.status = group.good.isEmpty ? .error : .warning }
    // If the database refuses a value, the result is as if nothing had been requested: no conflict, and success.
    if group.good.contains(where: { run.isPoisoned($0.incoming.value) || run.isPoisoned($0.incoming.comment) }) {
      summary.ignored += group.good.count
      return
    }
    // The scope is deleted before the values are stored. So values that are refused individually are lost too.
    let removed = scope.map { remove($0, run, &store) } ?? 0
    for value in group.good.prefix(run.limit ?? Int.max) where !run.options.has("dryRun") {
      upsert(value, run, &store)
    }
    if run.options.isDelete { summary.deleted = group.good.count } else { summary.updated = group.good.count }
    summary.deleted += removed
  }

  private func upsert(_ value: Decoded, _ run: ImportRun, _ store: inout ValueStore) {
    guard let element = metadata.dataElementByUid[value.element], let unit = metadata.organisationUnitByUid[value.unit],
      let combo = metadata.categoryOptionComboByUid[value.optionCombo],
      let attribute = metadata.categoryOptionComboByUid[value.attributeCombo]
    else { return }
    let key = ValueKey(
      element: Int32(element), period: store.position(of: value.period), unit: Int32(unit), optionCombo: Int32(combo),
      attributeCombo: Int32(attribute))
    let deleted = run.options.isDelete || value.incoming.deleted == true
    let old = store.find(key).map { store.rows[Int($0)] }
    if run.options.isDelete, let position = store.find(key) {
      store.change(position) {
        $0.isDeleted = true
        $0.lastUpdated = run.now
      }
      return
    }
    let text = value.incoming.value.map {
      ValueTypeRules.stored($0, type: metadata.dataElements[element].valueType, version)
    }
    // A deletion keeps the existing comment.
    let comment = deleted && old != nil ? old!.comment : store.position(ofText: value.incoming.comment)
    store.insert(
      ValueRow(
        key: key, value: text, comment: comment, storedBy: store.position(ofText: run.user.username),
        created: old?.created ?? run.now, lastUpdated: run.now, followUp: value.incoming.followUp, isDeleted: deleted))
  }

  /// Deletes everything in a scope. Values that were deleted before count too.
  private func remove(_ scope: DeletionScope, _ run: ImportRun, _ store: inout ValueStore) -> Int {
    let units = Set(scope.units.compactMap { metadata.organisationUnitByUid[$0] })
    let elements = Set(
      scope.elements.compactMap { element -> [Int]? in
        guard let uid = metadata.dataElementByUid[element.dataElement],
          let combo = metadata.categoryOptionComboByUid[element.optionCombo],
          let attribute = metadata.categoryOptionComboByUid[element.attributeCombo]
        else { return nil }
        return [uid, combo, attribute]
      })
    var removed = 0
    for period in Set(scope.periods.compactMap { store.knownPosition(ofPeriod: $0.id) }) {
      for position in store.byPeriod[Int(period)] {
        let key = store.rows[Int(position)].key
        guard units.contains(Int(key.unit)),
          elements.contains([Int(key.element), Int(key.optionCombo), Int(key.attributeCombo)])
        else { continue }
        removed += 1
        guard !run.options.has("dryRun") else { continue }
        store.change(position) {
          $0.isDeleted = true
          $0.value = nil
          $0.lastUpdated = run.now
        }
      }
    }
    return removed
  }

  private func complete(
    _ named: String?, _ run: ImportRun, _ store: inout ValueStore, _ registrations: inout RegistrationStore,
    _ summary: inout ImportSummary
  ) {
    guard let text = run.set.text("completeDate"), let moment = Stamp.parse(text), !run.options.has("dryRun"),
      let set = named.flatMap({ metadata.dataSetByUid[$0] }),
      let unit = run.set.text("orgUnit").flatMap({
        metadata.organisationUnits(by: run.options.scheme("orgUnitIdScheme"))[$0]
      }),
      let period = run.set.text("period").flatMap({ PeriodParser.parse($0, version) })
    else { return }
    let day = Int(moment / 86_400_000)
    summary.dataSetComplete = Day.text(day)
    registrations.put(
      Registration(
        key: .init(
          dataSet: set, period: store.position(of: period), unit: unit, attributeCombo: metadata.defaultOptionCombo),
        date: Int64(day) * 86_400_000, storedBy: run.user.username, completed: true, lastUpdated: run.now))
  }
}
