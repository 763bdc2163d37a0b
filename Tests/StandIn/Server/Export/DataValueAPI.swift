import D2Common

/// `GET /api/dataValues`: one value, in a list.
struct DataValueAPI {
  let server: Server
  let call: APICall

  func answer() -> Response {
    let (request, metadata) = (call.request, server.metadata)
    let value: String? = server.state.withLock { state in
      guard let element = request.first("de").flatMap({ metadata.dataElementByUid[$0] }),
        let unit = request.first("ou").flatMap({ metadata.organisationUnitByUid[$0] }),
        let period = request.first("pe").flatMap({ state.values.knownPosition(ofPeriod: $0) })
      else { return nil }
      let combo = request.first("co").flatMap { metadata.categoryOptionComboByUid[$0] } ?? metadata.defaultOptionCombo
      let row = state.values.find(
        ValueKey(
          element: Int32(element), period: period, unit: Int32(unit), optionCombo: Int32(combo),
          attributeCombo: Int32(metadata.defaultOptionCombo))
      ).map { state.values.rows[Int($0)] }
      return row.flatMap { $0.isDeleted ? nil : $0.value }
    }
    guard let value else { return ErrorPages.message(409, "Data value does not exist", code: "E2032") }
    return .json(200, [.string(value)], type: server.version.jsonType)
  }
}
