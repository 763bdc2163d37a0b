import D2Common

/// What a server did with posted metadata, or would do (`importReport`), and what it says of each object.
package struct MetadataReport: Sendable {
  package private(set) var created = 0
  package private(set) var updated = 0
  /// What is wrong with objects, by their uids: `E5003 Property `code` …`. One object may have several faults.
  package private(set) var problems: [String: [String]] = [:]

  /// The report of an answer, also of one up to 2.37, if it stands at the top; `nil` if the answer has no
  /// report.
  package init?(_ document: JSONValue) {
    let report = document["response"] ?? document
    guard let types = report["typeReports"]?.array, let stats = report["stats"] else { return nil }
    created = stats["created"]?.int ?? 0
    updated = stats["updated"]?.int ?? 0
    for object in types.flatMap({ $0["objectReports"]?.array ?? [] }) {
      for error in object["errorReports"]?.array ?? [] {
        let words = [error["errorCode"]?.string, error["message"]?.string].compactMap { $0 }.joined(separator: " ")
        problems[object["uid"]?.string ?? "", default: []].append(words)
      }
    }
  }
}

extension DHIS2Client {
  package enum MetadataStrategy: String, Sendable { case create = "CREATE", update = "UPDATE" }

  /// Posts objects of one kind to `/api/metadata`, all or nothing.
  ///
  /// One bad object keeps all out (`atomicMode=ALL`): without that servers store an object whose reference they do not
  /// know, and leave the reference out. A unit without its parent would be a second root.
  ///
  /// - Parameters:
  ///   - plural: the collection's name in the Web API: `organisationUnits`.
  ///   - objects: each as JSON.
  ///   - validatesOnly: whether nothing is stored, and only the report counts.
  /// - Throws: `ServerError`, `CommandFailure`.
  package func importMetadata(
    _ plural: String, _ objects: [String], _ strategy: MetadataStrategy, validatesOnly: Bool
  ) throws -> MetadataReport {
    let target = Query([
      "importMode": validatesOnly ? "VALIDATE" : "COMMIT", "importStrategy": strategy.rawValue, "atomicMode": "ALL",
      "skipSharing": "true", "skipTranslation": "true",
    ]).target("/api/metadata")
    var request = HTTPRequest(.post, target)
    request.headers = [("Content-Type", "application/json")]
    request.body = Array("{\"\(plural)\":[\(objects.joined(separator: ","))]}".utf8)
    return try retrying { _ in
      let response = try perform(request)
      if let document = try? JSONValue(parsing: response.body), let report = MetadataReport(document) { return report }
      throw ServerError(server, target, response)
        ?? ServerError(server, target, .notDHIS2, "the answer holds no import report")
    }
  }

  /// Adds members to a collection of one object: units to a data set.
  ///
  /// - Returns: how many of them the server knows, whether they were members before or not; `nil` if it does not
  ///   say.
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
