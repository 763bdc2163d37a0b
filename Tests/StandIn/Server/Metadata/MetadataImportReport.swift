import D2Common

/// The report of `POST /api/metadata`.
struct MetadataImportReport {
  struct Problem {
    let code: String
    let message: String
    let property: String?

    init(_ code: String, _ message: String, _ property: String? = nil) {
      self.code = code
      self.message = message
      self.property = property
    }
  }

  private static let klass: JSONValue = "org.hisp.dhis.organisationunit.OrganisationUnit"

  private var created = 0
  private var updated = 0
  private var ignored = 0
  private(set) var errorCount = 0
  /// By index. Two reports with the same index are merged, and the first decides whether there is a uid.
  private var objectReports: [Int: (uid: JSONValue?, errors: [JSONValue])] = [:]

  /// - Parameter uid: `nil` for checks that do not name the object.
  mutating func add(_ problems: [Problem], at index: Int, uid: JSONValue?) {
    guard !problems.isEmpty else { return }
    errorCount += problems.count
    let errors = problems.map { problem in
      var members: [JSONValue.Member] = [
        .init("message", .string(problem.message)), .init("mainKlass", Self.klass),
        .init("errorCode", .string(problem.code)),
      ]
      if let property = problem.property { members.append(.init("errorProperty", .string(property))) }
      members.append(.init("errorProperties", []))
      return JSONValue.object(members)
    }
    objectReports[index, default: (uid, [])].errors += errors
  }

  private var objectReportsInOrder: [JSONValue] {
    objectReports.sorted { $0.key < $1.key }.map { index, report -> JSONValue in
      var members: [JSONValue.Member] = [.init("klass", Self.klass), .init("index", .int(index))]
      if let uid = report.uid { members.append(.init("uid", uid)) }
      return .object(members + [.init("errorReports", .array(report.errors))])
    }
  }

  mutating func count(created: Int = 0, updated: Int = 0, ignored: Int = 0) {
    self.created += created
    self.updated += updated
    self.ignored += ignored
  }

  /// After an error, counts all objects as ignored.
  mutating func ignoreAll(_ count: Int) { (created, updated, ignored) = (0, 0, count) }

  /// - Parameter isAtomic: whether errors mean that nothing was stored.
  func response(_ version: ServerVersion, isAtomic: Bool, count: Int) -> Response {
    let stats: JSONValue = [
      "created": .int(created), "updated": .int(updated), "deleted": 0, "ignored": .int(ignored),
      "total": .int(created + updated + ignored),
    ]
    let types: JSONValue =
      count == 0 ? [] : [["klass": Self.klass, "stats": stats, "objectReports": .array(objectReportsInOrder)]]
    let status: JSONValue = errorCount == 0 ? "OK" : isAtomic ? "ERROR" : "WARNING"
    var report: [JSONValue.Member] = [.init("status", status), .init("typeReports", types), .init("stats", stats)]
    // Up to 2.37 the report is at the top, and the status is always 200.
    if version.answersPlainSummaries { return .json(200, .object(report), type: version.jsonType) }
    report.insert(.init("responseType", "ImportReport"), at: 0)
    var members: [JSONValue.Member] = [
      .init("httpStatus", errorCount == 0 ? "OK" : "Conflict"), .init("httpStatusCode", errorCount == 0 ? 200 : 409),
      .init("status", errorCount == 0 ? "OK" : "WARNING"),
    ]
    if errorCount > 0 {
      members.append(
        .init("message", "One or more errors occurred, please see full details in import report."))
    }
    members.append(.init("response", .object(report)))
    return .json(errorCount == 0 ? 200 : 409, .object(members), type: version.jsonType)
  }
}
