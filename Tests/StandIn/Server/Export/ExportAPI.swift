import D2Common

/// `GET /api/dataValueSets`.
struct ExportAPI {
  let server: Server
  let call: APICall
  let user: User
  let faults: [Fault]
  let cost: CostOfRequest

  /// Pieces of about this size are sent at once.
  private static let pieceBytes = 65_536
  /// Answers with few rows fit the container's buffer, and are sent with their length.
  private static let rowsWithLength = 20

  private var request: Request { call.request }
  private var version: ServerVersion { server.version }

  func answer() -> Response {
    if let other = otherFormat() { return other }
    let selected: Result<(ExportQuery, [Int32]), ExportRefusal> = server.state.withLock { state in
      let rules = ExportRules(
        metadata: server.metadata, version: version, request: request, user: user, now: server.clock.now,
        localTime: server.localTime)
      do throws(ExportRefusal) {
        var query = try rules.query(&state.values, state.registrations)
        let rows = ExportSelection(metadata: server.metadata, version: version).rows(query, state.values)
        if version.hasDataEntryPipeline { try completeHeader(&query, rows, state.values, rules) }
        return .success((query, rows))
      } catch { return .failure(error) }
    }
    switch selected {
    case .failure(let refusal): return refused(refusal)
    case .success(let (query, rows)): return export(query, rows)
    }
  }

  private func refused(_ refusal: ExportRefusal) -> Response {
    switch refusal {
    case .conflict(let code, let text): ErrorPages.message(409, text, code: code)
    case .malformed(let text): ErrorPages.message(400, text)
    case .silent: Response(status: 200, headers: [("Content-Type", version.exportType)])
    }
  }

  /// Formats that are not imitated, and those that the server itself refuses.
  private func otherFormat() -> Response? {
    let accepts = request.header("accept") ?? "*/*"
    let format = call.suffix ?? request.first("format") ?? "json"
    if format == "json", version.hasDataEntryPipeline || accepts.contains("json") || accepts.contains("*/*") {
      return nil
    }
    if format == "json", accepts.hasPrefix("text/html") {
      return ErrorPages.container(version, 400, "Invalid request parameters.")
    }
    return .text(501, "The stand-in writes data values as JSON only.\n", type: "text/plain")
  }

  /// With schemes other than uid, 2.43 resolves all ids before it begins, and names the schemes at the top.
  private func completeHeader(
    _ query: inout ExportQuery, _ rows: [Int32], _ store: ValueStore, _ rules: ExportRules
  ) throws(ExportRefusal) {
    let metadata = server.metadata
    if query.elementScheme != .uid {
      let without = missing(rows.map { Int(store.rows[Int($0)].key.element) }) {
        query.elementScheme.id(uid: $0.uid, code: $0.code, name: $0.name) == nil ? $0.uid : nil
      } in: {
        metadata.dataElements[$0]
      }
      if !without.isEmpty {
        throw DataExportRules(rules: rules).undefined("E8201", query.elementScheme, "data element(s)", without)
      }
    }
    if query.unitScheme != .uid {
      let units = Set(rows.map { store.rows[Int($0)].key.unit })
      let without = missing(units.map(Int.init)) {
        query.unitScheme.id(uid: $0.uid, code: $0.code, name: $0.name) == nil ? $0.uid : nil
      } in: {
        metadata.organisationUnits[$0]
      }
      if !without.isEmpty {
        throw DataExportRules(rules: rules).undefined("E8202", query.unitScheme, "org unit(s)", without)
      }
      if let only = units.first, units.count == 1, !query.hoistsUnit {
        let unit = metadata.organisationUnits[Int(only)]
        query.hoistsUnit = true
        query.header.append(
          .init("orgUnit", .string(query.unitScheme.id(uid: unit.uid, code: unit.code, name: unit.name) ?? unit.uid)))
      }
    }
    try completeCombos(query, rows, store, rules)
    for (key, scheme) in [
      ("dataSetIdScheme", rules.outputScheme("dataSet")), ("dataElementIdScheme", query.elementScheme),
      ("orgUnitIdScheme", query.unitScheme), ("categoryOptionComboIdScheme", query.optionComboScheme),
      ("attributeOptionComboIdScheme", query.attributeComboScheme),
      ("categoryIdScheme", rules.outputScheme("category")),
      ("categoryOptionIdScheme", rules.outputScheme("categoryOption")),
    ] where scheme != .uid { query.header.append(.init(key, .string(scheme.name))) }
  }

  /// The same for combos.
  private func completeCombos(
    _ query: ExportQuery, _ rows: [Int32], _ store: ValueStore, _ rules: ExportRules
  ) throws(ExportRefusal) {
    let kinds: [(code: String, scheme: IdScheme, what: String, key: KeyPath<ValueKey, Int32>)] = [
      ("E8203", query.optionComboScheme, "category option combo(s)", \.optionCombo),
      ("E8204", query.attributeComboScheme, "attribute option combo(s)", \.attributeCombo),
    ]
    for kind in kinds where kind.scheme != .uid {
      let without = missing(rows.map { Int(store.rows[Int($0)].key[keyPath: kind.key]) }) {
        kind.scheme.id(uid: $0.uid, code: $0.code, name: $0.name) == nil ? $0.uid : nil
      } in: {
        server.metadata.categoryOptionCombos[$0]
      }
      if !without.isEmpty {
        throw DataExportRules(rules: rules).undefined(kind.code, kind.scheme, kind.what, without)
      }
    }
  }

