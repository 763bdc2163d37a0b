import D2Common
import D2Split

/// The errors of an export's answer that is not data.
struct ExportProblems {
  let request: ExportRequest
  let server: ServerURL

  private func error(_ kind: ServerError.Kind, _ message: String, code: String? = nil) -> ServerError {
    ServerError(server, request.target, kind, message, code: code)
  }

  /// Servers 2.39 to 2.42 close the answer before they check the user's access, and then cannot report the refusal
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

  /// The error of a document; `nil` if it is an export.
  func inDocument(_ splitter: borrowing DataValueSplitter) -> ServerError? {
    let members = splitter.topLevelMembers
    return errorDocument(members) ?? (splitter.sawArray ? nil : otherDocument(members))
  }

  /// An error that comes with HTTP 200.
  private func errorDocument(_ members: [(key: [UInt8], value: [UInt8])]) -> ServerError? {
    func text(_ key: String) -> String? {
      members.last { $0.key == Array(key.utf8) }.flatMap { try? JSONValue(parsing: $0.value) }?.scalarText
    }
    guard let status = text("httpStatusCode").flatMap({ Int($0) }), status >= 400 || text("status") == "ERROR" else {
      return nil
    }
    return error(.status(status), text("message") ?? "an error came as HTTP 200", code: text("errorCode"))
  }

  /// The error for JSON of another kind. If there is no data, a server may omit the array, and write only the keys that
  /// all values share (docs/dhis2-servers.md, "Exports" and "Registrations").
  private func otherDocument(_ members: [(key: [UInt8], value: [UInt8])]) -> ServerError? {
    let keys = members.map { String(decoding: $0.key, as: UTF8.self) }
    let others = keys.filter { !Self.sharedKeys.contains($0) && !$0.lowercased().hasSuffix("scheme") }
    guard !others.isEmpty else { return nil }
    return error(
      .notDHIS2,
      "the answer is JSON without \(request.kind.arrayKey), but with \(others.prefix(3).map { $0.quoted }.joined(separator: ", "))"
    )
  }

  /// The keys beside the values that a data value set may have (docs/dhis2-servers.md, "Exports").
  private static let sharedKeys: Set<String> = [
    "dataSet", "completeDate", "period", "orgUnit", "attributeOptionCombo", "attributeCategoryOptions", "dryRun",
    "strategy",
  ]
}
