import D2Common

/// `GET /api/me`.
struct MeAPI {
  let server: Server
  let call: APICall
  let user: User

  func answer() -> Response {
    func units(_ positions: [Int]) -> JSONValue {
      .array(positions.map { ["id": .string(server.metadata.organisationUnits[$0].uid)] })
    }
    let all: JSONValue = [
      "id": .string(user.uid), "username": .string(user.username), "firstName": .string(user.firstName),
      "surname": .string(user.surname), "name": .string(user.name), "displayName": .string(user.name),
      "dataViewOrganisationUnits": units(user.viewUnits), "organisationUnits": units(user.organisationUnits),
      "authorities": .array(user.authorities.map { .string($0) }),
    ]
    let fields = FieldFilter(call.request.first("fields") ?? "*")
    return .json(200, fields.apply(all), type: server.version.jsonType)
  }
}

/// `GET /api/dataValues`: one value, alone in a list.
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
