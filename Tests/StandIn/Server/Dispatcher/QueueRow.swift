import D2Common

/// A request in the queue.
struct QueueRow: Sendable {
  var uid: String
  /// The numbers of the servers, from 1.
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
  /// When to deliver it, on the clock that is never set; `nil` for never.
  var due: UInt64?
  /// The destination's job, if there is one.
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

  /// The columns that a client asks for. `nil` if the table lacks one, which is an SQL error.
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
