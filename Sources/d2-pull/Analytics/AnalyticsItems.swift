import D2Client
import D2Common

/// Finds the data items of a question: what was named, and the members of groups and data sets. What the server would
/// leave out without a word is named.
struct AnalyticsItems {
  let options: PullOptions
  let analytics: AnalyticsOptions
  let client: DHIS2Client
  let log: Log

  /// Grids of items that can go into one request: data elements, indicators, reporting rates.
  func grids(_ asked: inout AskedIDs) throws -> [AnalyticsGrid] {
    let elements = try elements(&asked)
    let kinds = [
      (items: elements, disaggregates: analytics.disaggregates),
      (items: try operands(&asked, besides: elements).map { ($0, 1) }, disaggregates: false),
      (items: try indicators(&asked).map { ($0, 1) }, disaggregates: false),
      (items: try rates(&asked).map { ($0, 1) }, disaggregates: false),
    ]
    if analytics.disaggregates, !kinds[2...].flatMap(\.items).isEmpty {
      log.info("indicators and reporting rates have no combos: they come as they are")
    }
    return kinds.filter { !$0.items.isEmpty }.map {
      AnalyticsGrid(items: $0.items, periods: [], units: [], disaggregates: $0.disaggregates)
    }
  }

  // MARK: Data elements

  private static let elementFields = "id,name,code,valueType,aggregationType,categoryCombo[id]"

  private func elements(_ asked: inout AskedIDs) throws -> [AnalyticsGrid.Item] {
    let named = try asked.objects(
      PullOptions.dataElements, options.dataElements.filter { !$0.contains(".") }, in: "dataElements",
      fields: fields(Self.elementFields))
    let members =
      try members(
        of: options.dataElementGroups, PullOptions.dataElementGroups, "dataElementGroups", ["dataElements"], &asked)
      + (analytics.rates.isEmpty
        ? try members(
          of: options.dataSets, PullOptions.dataSets, "dataSets", ["dataSetElements", "dataElement"], &asked) : [])
    let others = Set(named.compactMap { $0["id"]?.string })
    let inGroups = try client.objects(
      members.filter { !others.contains($0) }.unique, in: "dataElements", fields: fields(Self.elementFields))
    asked.report(PullOptions.dataElements, ids(named.filter { !Self.isSummed($0) }), Self.noSum)
    let silent = inGroups.filter { !Self.isSummed($0) }
    if !silent.isEmpty {
      let names = silent.map { "\($0["id"]?.string ?? "?") (\($0["name"]?.string ?? "?"))" }.sorted()
      log.warning(
        "left out of the groups and data sets: \(counted(names.count, "data element")), \(Enumeration.few(names, log)): \(Self.noSum)"
      )
    }
    let summed = identified((named + inGroups).filter(Self.isSummed), "data element", &asked)
    let combos = try analytics.disaggregates ? combos(of: summed) : [:]
    return summed.compactMap { element in
      guard let id = element["id"]?.string else { return nil }
      return (id, element["categoryCombo"]?["id"]?.string.flatMap { combos[$0] } ?? 1)
    }
  }

  /// Data elements in one category option combo each: `UID.UID`.
  ///
  /// - Parameter elements: those that are asked for as a whole. With each of their combos, one of them would come
  ///   twice.
  private func operands(_ asked: inout AskedIDs, besides elements: [AnalyticsGrid.Item]) throws -> [String] {
    let whole = Set(analytics.disaggregates ? elements.map(\.id) : [])
    let operands = options.dataElements.filter { $0.contains(".") && !whole.contains(String($0.prefix { $0 != "." })) }
    let elements = operands.map { String($0.prefix { $0 != "." }) }
    let known = try asked.objects(
      PullOptions.dataElements, elements.unique, in: "dataElements", fields: fields(Self.elementFields))
    asked.report(PullOptions.dataElements, ids(known.filter { !Self.isSummed($0) }), Self.noSum)
    let summed = Set(ids(identified(known.filter(Self.isSummed), "data element", &asked)))
    return zip(operands, elements).filter { summed.contains($0.1) }.map(\.0)
  }

  private static let noSum =
    "texts, dates, files and the aggregation type NONE have no sums; pull their values without --analytics"

