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
