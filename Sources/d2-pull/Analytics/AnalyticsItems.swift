import D2Client
import D2Common

/// Finds the data items of a request: those that the user names, and the members of groups and data sets. It reports
/// the items that the server would silently omit.
struct AnalyticsItems {
  let options: PullOptions
  let analytics: AnalyticsOptions
  let client: DHIS2Client
  let log: Log
  /// What the uids of the items become in the output.
  private(set) var outputIDs = OutputIDs()
  /// Whether the output lacks data elements of a group or data set that the user asked for, because they have no sums.
  private(set) var leavesOut = false
  /// The uids of items by their ids in the output.
  private var uidsByID: [String: String] = [:]
  /// Items that are whole numbers: data elements of such a type, and indicators without decimals.
  private var integers: Set<String> = []

  init(options: PullOptions, analytics: AnalyticsOptions, client: DHIS2Client, log: Log) {
    self.options = options
    self.analytics = analytics
    self.client = client
    self.log = log
  }

  /// Grids of items that can share a request: data elements, operands, indicators, reporting rates.
  mutating func grids(_ asked: inout AskedIDs) throws -> [AnalyticsGrid] {
    let elements = try elements(&asked)
    let ofElements = try grids(of: elements) + operands(&asked, besides: elements)
    let others = [try indicators(&asked), try rates(&asked)].filter { !$0.isEmpty }
    if analytics.disaggregates, !others.isEmpty {
      log.info("indicators and reporting rates have no combos: they come as they are")
    }
    let grids = ofElements + others.map { AnalyticsGrid(items: $0.map { ($0, 1) }, periods: [], units: []) }
    return grids.flatMap { withoutRounding($0) }
  }

  // MARK: Data elements

  /// A data element that has sums.
  private struct Element {
    var id: String
    /// The option combos of its category combo, if each is a value of its own.
    var combos: [String]
    var hasTotal: Bool
  }

  private static let elementFields = "id,name,code,valueType,aggregationType,categoryCombo[id,skipTotal]"

  private mutating func elements(_ asked: inout AskedIDs) throws -> [Element] {
    let whole = options.dataElements.compactMap { text in
      guard let operand = AnalyticsOperand(text) else { return text }
      return operand.isWhole ? operand.element : nil
    }
    let named = try asked.objects(
      PullOptions.dataElements, whole.unique, in: "dataElements", fields: fields(Self.elementFields))
    let members =
      try members(
        of: options.dataElementGroups, PullOptions.dataElementGroups, "dataElementGroups", ["dataElements"], &asked)
      + (analytics.rates.isEmpty
        ? try members(
          of: options.dataSets, PullOptions.dataSets, "dataSets", ["dataSetElements", "dataElement"], &asked) : [])
    let others = Set(named.compactMap { $0["id"]?.string })
    let inGroups = try client.objects(
      members.filter { !others.contains($0) }.unique, in: "dataElements", fields: fields(Self.elementFields))
    let summed = leaveOut(Self.noSum, named, inGroups, &asked) { Self.isSummed($0) }
    let answered = leaveOut(Self.noTotal, summed.named, summed.inGroups, &asked) { [analytics] in
      analytics.disaggregates || Self.hasTotal($0)
    }
    let found = identified(answered.named + answered.inGroups, "data element", &asked)
    let combos = try analytics.disaggregates ? combos(of: found) : [:]
    let elements = found.compactMap { element in
      element["id"]?.string.map { id in
        let own = element["categoryCombo"]?["id"]?.string.flatMap { combos[$0] } ?? []
        return Element(id: id, combos: own, hasTotal: Self.hasTotal(element))
      }
    }
    let withoutCombos = elements.filter { !$0.hasTotal && $0.combos.isEmpty }.map(\.id)
    asked.report(PullOptions.dataElements, withoutCombos, "this user may not read the combos of their category combo")
    return elements.filter { $0.hasTotal || !$0.combos.isEmpty }
  }

