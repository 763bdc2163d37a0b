import D2Common

/// Turns an export's parameters into a query, by the rules of a version.
struct ExportRules {
  let metadata: Metadata
  let version: ServerVersion
  let request: Request
  let user: User
  let now: Int64
  let localTime: LocalTime

  private var parameters: ExportParameters { ExportParameters(request: request) }

  func inputScheme(_ name: String) -> IdScheme {
    IdScheme(request.first("input\(name)IdScheme") ?? request.first("inputIdScheme") ?? "UID")
  }

  func outputScheme(_ name: String) -> IdScheme {
    IdScheme(request.first("\(name)IdScheme") ?? request.first("idScheme") ?? "UID")
  }

  var asksForChildren: Bool { request.flag("children") }

  /// The query, or the reason why there is none.
  func query(_ store: inout ValueStore, _ registrations: RegistrationStore) throws(ExportRefusal) -> ExportQuery {
    version.hasDataEntryPipeline
      ? try DataExportRules(rules: self).query(&store)
      : try DataValueSetExportRules(rules: self).query(&store, registrations)
  }

  /// The parts that both generations share: dates, durations, schemes, the limit.
  func common() throws(ExportRefusal) -> ExportQuery {
    var query = ExportQuery()
    query.start = try parameters.date("startDate").map { Int($0 / 86_400_000) }
    query.end = try parameters.date("endDate").map { Int($0 / 86_400_000) }
    var since = try parameters.moment("lastUpdated", localTime)
    if since == nil, let text = request.first("lastUpdatedDuration") {
      since = ExportParameters.duration(text).map { now - $0 }
    }
    query.updatedSince = since.map { localTime.bound($0, version) }
    query.localTime = localTime
    if let text = request.first("limit") {
      guard let limit = Int(text) else {
        throw .malformed("Value '\(text)' is not valid for parameter limit. It must be a number")
      }
      query.limit = limit
    }
    query.includeDeleted = request.flag("includeDeleted")
    query.hiddenAttributeCombos = Set(metadata.unreadableCombos(user).map(Int32.init))
    query.elementScheme = outputScheme("dataElement")
    query.unitScheme = outputScheme("orgUnit")
    query.optionComboScheme = outputScheme("categoryOptionCombo")
    query.attributeComboScheme = outputScheme("attributeOptionCombo")
    return query
  }

  func found(_ name: String, _ lookup: IdLookup) -> [Int] {
    var seen: Set<Int> = []
    return request.list(name).compactMap { lookup[$0] }.filter { seen.insert($0).inserted }
  }

  var durationIsMalformed: Bool {
    request.first("lastUpdatedDuration").map { ExportParameters.duration($0) == nil } ?? false
  }
}

/// The messages of the checks that every version makes.
enum ExportComplaint {
  static let noData = ("E2001", "At least one data element, data set or data element group must be specified")
  static let noPeriod = (
    "E2002", "At least one period, start/end dates, last updated or last updated duration must be specified"
  )
  static let both = ("E2003", "Both periods and start/end date cannot be specified")
  static let dates = ("E2004", "Start date must be before end date")
  static let duration = ("E2005", "Duration is not valid: `{0}`")
  static let noUnit = ("E2006", "At least one organisation unit or organisation unit group must be specified")
  static let groupChildren = (
    "E2007", "Organisation unit children cannot be included for organisation unit groups"
  )
  static let noUnitForChildren = (
    "E2008", "At least one organisation unit must be specified when children are included"
  )
  static let noDataSet = ("E2013", "At least one data set must be specified")

  static func limit(_ limit: Int, _ version: ServerVersion) -> (String, String) {
    ("E2009", "Limit cannot be less than zero: `\(version.hasDataEntryPipeline ? "{0}" : String(limit))`")
  }
}
