import D2Common

/// The organisation units of one `POST /api/metadata`: what becomes of them, and what the report says of each.
///
/// By the sources of dhis2-core (`DefaultMetadataImportService`, the validation checks and
/// `OrganisationUnitObjectBundleHook`), which are alike in 2.40 to 2.43.
struct MetadataImport {
  struct Options {
    var validatesOnly = false
    var strategy = "CREATE_AND_UPDATE"
    /// Whether one error keeps all from being stored.
    var isAtomic = true
    var skipsTranslation = false

    init(_ request: Request) {
      validatesOnly = request.first("importMode") == "VALIDATE"
      if let strategy = request.first("importStrategy"), ["CREATE", "UPDATE", "CREATE_AND_UPDATE"].contains(strategy) {
        self.strategy = strategy
      }
      isAtomic = request.first("atomicMode") != "NONE"
      skipsTranslation = request.flag("skipTranslation")
    }
  }

  let options: Options
  let user: User
  let objects: [JSONValue]
  private(set) var report = MetadataImportReport()
  /// Codes of the server and of what came before in the payload, with the uid of their unit.
  private var codes: [String: String] = [:]
  private var asked: Set<String> = []

  init(options: Options, user: User, objects: [JSONValue]) {
    self.options = options
    self.user = user
    self.objects = objects
    asked = Set(objects.map(Self.uid))
  }

  private static func uid(_ object: JSONValue) -> String { object["id"]?.string ?? "" }

  mutating func run(_ metadata: inout Metadata) {
    for position in metadata.organisationUnits.indices where !metadata.organisationUnits[position].isRemoved {
      let unit = metadata.organisationUnits[position]
      if let code = unit.code { codes[code] = unit.uid }
    }
    var accepted: [JSONValue] = []
    for (index, object) in objects.enumerated() {
      let errors = self.errors(of: object, metadata)
      report.add(errors, of: object, at: index)
      // A bad reference alone does not keep an object out: it is stored without.
      if errors.allSatisfy({ $0.code == "E5002" }) { accepted.append(object) }
    }
    guard report.errorCount == 0 || !options.isAtomic else { return report.ignoreAll(objects.count) }
    report.count(created: accepted.count { !isPersisted($0, metadata) }, ignored: objects.count - accepted.count)
    report.count(updated: accepted.count { isPersisted($0, metadata) })
    if !options.validatesOnly { store(accepted, &metadata) }
  }

  private func isPersisted(_ object: JSONValue, _ metadata: Metadata) -> Bool {
    metadata.organisationUnitByUid[Self.uid(object)] != nil
  }

  // MARK: Checking

  private mutating func errors(of object: JSONValue, _ metadata: Metadata) -> [MetadataImportReport.Problem] {
    let uid = Self.uid(object)
    let title = Self.title(object)
    let persisted = metadata.organisationUnitByUid[uid]
    var errors: [MetadataImportReport.Problem] = []
    if let opening = day(object["openingDate"]), let closing = day(object["closedDate"]), closing < opening {
      errors.append(
        .init(
          "E4013",
          "Invalid closing date `\(Day.text(closing)) 00:00:00.0`, must be after opening date `\(Day.text(opening)) 00:00:00.0`"
        ))
    }
    if let persisted { errors += moveErrors(object, persisted, metadata) }
    errors += rightErrors(persisted, title)
    if persisted != nil, options.strategy == "CREATE" {
      errors.append(
        .init(
          "E5000",
          "Found matching object for reference, but import mode is CREATE. Identifier was UID, and object was \(title)."
        ))
    } else if persisted == nil, options.strategy == "UPDATE" {
      errors.append(
        .init("E5001", "No matching object for reference. Identifier was UID, and object was \(title).", "id"))
    }
    errors += schemaErrors(object)
    if let code = object["code"]?.string {
      if let other = codes[code], other != uid {
        errors.append(
          .init(
            "E5003", "Property `code` with value `\(code)` on object \(title) already exists on object \(other)", "code"
          ))
      } else {
        codes[code] = uid
      }
    }
    if let parent = object["parent"]?["id"]?.string, metadata.organisationUnitByUid[parent] == nil,
      !asked.contains(parent)
    {
      errors.append(
        .init(
          "E5002",
          "Invalid reference [\(parent)] (OrganisationUnit) on object \(title) for association `parent`", "parent"))
    }
    return errors
  }