  /// Names the data elements that the server would not answer for, and returns the others. One that the user named
  /// counts as missing.
  private mutating func leaveOut(
    _ reason: String, _ named: [JSONValue], _ inGroups: [JSONValue], _ asked: inout AskedIDs,
    keeping isKept: (JSONValue) -> Bool
  ) -> (named: [JSONValue], inGroups: [JSONValue]) {
    asked.report(PullOptions.dataElements, ids(named.filter { !isKept($0) }), reason)
    let silent = inGroups.filter { !isKept($0) }
    if !silent.isEmpty {
      leavesOut = true
      let names = silent.map { "\($0["id"]?.string ?? "?") (\($0["name"]?.string ?? "?"))" }.sorted()
      log.warning(
        "left out of the groups and data sets: \(counted(names.count, "data element")), \(Enumeration.few(names, log)): \(reason)"
      )
    }
    return (named.filter(isKept), inGroups.filter(isKept))
  }

  private func grids(of elements: [Element]) -> [AnalyticsGrid] {
    let whole = elements.filter(\.hasTotal).map { (id: $0.id, values: max(1, $0.combos.count)) }
    let grids = elements.filter { !$0.hasTotal }.map { element in
      AnalyticsGrid(
        items: element.combos.map { ("\(element.id).\($0)", 1) }, periods: [], units: [], combos: ["ao"])
    }
    guard !whole.isEmpty else { return grids }
    let combos = analytics.disaggregates ? ["co", "ao"] : []
    return [AnalyticsGrid(items: whole, periods: [], units: [], combos: combos)] + grids
  }

  /// Data elements with one combo each: `UID.UID`.
  ///
  /// - Parameter elements: the elements that are requested as a whole. With their combos, an operand would come twice.
  private mutating func operands(_ asked: inout AskedIDs, besides elements: [Element]) throws -> [AnalyticsGrid] {
    let whole = Set(analytics.disaggregates ? elements.map(\.id) : [])
    let operands = options.dataElements.compactMap { AnalyticsOperand($0) }
      .filter { !$0.isWhole && !whole.contains($0.element) }
    guard !operands.isEmpty else { return [] }
    let known = try asked.objects(
      PullOptions.dataElements, operands.map(\.element).unique, in: "dataElements", fields: fields(Self.elementFields))
    asked.report(PullOptions.dataElements, ids(known.filter { !Self.isSummed($0) }), Self.noSum)
    let summed = Set(ids(identified(known.filter(Self.isSummed), "data element", &asked)))
    // The server omits combos that it does not know. Without any combo it would answer for all.
    let combos = Set(
      ids(
        try asked.objects(
          PullOptions.dataElements, operands.flatMap { [$0.combo, $0.attribute] }.compactMap { $0 }.unique,
          in: "categoryOptionCombos", fields: "id")))
    let withoutTotal = Set(ids(known.filter { !Self.hasTotal($0) }))
    let noTotal = operands.filter { $0.combo == nil && withoutTotal.contains($0.element) }
    asked.report(PullOptions.dataElements, noTotal.map(\.text), Self.noTotal)
    let answered = operands.filter { operand in
      summed.contains(operand.element) && !noTotal.contains(operand)
        && [operand.combo, operand.attribute].allSatisfy { $0.map(combos.contains) ?? true }
    }
    return AnalyticsOperand.grids(answered, withoutTotal: withoutTotal)
  }

  private static let noSum =
    "texts, dates, files and the aggregation type NONE have no sums; pull their values without --analytics"
  private static let noTotal =
    "their category combo skips totals, and the server refuses their sums; --disaggregate reads each combo"

  /// Whether analytics sum up the data element.
  static func isSummed(_ element: JSONValue) -> Bool {
    guard element["aggregationType"]?.string != "NONE" else { return false }
    let type = element["valueType"]?.string ?? ""
    return type.hasPrefix("INTEGER")
      || ["NUMBER", "UNIT_INTERVAL", "PERCENTAGE", "BOOLEAN", "TRUE_ONLY"].contains(type)
  }