  private func missing<Object>(
    _ positions: [Int], _ uidWithout: (Object) -> String?, in object: (Int) -> Object
  ) -> [String] {
    Set(positions).sorted().compactMap { uidWithout(object($0)) }
  }

  // MARK: - Writing

  private func export(_ query: ExportQuery, _ allRows: [Int32]) -> Response {
    if let slow = faults.first(where: { $0.kind == .slowExport && $0.isExceeded(by: allRows.count) }) {
      return slow.proxysAnswer(504)
    }
    var rows = allRows
    var closesSilently = false
    if let short = faults.first(where: { $0.kind == .shortAnswer }) {
      closesSilently = true
      let kept = short.int("values") ?? (short.int("thousands") ?? 1) * 1000
      // 2.43 has read all rows before it begins. So the body is complete, and only the connection ends.
      if !version.hasDataEntryPipeline { rows = Array(rows.prefix(kept)) }
    }
    server.statistics.exported(values: rows.count)
    let gzip = request.first("compression") == "gzip"
    if let model = server.cost { cost.add(model.firstByte(values: rows.count)) }
    var response = Response(status: 200, headers: headers(gzip: gzip))
    response.closesSilently = closesSilently
    response.body = body(query, rows, gzip: gzip)
    return response
  }

  private func headers(gzip: Bool) -> [(name: String, value: String)] {
    var headers = [("Cache-Control", "no-cache, no-store, max-age=0, must-revalidate")]
    if gzip || version.hasDataEntryPipeline {
      let dates = [request.first("startDate"), request.first("endDate")].compactMap { $0.map { "_" + $0 } }.joined()
      let name = "dataValues\(dates).json" + (gzip ? ".gz" : "")
      let quoted = version.hasDataEntryPipeline ? "\"\(name)\"" : name
      headers.append(("Content-Disposition", "attachment; filename=\(quoted)"))
      headers.append(("Content-Transfer-Encoding", "binary"))
    }
    headers.append(("Content-Type", version.exportType))
    return headers
  }

  private func body(_ query: ExportQuery, _ rows: [Int32], gzip: Bool) -> Response.Body {
    let writer = RowWriter(metadata: server.metadata, version: version, query: query)
    let endless = faults.contains { $0.kind == .endless }
    let (server, perRow) = (server, server.cost.map { $0.exportSeconds(values: 1, gzip: gzip) } ?? 0)
    let stream: @Sendable (_ send: ([UInt8]) throws -> Void) throws -> Void = { send in
      let file = gzip ? GzipWriter() : nil
      func pass(_ bytes: [UInt8], last: Bool = false) throws {
        let ready = file.map { $0.compress(bytes, last: last) } ?? bytes
        if !ready.isEmpty { try send(ready) }
      }
      var piece = ExportAPI.opening(query.header)
      piece.reserveCapacity(ExportAPI.pieceBytes + 4096)
      var at = 0
      var owed = 0
      while at < rows.count {
        server.state.withLock { state in
          while at < rows.count, piece.count < ExportAPI.pieceBytes {
            if at > 0 { piece.append(UInt8(ascii: ",")) }
            writer.write(state.values.rows[Int(rows[at])], state.values, to: &piece)
            at += 1
            owed += 1
          }
        }
        Clock.sleep(seconds: perRow * Double(owed))
        owed = 0
        if piece.count >= ExportAPI.pieceBytes {
          try pass(piece)
          piece.removeAll(keepingCapacity: true)
        }
      }
      if endless { try ExportAPI.goOn(forever: pass, after: &piece, isFirst: rows.isEmpty) }
      piece += "]}".utf8
      try pass(piece, last: true)
    }
    guard !version.hasDataEntryPipeline, !endless, rows.count <= ExportAPI.rowsWithLength else {
      return .stream(stream)
    }
    var whole: [UInt8] = []
    try? stream { whole += $0 }
    return .bytes(whole)
  }

  private static func opening(_ header: [JSONValue.Member]) -> [UInt8] {
    var out: [UInt8] = [UInt8(ascii: "{")]
    for member in header {
      out += "\(JSONValue.string(member.key).jackson):\(member.value.jackson),".utf8
    }
    out += "\"dataValues\":[".utf8
    return out
  }

  /// Sends values without an end, until the client closes the connection.
  private static func goOn(
    forever pass: ([UInt8], Bool) throws -> Void, after piece: inout [UInt8], isFirst: Bool
  ) throws {
    let row = Array(
      """
      {"dataElement":"StandInDe01","period":"202401","orgUnit":"StandInOu01","categoryOptionCombo":"HllvX50cXC0",\
      "attributeOptionCombo":"HllvX50cXC0","value":"1","storedBy":"admin","created":"2024-02-01T00:00:00.000+0000",\
      "lastUpdated":"2024-02-01T00:00:00.000+0000","comment":null,"followup":false}
      """.utf8)
    var first = isFirst
    while true {
      if !first { piece.append(UInt8(ascii: ",")) }
      first = false
      piece += row
      if piece.count >= pieceBytes {
        try pass(piece, false)
        piece.removeAll(keepingCapacity: true)
      }
    }
  }
}