  private static func title(_ object: JSONValue) -> String {
    (object["name"]?.string.map { $0 + " " } ?? "") + "[\(uid(object))] (OrganisationUnit)"
  }

  private func rightErrors(_ persisted: Int?, _ title: String) -> [MetadataImportReport.Problem] {
    guard !user.has("F_ORGANISATIONUNIT_ADD") else { return [] }
    let who = "\(user.name) [\(user.uid)] (User)"
    if persisted == nil, options.strategy != "UPDATE" {
      return [.init("E3000", "User `\(who)` is not allowed to create objects of type \(title)")]
    }
    return persisted == nil || options.strategy == "CREATE"
      ? [] : [.init("E3001", "User `\(who)` is not allowed to update object `\(title)`")]
  }

  private func schemaErrors(_ object: JSONValue) -> [MetadataImportReport.Problem] {
    let lengths = ["name": 230, "shortName": 50, "code": 50, "contactPerson": 255, "address": 255, "email": 150]
    let missing = ["name", "shortName", "openingDate"].filter { object[$0]?.string == nil }
    var errors = missing.map { name in
      MetadataImportReport.Problem("E4000", "Missing required property `\(name)`", name)
    }
    for (name, most) in lengths.sorted(by: { $0.key < $1.key }) {
      guard let length = object[name]?.string?.utf16.count, length > most else { continue }
      errors.append(
        .init("E4001", "Maximum length of property `\(name)`is \(most), but given length was \(length)", name))
    }
    if let url = object["url"]?.string, !url.isEmpty, !url.hasPrefix("http://"), !url.hasPrefix("https://") {
      errors.append(.init("E4004", "Property `url` requires a valid URL, was given `\(url)`", "url"))
    }
    return errors
  }

  /// Only an update can move a unit, and only a superuser is not asked for the right.
  private func moveErrors(_ object: JSONValue, _ position: Int, _ metadata: Metadata) -> [MetadataImportReport.Problem]
  {
    let units = metadata.organisationUnits
    let before = units[position].parent
    let after = object["parent"]?["id"]?.string
    guard !user.isSuperuser, options.strategy != "CREATE", after != before.map({ units[$0].uid }) else { return [] }
    guard user.has("F_ORGANISATIONUNIT_MOVE") else {
      return [.init("E1520", "User `\(user.uid)` is not allowed to move organisation units")]
    }
    func isForeign(_ unit: Int?) -> Bool { unit.map { !metadata.isWithin($0, anyOf: user.organisationUnits) } ?? false }
    let uid = Self.uid(object)
    let words = "User `\(user.uid)` is not allowed to move organisation `\(uid)` unit"
    var errors: [MetadataImportReport.Problem] = []
    if let before, isForeign(before) { errors.append(.init("E1522", words + " from parent `\(units[before].uid)`")) }
    if let after, isForeign(metadata.organisationUnitByUid[after]) {
      errors.append(.init("E1523", words + " to parent `\(after)`"))
    }
    return errors
  }

  private func day(_ value: JSONValue?) -> Int? {
    value?.string.flatMap { CalendarDate(iso8601: String($0.prefix(10))) }.map(\.dayNumber)
  }

  // MARK: Storing

  /// What a payload does not say of a unit that is there, an update takes away.
  private func store(_ accepted: [JSONValue], _ metadata: inout Metadata) {
    var positions = metadata.organisationUnitByUid
    for object in accepted where positions[Self.uid(object)] == nil {
      positions[Self.uid(object)] = metadata.organisationUnits.count
      metadata.organisationUnits.append(.init(uid: Self.uid(object), name: "", shortName: "", opened: 0))
    }
    for object in accepted {
      let position = positions[Self.uid(object)]!
      var unit = metadata.organisationUnits[position]
      let translations = unit.further["translations"]
      unit.name = object["name"]?.string ?? ""
      unit.shortName = object["shortName"]?.string ?? ""
      unit.code = object["code"]?.string
      unit.parent = object["parent"]?["id"]?.string.flatMap { positions[$0] }
      unit.opened = day(object["openingDate"]) ?? 0
      unit.closed = day(object["closedDate"])
      unit.further = OrganisationUnit.further(of: object)
      if options.skipsTranslation { unit.further["translations"] = translations }
      metadata.organisationUnits[position] = unit
    }
    metadata.index()
  }
}