  /// Whether the server sums the data element over its combos (E7134 if not).
  private static func hasTotal(_ element: JSONValue) -> Bool {
    element["categoryCombo"]?["skipTotal"]?.bool != true
  }

  /// The option combos of the category combos.
  private func combos(of elements: [JSONValue]) throws -> [String: [String]] {
    var found: [String: [String]] = [:]
    let uids = elements.compactMap { $0["categoryCombo"]?["id"]?.string }.unique
    try client.forEachObject(uids, in: "categoryCombos", fields: "id,categoryOptionCombos[id]") { combo in
      if let id = combo["id"]?.string { found[id] = combo.uids("categoryOptionCombos") }
    }
    return found
  }

  // MARK: Indicators and rates

  private mutating func indicators(_ asked: inout AskedIDs) throws -> [String] {
    let fields = fields("id,name,code,decimals")
    let members = try members(
      of: analytics.indicatorGroups, AnalyticsSubject.indicatorGroups, "indicatorGroups", ["indicators"], &asked)
    let named = try asked.objects(
      AnalyticsSubject.indicators, analytics.indicators, in: "indicators", fields: fields)
    let others = Set(ids(named))
    let inGroups = try client.objects(members.filter { !others.contains($0) }, in: "indicators", fields: fields)
    let ofPrograms = try asked.objects(
      AnalyticsSubject.programIndicators, analytics.programIndicators, in: "programIndicators",
      fields: fields + ",aggregateExportDataElement,aggregateExportCategoryOptionCombo")
    // The server writes the data element for the export instead of the indicator, in the id that somebody typed.
    func isExported(_ indicator: JSONValue) -> Bool {
      !(indicator["aggregateExportDataElement"]?.string ?? "").isEmpty
    }
    return ids(identified(named + inGroups, "indicator", &asked))
      + ids(identified(ofPrograms.filter { !isExported($0) }, "program indicator", &asked))
      + exported(ofPrograms.filter(isExported), &asked)
  }

  /// Program indicators whose values have the key of their own data element for exports. Those whose key another item
  /// also has are left out.
  private mutating func exported(_ indicators: [JSONValue], _ asked: inout AskedIDs) -> [String] {
    func key(_ indicator: JSONValue) -> [String] {
      ["aggregateExportDataElement", "aggregateExportCategoryOptionCombo"].map { indicator[$0]?.string ?? "" }
    }
    let byKey = Dictionary(grouping: indicators, by: key)
    let shared = indicators.filter { indicator in
      let own = key(indicator)
      return byKey[own, default: []].count > 1 || own[1].isEmpty && uidsByID[own[0]] != nil
    }
    asked.shared(shared, "data element", "program indicator")
    integers.formUnion(ids(indicators.filter(Self.isInteger)))
    let leftOut = Set(ids(shared))
    return ids(indicators).filter { !leftOut.contains($0) }
  }

  /// Reporting rates. DHIS2 names them by the data set's uid in every id scheme.
  private func rates(_ asked: inout AskedIDs) throws -> [String] {
    guard !analytics.rates.isEmpty else { return [] }
    let sets = try asked.objects(PullOptions.dataSets, options.dataSets, in: "dataSets", fields: "id,name")
    return ids(sets).flatMap { set in analytics.rates.map { "\(set).\($0)" } }
  }

  // MARK: Rounding

  /// A grid in two: items that are whole numbers, and the others. With `skipRounding`, the server cuts the decimals of
  /// whole numbers off, and everything above 2147483647.
  private func withoutRounding(_ grid: AnalyticsGrid) -> [AnalyticsGrid] {
    guard analytics.skipsRounding else { return [grid] }
    var (rounded, others) = (grid, grid)
    rounded.items.removeAll { !integers.contains(String($0.id.prefix { $0 != "." })) }
    others.items.removeAll { integers.contains(String($0.id.prefix { $0 != "." })) }
    others.skipsRounding = true
    return [rounded, others].filter { !$0.items.isEmpty }
  }

  // MARK: Objects

