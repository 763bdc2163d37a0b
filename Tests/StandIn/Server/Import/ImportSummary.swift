import D2Client
import D2Common

/// The result of an import.
struct ImportSummary: Sendable {
  enum Status: String, Sendable {
    case success = "SUCCESS"
    case warning = "WARNING"
    case error = "ERROR"
  }

  var status: Status = .success
  var description: String?
  var imported = 0
  var updated = 0
  var ignored = 0
  var deleted = 0
  private(set) var conflicts: [ImportConflict] = []
  private var conflictPositions: [String: Int] = [:]
  var rejectedIndexes: [Int] = []
  /// `false`, or the day for which the data set was marked complete; `nil` if the import ended before.
  var dataSetComplete: String?
  var options: JSONValue = .object([])
  /// An error that replaces the summary: 2.43 does not catch exceptions.
  var failure: (status: Int, message: String)?

  /// Adds a conflict, or merges it with one that has the same code and objects.
  mutating func add(_ conflict: ImportConflict) {
    let key = conflict.aggregationKey
    if let known = conflictPositions[key] {
      conflicts[known].indexes += conflict.indexes
    } else {
      conflictPositions[key] = conflicts.count
      conflicts.append(conflict)
    }
  }

  /// The message of the answer around the summary.
  func message(_ version: ServerVersion) -> String {
    switch status {
    case .success: "Import was successful."
    case .warning:
      version.hasDataEntryPipeline
        ? "Import completed with warnings, please check import summary."
        : "One more conflicts encountered, please check import summary."
    case .error: "An error occurred, please check import summary."
    }
  }

  func httpStatus(_ version: ServerVersion) -> Int {
    switch status {
    case .success: 200
    case .warning: version.hasDataEntryPipeline ? 200 : 409
    case .error: 409
    }
  }

  func json(_ version: ServerVersion) -> JSONValue {
    var members: [JSONValue.Member] = []
    if version.minor <= 40 { members.append(.init("responseType", "ImportSummary")) }
    members.append(.init("status", .string(status.rawValue)))
    members.append(.init("importOptions", options))
    if let description { members.append(.init("description", .string(description))) }
    members.append(
      .init(
        "importCount",
        [
          "imported": .int(imported), "updated": .int(updated), "ignored": .int(ignored), "deleted": .int(deleted),
        ]))
    members.append(.init("conflicts", .array(conflicts.map { $0.json(version) })))
    if version.tellsRejectedIndexes {
      members.append(.init("rejectedIndexes", .array(rejectedIndexes.map { .int($0) })))
    }
    if let dataSetComplete { members.append(.init("dataSetComplete", .string(dataSetComplete))) }
    if version.minor > 40 { members.append(.init("responseType", "ImportSummary")) }
    return .object(members)
  }

  /// The whole answer: plain up to 2.37 and for an old version of the API, otherwise wrapped.
  func response(_ version: ServerVersion, plain: Bool, type: String) -> Response {
    if let failure { return ErrorPages.message(failure.status, failure.message) }
    if plain {
      var shape = json(version)
      if case .object(let members) = shape {
        shape = .object(members.filter { $0.key != "responseType" || version.minor > 36 })
      }
      return .json(200, shape, type: type)
    }
    let status = httpStatus(version)
    return .json(
      status,
      [
        "httpStatus": .string(Response.reason(status)), "httpStatusCode": .int(status),
        "status": .string(self.status == .success ? "OK" : self.status.rawValue),
        "message": .string(message(version)), "response": json(version),
      ], type: type)
  }
}

/// Why values were refused.
struct ImportConflict: Sendable {
  var code: String
  /// The message.
  var value: String
  /// The objects that it is about: type and id, in order.
  var objects: [(kind: String, id: String)]
  /// The first of `objects`, if the version reports it.
  var object: String?
  /// The invalid key of the value.
  var property: String?
  /// Positions in the posted list; empty for a conflict of the whole set.
  var indexes: [Int]

  var aggregationKey: String { code + "|" + objects.map { $0.kind + "=" + $0.id }.joined(separator: ",") }

  func json(_ version: ServerVersion) -> JSONValue {
    var members: [JSONValue.Member] = []
    if let object { members.append(.init("object", .string(object))) }
    guard version.conflictsHaveCodes, !code.isEmpty else {
      members.append(.init("value", .string(value)))
      return .object(members)
    }
    members.append(.init("objects", .object(objects.map { .init($0.kind, .string($0.id)) })))
    members.append(.init("value", .string(value)))
    members.append(.init("errorCode", .string(code)))
    if let property { members.append(.init("property", .string(property))) }
    if !indexes.isEmpty { members.append(.init("indexes", .array(indexes.map { .int($0) }))) }
    return .object(members)
  }
}
