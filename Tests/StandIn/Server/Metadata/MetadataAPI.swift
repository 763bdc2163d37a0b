import D2Common

/// `GET /api/<collection>` and `GET /api/<collection>/<uid>`.
struct MetadataAPI {
  let server: Server
  let call: APICall
  let user: User

  func answer() -> Response? { nil }
}