  /// The uids of the members of groups or data sets.
  ///
  /// - Parameter path: the keys from a group to a member.
  private func members(
    of groups: [String], _ option: any AnyOption, _ plural: String, _ path: [String], _ asked: inout AskedIDs
  ) throws -> [String] {
    let fields = path.reversed().reduce("id") { "\($1)[\($0)]" }
    let found = try asked.objects(option, groups, in: plural, fields: "id,\(fields)")
    return ids(
      path.reduce(found) { objects, key in objects.flatMap { $0[key]?.array ?? [$0[key]].compactMap { $0 } } }
    ).unique
  }

  private func ids(_ objects: [JSONValue]) -> [String] { objects.compactMap { $0["id"]?.string } }

  private func fields(_ own: String) -> String {
    if case .attribute = analytics.itemScheme { own + "," + analytics.itemScheme.fields.dropFirst(3) } else { own }
  }

  /// Without the objects whose id an item of another kind has: their values would have the same key.
  private mutating func distinct(_ objects: [JSONValue], _ noun: String, _ asked: inout AskedIDs) -> [JSONValue] {
    let scheme = analytics.itemScheme
    func isTaken(_ object: JSONValue) -> Bool {
      guard let id = scheme.id(of: object), let uid = uidsByID[id] else { return false }
      return uid != object["id"]?.string
    }
    asked.shared(objects.filter(isTaken), "\(scheme)", noun)
    let found = objects.filter { !isTaken($0) }
    for object in found { if let id = scheme.id(of: object) { uidsByID[id] = object["id"]?.string } }
    return found
  }

  private static func isInteger(_ item: JSONValue) -> Bool {
    ElementTraits(item).contains(.isInteger) || item["decimals"]?.int == 0
  }

  /// The objects that have an id in the output's scheme. The others are left out: a destination would not know them.
  private mutating func identified(_ objects: [JSONValue], _ noun: String, _ asked: inout AskedIDs) -> [JSONValue] {
    let found = distinct(asked.identified(objects, analytics.itemScheme, noun), noun, &asked)
    outputIDs.add(dataItems: found, analytics.itemScheme)
    integers.formUnion(ids(found.filter(Self.isInteger)))
    return found
  }
}

extension AskedIDs {
  /// The server's objects with these ids. It reports unknown ids.
  mutating func objects(
    _ option: any AnyOption, _ ids: [String], in plural: String, fields: String
  ) throws -> [JSONValue] {
    guard !ids.isEmpty else { return [] }
    let objects = try client.objects(ids, in: plural, fields: fields)
    let known = Set(objects.compactMap { $0["id"]?.string })
    try reportUnknown(option, plural, ids.filter { !known.contains($0) })
    return objects
  }

  /// The objects that have a unique id in the output's scheme. It reports the others.
  mutating func identified(_ objects: [JSONValue], _ scheme: IDScheme, _ noun: String) -> [JSONValue] {
    let byID = Dictionary(grouping: objects) { scheme.id(of: $0) }
    let shared = byID.filter { id, some in id != nil && Set(some.map { $0["id"]?.string }).count > 1 }
    nameless(
      byID[nil] ?? [], noun,
      "no \(scheme)", "what belongs to them is left out. Give each one an id, or use uids")
    self.shared(shared.flatMap(\.value), "\(scheme)", noun)
    return objects.filter { scheme.id(of: $0).map { shared[$0] == nil } ?? false }
  }

  /// Reports objects that have something in common with others in the output, although it should tell them apart.
  mutating func shared(_ objects: [JSONValue], _ what: String, _ noun: String) {
    nameless(
      objects, noun,
      "the same \(what)", "their values could not be told apart and are left out. Give each its own, or use uids")
  }

  private mutating func nameless(_ objects: [JSONValue], _ noun: String, _ what: String, _ advice: String) {
    guard !objects.isEmpty else { return }
    let names = objects.map { "\($0["id"]?.string ?? "?") (\($0["name"]?.string ?? "?"))" }.unique.sorted()
    noteMissing(noun, names, "\(what) of \(counted(names.count, noun)): \(Enumeration.few(names, log)): \(advice)")
  }
}