  /// Whether analytics make sums of it.
  static func isSummed(_ element: JSONValue) -> Bool {
    guard element["aggregationType"]?.string != "NONE" else { return false }
    let type = element["valueType"]?.string ?? ""
    return type.hasPrefix("INTEGER")
      || ["NUMBER", "UNIT_INTERVAL", "PERCENTAGE", "BOOLEAN", "TRUE_ONLY"].contains(type)
  }

  /// How many option combos each category combo has.
  private func combos(of elements: [JSONValue]) throws -> [String: Int] {
    var counts: [String: Int] = [:]
    let uids = elements.compactMap { $0["categoryCombo"]?["id"]?.string }.unique
    try client.forEachObject(uids, in: "categoryCombos", fields: "id,categoryOptionCombos[id]") { combo in
      if let id = combo["id"]?.string { counts[id] = combo["categoryOptionCombos"]?.array?.count }
    }
    return counts
  }

  // MARK: Indicators and rates

  private func indicators(_ asked: inout AskedIDs) throws -> [String] {
    let fields = fields("id,name,code")
    let members = try members(
      of: analytics.indicatorGroups, AnalyticsSubject.indicatorGroups, "indicatorGroups", ["indicators"], &asked)
    let named = try asked.objects(
      AnalyticsSubject.indicators, analytics.indicators, in: "indicators", fields: fields)
    let others = Set(ids(named))
    let inGroups = try client.objects(members.filter { !others.contains($0) }, in: "indicators", fields: fields)
    let ofPrograms = try asked.objects(
      AnalyticsSubject.programIndicators, analytics.programIndicators, in: "programIndicators", fields: fields)
    return ids(identified(named + inGroups, "indicator", &asked))
      + ids(identified(ofPrograms, "program indicator", &asked))
  }

  private func rates(_ asked: inout AskedIDs) throws -> [String] {
    guard !analytics.rates.isEmpty else { return [] }
    let sets = try asked.objects(
      PullOptions.dataSets, options.dataSets, in: "dataSets", fields: fields("id,name,code"))
    return ids(identified(sets, "data set", &asked)).flatMap { set in analytics.rates.map { "\(set).\($0)" } }
  }

  // MARK: Objects

  /// The uids of what some groups or data sets hold.
  ///
  /// - Parameter path: the keys that lead to a member.
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

  /// Those that have an id in the scheme of the output. The server leaves out the others without a word.
  private func identified(_ objects: [JSONValue], _ noun: String, _ asked: inout AskedIDs) -> [JSONValue] {
    asked.identified(objects, analytics.itemScheme, noun)
  }
}

extension AskedIDs {
  /// What a server has of some ids; those that it does not know are named.
  mutating func objects(
    _ option: any AnyOption, _ ids: [String], in plural: String, fields: String
  ) throws -> [JSONValue] {
    guard !ids.isEmpty else { return [] }
    let objects = try client.objects(ids, in: plural, fields: fields)
    let known = Set(objects.compactMap { $0["id"]?.string })
    try reportUnknown(option, plural, ids.filter { !known.contains($0) })
    return objects
  }

  /// Those that have an id in the scheme of the output, and one that no other has; the rest is named.
  mutating func identified(_ objects: [JSONValue], _ scheme: IDScheme, _ noun: String) -> [JSONValue] {
    let byID = Dictionary(grouping: objects) { scheme.id(of: $0) }
    let shared = byID.filter { id, some in id != nil && Set(some.map { $0["id"]?.string }).count > 1 }
    nameless(
      byID[nil] ?? [], noun,
      "no \(scheme)", "the server leaves out what belongs to them. Give each one an id, or use uids")
    nameless(
      shared.flatMap(\.value), noun,
      "the same \(scheme)", "their values could not be told apart and are left out. Give each its own, or use uids")
    return objects.filter { scheme.id(of: $0).map { shared[$0] == nil } ?? false }
  }

  private mutating func nameless(_ objects: [JSONValue], _ noun: String, _ what: String, _ advice: String) {
    guard !objects.isEmpty else { return }
    let names = objects.map { "\($0["id"]?.string ?? "?") (\($0["name"]?.string ?? "?"))" }.unique.sorted()
    noteMissing(noun, names, "\(what) of \(counted(names.count, noun)): \(Enumeration.few(names, log)): \(advice)")
  }
}
