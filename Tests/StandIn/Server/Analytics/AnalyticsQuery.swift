import D2Common

/// Why an analytics request is refused.
struct AnalyticsRefusal: Error {
  let code: String
  let text: String
}

/// The dimensions and filters of an analytics request, with ids resolved. Unknown ids are silently omitted.
struct AnalyticsQuery: Sendable {
  var items: [AnalyticsItem] = []
  var periods: [Period] = []
  var units: [Int] = []
  var byOptionCombo = false
  var byAttributeCombo = false
  /// The only category option combos, and the only attribute option combos, to include.
  var optionCombos: Set<Int>?
  var attributeCombos: Set<Int>?
  /// The aggregation type, instead of each element's own.
  var aggregationType: String?

  init(
    _ request: Request, _ metadata: Metadata, _ version: ServerVersion, _ user: User, today: CalendarDate
  ) throws(AnalyticsRefusal) {
    let scheme = IdScheme(request.first("inputIdScheme") ?? "UID")
    aggregationType = request.first("aggregationType").flatMap { $0 == "DEFAULT" ? nil : $0 }
    let dimensions = request.parameters.filter { $0.name == "dimension" }.map { Self.parts($0.value) }
    let filters = request.parameters.filter { $0.name == "filter" }.map { Self.parts($0.value) }
    if dimensions.isEmpty { throw AnalyticsRefusal(code: "E7101", text: "At least one dimension must be specified") }
    for dimension in dimensions {
      if filters.contains(where: { $0.name == dimension.name }) {
        throw AnalyticsRefusal(
          code: "E7103",
          text: "Dimensions cannot be specified as dimension and filter simultaneously: `[\(dimension.name)]`")
      }
      switch dimension.name {
      case "dx": items = try Self.items(dimension.ids, metadata, scheme)
      case "pe": periods = try Self.periods(dimension.ids, version, today)
      case "ou": units = try Self.units(dimension.ids, metadata, scheme, user)
      case "co": (byOptionCombo, optionCombos) = (true, Self.combos(dimension.ids, metadata, scheme))
      case "ao": (byAttributeCombo, attributeCombos) = (true, Self.combos(dimension.ids, metadata, scheme))
      default: throw Self.unknown(dimension.name)
      }
    }
    for filter in filters {
      guard filter.name == "ao" else { throw Self.unknown(filter.name) }
      attributeCombos = Self.combos(filter.ids, metadata, scheme)
    }
    try check(dimensions.map(\.name), metadata, user)
  }

  /// `name:one;two`.
  private static func parts(_ text: String) -> (name: String, ids: [String]) {
    let sides = text.split(separator: ":", maxSplits: 1).map(String.init)
    return (sides.first ?? "", sides.count == 2 ? sides[1].split(separator: ";").map(String.init) : [])
  }

  /// The known combos. If none is known, there is no filter.
  private static func combos(_ ids: [String], _ metadata: Metadata, _ scheme: IdScheme) -> Set<Int>? {
    let combos = Set(ids.compactMap { metadata.categoryOptionCombos(by: scheme)[$0] })
    return combos.isEmpty ? nil : combos
  }

  private static func unknown(_ dimension: String) -> AnalyticsRefusal {
    AnalyticsRefusal(
      code: "E7125", text: "Dimension identifier does not reference any dimension: `\(dimension)`")
  }

  private static func empty(_ dimension: String) -> AnalyticsRefusal {
    AnalyticsRefusal(
      code: "E7124", text: "Dimension is present in query without any valid dimension options: `\(dimension)`")
  }

  /// The rules of the server's own validator, in its order.
  private func check(_ names: [String], _ metadata: Metadata, _ user: User) throws(AnalyticsRefusal) {
    if items.contains(where: { if case .reportingRate = $0 { true } else { false } }), byOptionCombo || byAttributeCombo
    {
      throw AnalyticsRefusal(
        code: "E7112",
        text:
          "Reporting rates can only be specified together with dimensions of type: `[DATA_X, PERIOD, ORGANISATION_UNIT, ORGANISATION_UNIT_GROUP_SET, CATEGORY_OPTION_GROUP_SET, CATEGORY]`"
      )
    }
    if byOptionCombo, !items.allSatisfy(\.isOfElement) {
      throw AnalyticsRefusal(
        code: "E7114",
        text:
          "Assigned categories can only be specified together with data elements, not indicators or reporting rates")
    }
    let barred = Set(items.compactMap(\.element)).filter {
      !Self.acceptedTypes.contains(metadata.dataElements[$0].valueType)
    }
    if !barred.isEmpty {
      let uids = barred.map { metadata.dataElements[$0].uid }.joined(separator: ", ")
      throw AnalyticsRefusal(
        code: "E7115",
        text: "Data elements must be of a value and aggregation type that allow aggregation: `[\(uids)]`")
    }
    let skipsTotal = items.contains { item in
      guard case .element(let element) = item else { return false }
      return metadata.categoryCombos[metadata.dataElements[element].combo].skipsTotal
    }
    if skipsTotal {
      throw AnalyticsRefusal(
        code: "E7134", text: "Cannot retrieve total value for data elements with skip total category combination")
    }
    for (name, code, text) in [
      ("dx", "E7117", "A data dimension 'dx'"), ("pe", "E7118", "A period dimension 'pe'"),
      ("ou", "E7119", "An organisation unit dimension 'ou'"),
    ] where !names.contains(name) {
      throw AnalyticsRefusal(
        code: code, text: "\(text) must be specified when output format is DATA_VALUE_SET")
    }
    if !user.viewUnits.isEmpty, let unit = units.first(where: { !metadata.isWithin($0, anyOf: user.viewUnits) }) {
      throw AnalyticsRefusal(
        code: "E7120",
        text: "User: `\(user.username)` is not allowed to view org unit: `\(metadata.organisationUnits[unit].uid)`")
    }
  }

