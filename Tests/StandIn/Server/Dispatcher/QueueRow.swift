import D2Common

/// A request that the queue holds.
struct QueueRow: Sendable {
  var uid: String
  /// Numbers of the servers, from 1.
  var source: Int
  var destination: Int
  var parameters: [Request.Parameter]
  var contentType: String
  var body: [UInt8]
  var status = "ready"
  var statusCode = ""
  var retries = 0
  var errors = ""
  var response = ""
  /// Milliseconds since 1970 of the last change.
  var updated: Int64
  /// When it is sent, on the clock that never jumps; `nil`: never.
  var due: UInt64?
  /// The destination's job, where one is at work.
  var job: String?

  var json: JSONValue {
    [
      "uid": .string(uid), "source": .int(source), "destination": .int(destination),
      "parameters": .object(parameters.map { .init($0.name, .string($0.value)) }), "contentType": .string(contentType),
      "body": .string(String(decoding: body, as: UTF8.self)), "status": .string(status),
      "statuscode": .string(statusCode), "retries": .int(retries), "errors": .string(errors),
      "response": .string(response),
    ]
  }

  /// Columns of the table by the names that clients ask for; `nil` for those that it does not have, which is an error
  /// of SQL.
  func columns(_ names: [String]) -> JSONValue? {
    var members: [JSONValue.Member] = []
    for name in names {
      let value: JSONValue
      switch name {
      case "uid", "source", "destination", "body", "status", "statuscode", "retries", "errors", "response":
        value = json[name]!
      case "updated": value = .string(Stamp.http(updated))
      case "year", "month", "week", "period", "facility", "district":
        value = .string(parameters.last { $0.name == name }?.value ?? "")
      default: return nil
      }
      members.append(.init(name, value))
    }
    return .object(members)
  }
}
