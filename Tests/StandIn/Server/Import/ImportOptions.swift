import D2Common

/// The options of an import, from the query and from the payload's header.
struct ImportOptions: Sendable {
  /// A given id scheme, by parameter.
  struct Scheme: Sendable {
    var parameter: String
    var scheme: String
  }

  var strategy = "CREATE_AND_UPDATE"
  var schemes: [Scheme] = []
  var flags: Set<String> = []

  /// The values of a parameter, in the order of the server's list.
  static let strategies = [
    "CREATE", "UPDATE", "CREATE_AND_UPDATE", "DELETE", "SYNC", "NEW_AND_UPDATES", "NEW", "UPDATES", "DELETES",
  ]

  static let schemeParameters = [
    "idScheme", "dataElementIdScheme", "orgUnitIdScheme", "dataSetIdScheme", "categoryOptionComboIdScheme",
    "attributeOptionComboIdScheme", "categoryIdScheme", "categoryOptionIdScheme",
  ]

  private static let flagNames = [
    "atomic", "dryRun", "async", "skipExistingCheck", "sharing", "skipNotifications", "skipAudit",
    "datasetAllowsPeriods", "strictPeriods", "strictDataElements", "strictCategoryOptionCombos",
    "strictAttributeOptionCombos", "strictOrganisationUnits", "strictDataSetApproval", "strictDataSetLocking",
    "strictDataSetInputPeriods", "requireCategoryOptionCombo", "requireAttributeOptionCombo", "skipPatternValidation",
    "ignoreEmptyCollection", "force", "skipLastUpdated", "mergeDataValues", "skipCache", "preheatCache",
  ]

  /// Why a parameter is refused.
  struct Refused: Error {
    let message: String
  }

  init(_ request: Request) throws(Refused) {
    if let text = request.first("importStrategy") {
      guard ImportOptions.strategies.contains(text.uppercased()) else {
        throw Refused(
          message: "Value '\(text)' is not valid for parameter importStrategy. Valid values are: "
            + "[\(ImportOptions.strategies.joined(separator: ", "))]")
      }
      strategy = text.uppercased()
    }
    for name in ImportOptions.schemeParameters {
      if let scheme = request.first(name) { schemes.append(.init(parameter: name, scheme: scheme)) }
    }
    for name in ImportOptions.flagNames where request.flag(name) { flags.insert(name) }
  }

  func has(_ flag: String) -> Bool { flags.contains(flag) }

  var isDelete: Bool { strategy == "DELETE" || strategy == "DELETES" }
  var creates: Bool { !isDelete && strategy != "UPDATE" && strategy != "UPDATES" }
  var updates: Bool { !isDelete && strategy != "CREATE" && strategy != "NEW" }

  /// Adds the schemes in the payload's header, which take precedence over the query's.
  mutating func take(header: JSONValue) {
    for name in ImportOptions.schemeParameters {
      if let scheme = header[name]?.string {
        schemes.removeAll { $0.parameter == name }
        schemes.append(.init(parameter: name, scheme: scheme))
      }
    }
    if header["dryRun"]?.bool == true { flags.insert("dryRun") }
  }

  func scheme(_ parameter: String) -> IdScheme {
    IdScheme(
      (schemes.first { $0.parameter == parameter } ?? schemes.first { $0.parameter == "idScheme" })?.scheme ?? "UID")
  }

  /// The options as summaries repeat them. 2.40 omits the id schemes; 2.42 has only those of the query.
  func json(_ version: ServerVersion, headerSchemes: Set<String>) -> JSONValue {
    let shown = schemes.filter { scheme in
      version.hasDataEntryPipeline || (version.minor >= 42 && !headerSchemes.contains(scheme.parameter))
    }
    var members: [JSONValue.Member] = [
      .init(
        "idSchemes", .object(shown.map { .init($0.parameter, ["type": .string($0.scheme.uppercased())]) }))
    ]
    func flag(_ name: String) { members.append(.init(name, .bool(flags.contains(name)))) }
    if version.hasDataEntryPipeline { flag("atomic") }
    flag("dryRun")
    flag("async")
    members.append(.init("importStrategy", .string(strategy)))
    members.append(.init("mergeMode", "REPLACE"))
    members.append(.init("reportMode", "FULL"))
    for name in ImportOptions.flagNames {
      switch name {
      case "atomic", "dryRun", "async", "preheatCache": continue
      case "skipLastUpdated": members.append(.init("firstRowIsHeader", true))
      default: break
      }
      flag(name)
    }
    return .object(members)
  }
}
