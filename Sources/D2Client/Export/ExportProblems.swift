import D2Common
import D2Split

/// What an answer of an export says if it is not the data.
struct ExportProblems {
  let request: ExportRequest
  let server: ServerURL

  private func error(_ kind: ServerError.Kind, _ message: String, code: String? = nil) -> ServerError {
    ServerError(server, request.target, kind, message, code: code)
  }

  /// Servers 2.39 to 2.42 close the answer before they have checked the user's access, and then cannot say so
  /// (docs/dhis2-servers.md, trap 2).
  var emptyBody: ServerError {
    error(
      .emptyBody,
      "an empty answer: the user may not read one of the organisation units, or the data set has no data elements. Asked for: "
        + (request.target.split(separator: "?").last.map(String.init) ?? ""))
  }

  func of(_ problem: SplitError) -> ServerError {
    error(problem.isCutOff ? .cutOff : problem.problem == .notAnObject ? .notDHIS2 : .malformed, "\(problem)")
  }

  func of(_ problem: GzipProblem) -> ServerError {
    problem == .endsEarly
      ? error(.cutOff, "the compressed answer ends early") : error(.malformed, "the compressed answer is damaged")
  }

  /// The failure that a document means; `nil` for an export's.
  func inDocument(_ splitter: borrowing DataValueSplitter) -> ServerError? {
    let members = splitter.topLevelMembers
    return errorDocument(members) ?? (splitter.sawArray ? nil : otherDocument(members))
  }

  /// An error that comes as HTTP 200.
  private func errorDocument(_ members: [(key: [UInt8], value: [UInt8])]) -> ServerError? {
    func text(_ key: String) -> String? {
      members.last { $0.key == Array(key.utf8) }.flatMap { try? JSONValue(parsing: $0.value) }?.scalarText
    }
    guard let status = text("httpStatusCode").flatMap({ Int($0) }), status >= 400 || text("status") == "ERROR" else {
      return nil
    }
    return error(.status(status), text("message") ?? "an error came as HTTP 200", code: text("errorCode"))
  }

  /// JSON of something else. Where there is nothing to tell, a server may leave the array out, and write no more than
  /// what all values would share (docs/dhis2-servers.md, "Exports" and "Registrations").
  private func otherDocument(_ members: [(key: [UInt8], value: [UInt8])]) -> ServerError? {
    let keys = members.map { String(decoding: $0.key, as: UTF8.self) }
    let others = keys.filter { !Self.sharedKeys.contains($0) && !$0.lowercased().hasSuffix("scheme") }
    guard !others.isEmpty else { return nil }
    return error(
      .notDHIS2,
      "the answer is JSON without \(request.kind.arrayKey), but with \(others.prefix(3).map { $0.quoted }.joined(separator: ", "))"
    )
  }

  /// What a data value set may hold beside its values (docs/dhis2-servers.md, "Exports").
  private static let sharedKeys: Set<String> = [
    "dataSet", "completeDate", "period", "orgUnit", "attributeOptionCombo", "attributeCategoryOptions", "dryRun",
    "strategy",
  ]
}
