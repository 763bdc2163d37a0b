import D2Common

/// The server's report about posted metadata, stored or only validated (`importReport`), with the problems of each
/// object.
package struct MetadataReport: Sendable {
  package private(set) var created = 0
  package private(set) var updated = 0
  /// The problems of objects, by uid: `E5003 Property `code` …`. One object may have several.
  package private(set) var problems: [String: [String]] = [:]

  /// Reads the report in an answer, or at its top as up to 2.37; `nil` if the answer has no report.
  ///
  /// - Parameter posted: the uids of the posted objects, in their order. DHIS2's check of translations reports an
  ///   object by its index only.
  package init?(_ document: JSONValue, posted: [String] = []) {
    let report = document["response"] ?? document
    guard let types = report["typeReports"]?.array, let stats = report["stats"] else { return nil }
    created = stats["created"]?.int ?? 0
    updated = stats["updated"]?.int ?? 0
    for object in types.flatMap({ $0["objectReports"]?.array ?? [] }) {
      let atIndex = object["index"]?.int.flatMap { posted.indices.contains($0) ? posted[$0] : nil }
      let uid = object["uid"]?.string ?? atIndex ?? ""
      for error in object["errorReports"]?.array ?? [] {
        let words = [error["errorCode"]?.string, error["message"]?.string].compactMap { $0 }.joined(separator: " ")
        problems[uid, default: []].append(words)
      }
    }
  }
}

extension DHIS2Client {
  package enum MetadataStrategy: String, Sendable { case create = "CREATE", update = "UPDATE" }

  /// Posts objects of one kind to `/api/metadata`, all or nothing.
  ///
  /// One bad object refuses all (`atomicMode=ALL`). Otherwise servers store an object with an unknown reference, and
  /// omit the reference: a unit without its parent would be a second root.
  ///
  /// - Parameters:
  ///   - plural: the collection's name in the Web API: `organisationUnits`.
  ///   - objects: each with its uid, as JSON.
  ///   - validatesOnly: whether only to validate, and store nothing.
  /// - Throws: `ServerError`, `CommandFailure`.
  package func importMetadata(
    _ plural: String, _ objects: [(uid: String, payload: String)], _ strategy: MetadataStrategy, validatesOnly: Bool
  ) throws -> MetadataReport {
    let target = Query([
      "importMode": validatesOnly ? "VALIDATE" : "COMMIT", "importStrategy": strategy.rawValue, "atomicMode": "ALL",
      "skipSharing": "true", "skipTranslation": "true",
    ]).target("/api/metadata")
    var request = HTTPRequest(.post, target)
    request.headers = [("Content-Type", "application/json")]
    request.body = Array("{\"\(plural)\":[\(objects.map(\.payload).joined(separator: ","))]}".utf8)
    let posted = objects.map(\.uid)
    return try retrying { _ in
      let response = try perform(request)
      if let document = try? JSONValue(parsing: response.body),
        let report = MetadataReport(document, posted: posted)
      {
        return report
      }
      throw ServerError(server, target, response)
        ?? ServerError(server, target, .notDHIS2, "the answer holds no import report")
    }
  }

  /// Adds members to a collection of an object: units to a data set.
  ///
  /// - Returns: how many of them the server knows, including existing members; `nil` if it does not say.
  /// - Throws: `ServerError`, `CommandFailure`.
  package func addMembers(_ uids: [String], to collection: String) throws -> Int? {
    let members = uids.map { "{\"id\":\"\($0)\"}" }.joined(separator: ",")
    var request = HTTPRequest(.post, "/api/\(collection)")
    request.headers = [("Content-Type", "application/json")]
    request.body = Array("{\"additions\":[\(members)]}".utf8)
    return try retrying { _ in
      let response = try perform(request)
      if let error = ServerError(server, request.target, response) { throw error }
      let stats = (try? JSONValue(parsing: response.body))?["response"]?["stats"]
      return stats.map { ($0["updated"]?.int ?? 0) + ($0["ignored"]?.int ?? 0) }
    }
  }
}
