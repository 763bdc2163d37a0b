import D2Common

/// `GET /api/analytics/dataValueSet`: sums as data values. The server computes the whole answer before its first byte.
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
      let sums = AnalyticsSums(query: query, metadata: metadata, tables: tables)
      if sums.hasStrayOperands { return ErrorPages.message(400, "Dimensional item cannot be null") }
      let rows = sums.values()
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

  /// The recorded answer.
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
    let items = query.items.map { JSONValue.string(ids.item($0)).jackson }
    let units = query.units.map { JSONValue.string(ids.unit($0)).jackson }
    let combos = server.metadata.categoryOptionCombos
    let day = Stamp.local(server.localTime.local(server.clock.now)).prefix(10)
    let end =
      "\"created\":\"\(day)\",\"lastUpdated\":\"\(day)\",\"comment\":\"[aggregated]\",\"followup\":false}"
    var out = Array("{\"dataValues\":[".utf8)
    var isFirst = true
    for (cell, value) in rows {
      let (item, unit) = (items[cell.item], units[cell.unit])
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
    // Below 1, two significant digits; otherwise one decimal.
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

  /// A number in Java's form: with an exponent from ten million on and below a thousandth. Smaller whole numbers have
  /// no decimals here.
  private static func shortest(_ value: Double) -> String {
    if value == 0 || (1e-3..<1e7).contains(abs(value)) {
      return value == value.rounded() ? String(Int(value)) : String(value)
    }
    var (mantissa, exponent) = (value, 0)
    while abs(mantissa) >= 10 { (mantissa, exponent) = (mantissa / 10, exponent + 1) }
    while abs(mantissa) < 1 { (mantissa, exponent) = (mantissa * 10, exponent - 1) }
    return "\(rounded(mantissa, 12))E\(exponent)"
  }
}

/// The ids of items and units in an answer.
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

  /// An object without an id in the scheme has its uid.
  func unit(_ position: Int) -> String {
    let unit = metadata.organisationUnits[position]
    return units.id(uid: unit.uid, code: unit.code, name: unit.name) ?? unit.uid
  }

  /// Reporting rates always have the data set's uid.
  func item(_ item: AnalyticsItem) -> String {
    switch item {
    case .element(let position), .operand(let position, _):
      let element = metadata.dataElements[position]
      return elements.id(uid: element.uid, code: element.code, name: element.name) ?? element.uid
    case .indicator(let position):
      let indicator = metadata.indicators[position]
      return items.id(uid: indicator.uid, code: indicator.code, name: indicator.name) ?? indicator.uid
    case .programIndicator(let position):
      let indicator = metadata.programIndicators[position]
      return items.id(uid: indicator.uid, code: indicator.code, name: indicator.name) ?? indicator.uid
    case .reportingRate(let position, let rate): return "\(metadata.dataSets[position].uid).\(rate.rawValue)"
    }
  }
}
