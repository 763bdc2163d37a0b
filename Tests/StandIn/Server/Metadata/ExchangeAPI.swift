import D2Common

/// `GET /api/aggregateDataExchanges` and `GET /api/aggregateDataExchanges/<uid>`: the posted documents, without their
/// secrets.
struct ExchangeAPI {
  let server: Server
  let call: APICall

  private var version: ServerVersion { server.version }

  func answer() -> Response {
    let exchanges = server.metadata.exchanges.map(Self.shown)
    guard call.resource.count > 1 else {
      let fields = FieldFilter(call.request.first("fields") ?? "id,displayName")
      let count = JSONValue.int(exchanges.count)
      return .json(
        200,
        [
          "pager": ["page": 1, "total": count, "pageSize": 50, "pageCount": 1],
          "aggregateDataExchanges": .array(exchanges.map { fields.apply($0) }),
        ], type: version.jsonType)
    }
    guard let found = exchanges.first(where: { $0["id"]?.string == call.resource[1] }) else {
      return ErrorPages.message(
        404, "AggregateDataExchange with id \(call.resource[1]) could not be found.", code: "E1005")
    }
    return .json(200, FieldFilter(call.request.first("fields") ?? "*").apply(found), type: version.jsonType)
  }

  private static func shown(_ value: JSONValue) -> JSONValue {
    switch value {
    case .object(let members):
      .object(
        members.filter { !["accessToken", "password"].contains($0.key) }.map { .init($0.key, shown($0.value)) })
    case .array(let elements): .array(elements.map(shown))
    default: value
    }
  }
}
