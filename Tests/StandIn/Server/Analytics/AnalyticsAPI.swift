import D2Common

/// `GET /api/analytics/dataValueSet`: sums as data values. The whole answer is made before its first byte.
struct AnalyticsAPI {
  let server: Server
  let call: APICall
  let user: User
  let faults: [Fault]
  let cost: CostOfRequest

  private var request: Request { call.request }

  func answer() -> Response {
    var response = answered()
    response.headers.insert(("Cache-Control", "max-age=60, public"), at: 0)
    return response
  }

  private func answered() -> Response {
    let metadata = server.metadata
    do throws(AnalyticsRefusal) {
      let query = try AnalyticsQuery(
        request, metadata, server.version, user,
        today: CalendarDate(dayNumber: Int(server.localTime.local(server.clock.now) / 86_400_000)))
      guard let tables = server.state.withLock({ $0.analytics }) else { return Self.noTables }
      let rows = AnalyticsSums(query: query, metadata: metadata, tables: tables).values()
      if rows.count > server.analyticsLimit {
        throw AnalyticsRefusal(code: "E7128", text: "Query result set exceeded max limit: `\(server.analyticsLimit)`")
      }
      if let slow = faults.first(where: { $0.kind == .slowExport && $0.isExceeded(by: rows.count) }) {
        return slow.proxysAnswer(504)
      }
      if let model = server.cost { cost.add(model.analyticsSeconds(values: rows.count)) }
      return Response(
        status: 200, headers: [("Content-Type", server.version.jsonType)], body: .chunked(document(rows, query)))
    } catch { return ErrorPages.message(409, error.text, code: error.code) }
  }

  /// As it was recorded.
  private static var noTables: Response {
    let text =
      "Query failed because a referenced table does not exist. Please ensure analytics job was run (SqlState: 42P01)"
    var members = ErrorPages.body(409, text).members ?? []
    members.append(.init("devMessage", "ERROR: relation \"analytics\" does not exist\n  Position: 70"))
    members.append(.init("errorCode", "E7144"))
    let body = JSONValue.object(members).jackson
    return Response(status: 409, headers: [("Content-Type", "application/json")], body: .bytes(Array(body.utf8)))
  }

  // MARK: - Writing

  private func document(_ rows: [(cell: AnalyticsSums.Cell, value: Double)], _ query: AnalyticsQuery) -> [UInt8] {
    let ids = AnalyticsIDs(request: request, metadata: server.metadata)
    let items = query.items.map { ids.item($0).map { JSONValue.string($0).jackson } }
    let units = query.units.map { ids.unit($0).map { JSONValue.string($0).jackson } }
    let combos = server.metadata.categoryOptionCombos
    let day = Stamp.local(server.localTime.local(server.clock.now)).prefix(10)
    let end =
      "\"created\":\"\(day)\",\"lastUpdated\":\"\(day)\",\"comment\":\"[aggregated]\",\"followup\":false}"
    var out = Array("{\"dataValues\":[".utf8)
    var isFirst = true
    for (cell, value) in rows {
      // What has no id in the scheme is left out.
      guard let item = items[cell.item], let unit = units[cell.unit] else { continue }
      if !isFirst { out.append(UInt8(ascii: ",")) }
      isFirst = false
      out += "{\"dataElement\":\(item),\"period\":\"\(query.periods[cell.period].id)\",\"orgUnit\":\(unit),".utf8
      var optionCombo = cell.optionCombo >= 0 ? combos[Int(cell.optionCombo)].uid : nil
      if case .operand(_, let only) = query.items[cell.item] { optionCombo = combos[only].uid }
      if let optionCombo { out += "\"categoryOptionCombo\":\"\(optionCombo)\",".utf8 }
      if cell.attributeCombo >= 0 {
        out += "\"attributeOptionCombo\":\"\(combos[Int(cell.attributeCombo)].uid)\",".utf8
      }
      out += "\"value\":\"\(text(value, query.items[cell.item]))\",".utf8
      out += end.utf8
    }
    out += "]}".utf8
    return out
  }

  private func text(_ value: Double, _ item: AnalyticsItem) -> String {
    let isInteger = item.element.map { server.metadata.dataElements[$0].valueType.hasPrefix("INTEGER") } ?? false
    if isInteger { return String(Int(value)) }
    if request.flag("skipRounding") { return Self.shortest(Self.rounded(value, 10)) }
    // Below 1 two digits that count, else one decimal.
    var decimals = 1
    if value != 0, abs(value) < 1 {
      var scaled = abs(value)
      while scaled < 0.1 {
        scaled *= 10
        decimals += 1
      }
      decimals += 1
    }
    return Self.shortest(Self.rounded(value, decimals))
  }

  private static func rounded(_ value: Double, _ decimals: Int) -> Double {
    var scale = 1.0
    for _ in 0..<decimals { scale *= 10 }
    return (value * scale).rounded(.toNearestOrAwayFromZero) / scale
  }

  private static func shortest(_ value: Double) -> String {
    value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : String(value)
  }
}

/// What items and units are called in an answer.
private struct AnalyticsIDs {
  let items: IdScheme
  let elements: IdScheme
  let units: IdScheme
  let metadata: Metadata

  init(request: Request, metadata: Metadata) {
    self.metadata = metadata
    let all = request.first("outputIdScheme") ?? "UID"
    items = IdScheme(request.first("outputDataItemIdScheme") ?? all)
    elements = IdScheme(
      request.first("outputDataElementIdScheme") ?? request.first("outputDataItemIdScheme") ?? all)
    units = IdScheme(request.first("outputOrgUnitIdScheme") ?? all)
  }

  func unit(_ position: Int) -> String? {
    let unit = metadata.organisationUnits[position]
    return units.id(uid: unit.uid, code: unit.code, name: unit.name)
  }

  func item(_ item: AnalyticsItem) -> String? {
    switch item {
    case .element(let position), .operand(let position, _):
      let element = metadata.dataElements[position]
      return elements.id(uid: element.uid, code: element.code, name: element.name)
    case .indicator(let position):
      let indicator = metadata.indicators[position]
      return items.id(uid: indicator.uid, code: indicator.code, name: indicator.name)
    case .programIndicator(let position):
      let indicator = metadata.programIndicators[position]
      return items.id(uid: indicator.uid, code: indicator.code, name: indicator.name)
    case .reportingRate(let position, let rate):
      let set = metadata.dataSets[position]
      return items.id(uid: set.uid, code: set.code, name: set.name).map { "\($0).\(rate.rawValue)" }
    }
  }
}