  /// Texts are accepted, but have no values. Files and dates are refused, together with the rest of the request.
  private static let acceptedTypes: Set<String> = [
    "BOOLEAN", "TRUE_ONLY", "TEXT", "LONG_TEXT", "LETTER", "INTEGER", "INTEGER_POSITIVE", "INTEGER_NEGATIVE",
    "INTEGER_ZERO_OR_POSITIVE", "NUMBER", "UNIT_INTERVAL", "PERCENTAGE", "COORDINATE",
  ]

  // MARK: - Members of dimensions

  private static func items(
    _ ids: [String], _ metadata: Metadata, _ scheme: IdScheme
  ) throws(AnalyticsRefusal) -> [AnalyticsItem] {
    let elements = metadata.dataElements(by: scheme)
    let indicators = IdLookup(
      scheme, uids: metadata.indicatorByUid, metadata.indicators.lazy.map { ($0.code, $0.name) })
    let programIndicators = IdLookup(
      scheme, uids: metadata.programIndicatorByUid, metadata.programIndicators.lazy.map { ($0.code, $0.name) })
    let sets = metadata.dataSets(by: scheme)
    func members(_ id: String) -> [AnalyticsItem] {
      if id.hasPrefix("DE_GROUP-") {
        let group = metadata.dataElementGroupByUid[String(id.dropFirst(9))]
        return group.map { metadata.dataElementGroups[$0].members.map { .element($0) } } ?? []
      }
      if id.hasPrefix("IN_GROUP-") {
        let group = metadata.indicatorGroups.first { $0.uid == id.dropFirst(9) }
        return group.map { $0.members.map { .indicator($0) } } ?? []
      }
      if let element = elements[id] { return [.element(element)] }
      if let indicator = indicators[id] { return [.indicator(indicator)] }
      if let indicator = programIndicators[id] { return [.programIndicator(indicator)] }
      guard let dot = id.lastIndex(of: ".") else { return [] }
      let (first, second) = (String(id[..<dot]), String(id[id.index(after: dot)...]))
      if let rate = ReportingRate(rawValue: second) { return sets[first].map { [.reportingRate(set: $0, rate)] } ?? [] }
      guard let element = elements[first], let combo = metadata.categoryOptionComboByUid[second] else { return [] }
      return [.operand(element: element, combo: combo)]
    }
    var seen: Set<AnalyticsItem> = []
    let items = ids.flatMap(members).filter { seen.insert($0).inserted }
    if items.isEmpty { throw empty("dx") }
    return items
  }

  private static func periods(
    _ ids: [String], _ version: ServerVersion, _ today: CalendarDate
  ) throws(AnalyticsRefusal) -> [Period] {
    var seen: Set<Period> = []
    let periods = ids.flatMap { id in
      RelativePeriod(id)?.periods(by: PeriodClock(today: today)) ?? PeriodParser.parse(id, version).map { [$0] } ?? []
    }.filter { seen.insert($0).inserted }
    if periods.isEmpty { throw empty("pe") }
    return periods
  }

  /// Levels and groups are searched below the other requested units.
  private static func units(
    _ ids: [String], _ metadata: Metadata, _ scheme: IdScheme, _ user: User
  ) throws(AnalyticsRefusal) -> [Int] {
    let lookup = metadata.organisationUnits(by: scheme)
    let all = metadata.organisationUnitsByUid
    var levels: [Int] = []
    var groups: [Int] = []
    var named: [Int] = []
    for id in ids {
      if id.hasPrefix("LEVEL-") {
        let name = String(id.dropFirst(6))
        let level = Int(name) ?? metadata.organisationUnitLevels.first { $0.uid == name }?.level
        if let level { levels.append(level) }
      } else if id.hasPrefix("OU_GROUP-") {
        if let group = metadata.organisationUnitGroupByUid[String(id.dropFirst(9))] { groups.append(group) }
      } else if id == "USER_ORGUNIT" {
        named += user.organisationUnits
      } else if id == "USER_ORGUNIT_CHILDREN" {
        named += user.organisationUnits.flatMap { metadata.organisationUnits[$0].children }
      } else if let unit = lookup[id] {
        named.append(unit)
      }
    }
    var found = named
    if !levels.isEmpty || !groups.isEmpty {
      let members = Set(groups.flatMap { metadata.organisationUnitGroups[$0].members })
      found = all.filter { unit in
        (levels.contains(metadata.organisationUnits[unit].level) || members.contains(unit))
          && (named.isEmpty || metadata.isWithin(unit, anyOf: named))
      }
    }
    var seen: Set<Int> = []
    found = found.filter { seen.insert($0).inserted }
    if found.isEmpty { throw empty("ou") }
    return found
  }
}
