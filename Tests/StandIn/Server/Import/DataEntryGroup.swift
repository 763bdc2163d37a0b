import D2Common

/// The values of one data set in 2.43: first the rules that fail all of them, then those that fail one.
struct DataEntryGroup {
  typealias Refusal = DataEntryImport.Refusal
  typealias Decoded = DataEntryImport.Decoded

  private(set) var good: [Decoded] = []
  private(set) var refusals: [(index: Int, refusal: Refusal)] = []

  private let metadata: Metadata
  private let version: ServerVersion
  private let run: ImportRun
  private let values: [Decoded]

  init(metadata: Metadata, version: ServerVersion, run: ImportRun, named: String?, values: [Decoded]) throws(Refusal) {
    self.metadata = metadata
    self.version = version
    self.run = run
    self.values = values
    let uid: String
    if let named { uid = named } else { uid = try detect() }
    try checkAccess(uid)
    try checkSet(uid)
    try checkCombos(uid)
    checkValues()
    try checkTime(uid)
    try checkDuplicates()
    if run.options.has("atomic"), let first = refusals.first {
      throw Refusal(
        "E8000", [String(good.count), String(values.count), first.refusal.text],
        "Atomic mode requires all values to be valid but only \(good.count)/\(values.count) were. "
          + "First issue: \(first.refusal.text)")
    }
  }

  /// A scope is checked like values, for each of its elements in each of its units and periods. There are no checks of
  /// single values.
  init(
    metadata: Metadata, version: ServerVersion, run: ImportRun, named: String?, scope: DeletionScope
  ) throws(Refusal) {
    self.metadata = metadata
    self.version = version
    self.run = run
    values = scope.values
    let uid: String
    if let named { uid = named } else { uid = try detect() }
    try checkAccess(uid)
    try checkSet(uid)
    try checkCombos(uid)
    try checkTime(uid)
  }

  private static func distinct(_ texts: some Sequence<String>) -> [String] {
    var seen: Set<String> = []
    return texts.filter { seen.insert($0).inserted }
  }

  private static func list(_ ids: [String]) -> String { "[" + ids.joined(separator: ", ") + "]" }

  /// The data set that contains all elements. If the elements are in several or different sets, it is undefined.
  private func detect() throws(Refusal) -> String {
    let elements = Self.distinct(values.lazy.map(\.element))
    let sets = Set(elements.compactMap { metadata.dataElementByUid[$0] }.flatMap { metadata.dataSetsOfElement[$0] })
    let uids = sets.sorted().map { metadata.dataSets[$0].uid }
    if let only = uids.first, uids.count == 1 { return only }
    if uids.isEmpty {
      throw Refusal(
        "E8003", [Self.list(elements)],
        "Data set detection failed, no set found for data elements: `\(Self.list(elements))`")
    }
    throw Refusal("E8002", [Self.list(uids)], "Data set detection failed, found multiple sets: `\(Self.list(uids))`")
  }

  private func checkAccess(_ uid: String) throws(Refusal) {
    if let set = metadata.dataSetByUid[uid], !metadata.dataSets[set].sharing.writesData(run.user) {
      throw Refusal("E8010", [uid], "Current user cannot enter data for data set: `\(uid)`")
    }
    guard !run.user.isSuperuser else { return }
    let outside = Self.distinct(values.lazy.map(\.unit)).filter { id in
      metadata.organisationUnitByUid[id].map { !metadata.isWithin($0, anyOf: run.user.organisationUnits) } ?? false
    }
    if !outside.isEmpty {
      throw Refusal(
        "E8011", [Self.list(outside)], "Current user cannot enter data for org unit(s): `\(Self.list(outside))`")
    }
    let combos = Self.distinct(values.lazy.map(\.optionCombo)) + Self.distinct(values.lazy.map(\.attributeCombo))
    let closed = Self.distinct(
      combos.compactMap { metadata.categoryOptionComboByUid[$0] }
        .compactMap { metadata.closedOption(of: $0) { $0.writesData(run.user) } })
    if !closed.isEmpty {
      throw Refusal(
        "E8012", [Self.list(closed)], "Current user cannot enter data for category option(s): `\(Self.list(closed))`")
    }
  }

  private func checkSet(_ uid: String) throws(Refusal) {
    let set = metadata.dataSetByUid[uid].map { metadata.dataSets[$0] }
    func unusable(_ code: String, _ what: String, _ ids: [String]) throws(Refusal) {
      guard !ids.isEmpty else { return }
      throw Refusal(code, [uid, Self.list(ids)], "Data set \(uid) not usable with \(what): `\(Self.list(ids))`")
    }
    let elements = Set(set?.elements ?? [])
    try unusable(
      "E8020", "data element(s)",
      Self.distinct(values.lazy.map(\.element)).filter { id in
        metadata.dataElementByUid[id].map { !elements.contains($0) } ?? true
      })
    try unusable(
      "E8022", "org unit(s)",
      Self.distinct(values.lazy.map(\.unit)).filter { id in
        metadata.organisationUnitByUid[id].map { !(set?.unitSet.contains($0) ?? false) } ?? true
      })
    try unusable(
      "E8021", "period(s)",
      Self.distinct(values.lazy.filter { $0.period.type != set?.periodType }.map(\.period.id)))
    let allowed = set.map { metadata.categoryCombos[$0.combo].optionCombos } ?? []
    try unusable(
      "E8023", "attribute option combo(s)",
      // A missing combo means the default one, which is not checked (the recording `coc-null`).
      Self.distinct(
        values.lazy.filter { namesCombo($0.incoming.attributeOptionCombo, $0.incoming.attributeOptions) }
          .map(\.attributeCombo)
      ).filter { id in
        metadata.categoryOptionComboByUid[id].map { !allowed.contains($0) } ?? true
      })
  }

  private func namesCombo(_ id: String?, _ options: [JSONValue.Member]?) -> Bool { id != nil || options != nil }

  private func checkCombos(_ uid: String) throws(Refusal) {
    var wrong: [(element: String, combos: [String])] = []
    var seen: [String: Set<String>] = [:]
    for value in values
    where namesCombo(value.incoming.categoryOptionCombo, value.incoming.categoryOptions)
      && seen[value.element, default: []].insert(value.optionCombo).inserted
    {
      guard let element = metadata.dataElementByUid[value.element] else { continue }
      let allowed = metadata.categoryCombos[metadata.dataElements[element].combo].optionCombos
      if metadata.categoryOptionComboByUid[value.optionCombo].map({ !allowed.contains($0) }) ?? true {
        if let known = wrong.firstIndex(where: { $0.element == value.element }) {
          wrong[known].combos.append(value.optionCombo)
        } else {
          wrong.append((value.element, [value.optionCombo]))
        }
      }
    }
    guard let first = wrong.first else { return }
    throw Refusal(
      "E8024", [uid, first.element, Self.list(first.combos)],
      "Data set \(uid) + data element \(first.element) not usable with category option combo(s): `\(Self.list(first.combos))`"
    )
  }

  private mutating func checkValues() {
    for value in values {
      if let refusal = check(value) { refusals.append((value.index, refusal)) } else { good.append(value) }
    }
  }

  private func check(_ value: Decoded) -> Refusal? {
    let element = metadata.dataElements[metadata.dataElementByUid[value.element]!]
    let index = String(value.index)
    let text = value.incoming.value ?? ""
    let isDeletion = run.options.isDelete || value.incoming.deleted == true
    if let comment = value.incoming.comment, comment.unicodeScalars.count > 5000 {
      return Refusal("E8125", [index, "5000"], "Value #\(index) comment too long (max 5,000 characters)`")
    }
    if text.isEmpty { return isDeletion ? nil : Refusal("E8120", [index], "Value #\(index) value is required") }
    if let set = element.optionSet, !metadata.optionSets[set].codes.contains(text) {
      // language: off
      return Refusal(
        "E8123", [index, text, element.uid],
        "Value #\(index) value `\(text)` is no valid option for data element `\(element.uid)`")
      // language: on
    }
    if text.allSatisfy({ $0 == " " }) { return nil }
    guard let problem = ValueTypeRules.check(text, type: element.valueType, version) else { return nil }
    // language: off
    return Refusal(
      "E8122", [index, text, element.valueType, problem.code],
      "Value #\(index) value `\(text)` is no valid \(element.valueType): \(problem.code)")
    // language: on
  }

  private func checkTime(_ uid: String) throws(Refusal) {
    guard let set = metadata.dataSetByUid[uid].map({ metadata.dataSets[$0] }) else { return }
    let today = Int(run.now / 86_400_000)
    if !run.user.isSuperuser {
      let latest = set.periodType.latestOpen(
        on: CalendarDate(dayNumber: today), openFuturePeriods: set.openFuturePeriods)
      let exempt = Set(
        metadata.lockExceptions.filter { $0["dataSet"]?["id"]?.string == uid }
          .map { "\($0["organisationUnit"]?["id"]?.string ?? "") \($0["period"]?.string ?? "")" })
      func isExpired(_ value: Decoded) -> Bool {
        set.expiryDays > 0 && today > value.period.end.dayNumber + set.expiryDays && !run.user.has("F_EDIT_EXPIRED")
          && !exempt.contains("\(value.unit) \(value.period.id)")
      }
      let untimely = Self.distinct(
        values.lazy.filter { value in
          isExpired(value)
            || (set.expiryDays >= 0 && value.period.start > latest.end)
        }.map(\.period.id))
      if !untimely.isEmpty {
        throw Refusal(
          "E8030", [uid, Self.list(untimely)],
          "Untimely data entry for data set \(uid) and period(s): `\(Self.list(untimely))`")
      }
    }
    if run.user.isSuperuser, run.options.has("force") { return }
    func isShut(_ value: Decoded) -> Bool {
      guard let unit = metadata.organisationUnitByUid[value.unit].map({ metadata.organisationUnits[$0] }) else {
        return false
      }
      // Only the first day of the period counts.
      return value.period.start.dayNumber < unit.opened || value.period.start.dayNumber > unit.closed ?? Int.max
    }
    // The server names one unit at a time, with all of its periods.
    guard let unit = values.first(where: isShut)?.unit else { return }
    let shut = Self.distinct(values.lazy.filter { $0.unit == unit && isShut($0) }.map(\.period.id))
    throw Refusal(
      "E8031", [unit, Self.list(shut)], "Untimely data entry for org unit \(unit) and period(s): `\(Self.list(shut))`")
  }

  /// The key of a data value, as texts, because the objects may not exist.
  private struct Key: Hashable {
    let element: String
    let unit: String
    let optionCombo: String
    let attributeCombo: String
    let period: String

    init(_ value: Decoded) {
      element = value.element
      unit = value.unit
      optionCombo = value.optionCombo
      attributeCombo = value.attributeCombo
      period = value.period.id
    }
  }

  private func checkDuplicates() throws(Refusal) {
    var keys: Set<Key> = []
    keys.reserveCapacity(values.count)
    guard let second = values.first(where: { !keys.insert(Key($0)).inserted }) else { return }
    let same = values.filter { Key($0) == Key(second) }
    let list = Self.list(same.map { String($0.index) })
    throw Refusal(
      "E8128", [list, second.keyText], "Value #\(list) all affect the same data value: `\(second.keyText)`")
  }
}
