import D2Common

/// The import of the organisation units in one `POST /api/metadata`, and its report for each.
///
/// From the sources of dhis2-core (`DefaultMetadataImportService`, the validation checks and
/// `OrganisationUnitObjectBundleHook`), which are similar in 2.40 to 2.43.
struct MetadataImport {
  struct Options {
    var validatesOnly = false
    var strategy = "CREATE_AND_UPDATE"
    /// Whether one error prevents all objects from being stored.
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
  /// The codes of the server and of earlier objects in the payload, with the uids of their units.
  private var codes: [String: String] = [:]
  private var asked: Set<String> = []
  /// The values of unique attributes, with the uids of their units.
  private var attributeValues: [String: [String: String]] = [:]

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
      for (attribute, value) in Self.attributeValues(unit.further["attributeValues"]) {
        attributeValues[attribute, default: [:]][value] = unit.uid
      }
    }
    var faulty: Set<String> = []
    for (index, object) in objects.enumerated() {
      let errors = self.errors(of: object, metadata)
      report.add(errors, at: index, uid: object["id"])
      // An object whose only error is a wrong reference is stored without the reference.
      if !errors.allSatisfy({ $0.code == "E5002" }) { faulty.insert(Self.uid(object)) }
    }
    // This check (`TranslationsCheck`) counts only the objects of the strategy, and names none.
    for (index, object) in meant(metadata).enumerated() {
      let errors = Self.translationErrors(object)
      report.add(errors, at: index, uid: nil)
      if !errors.isEmpty { faulty.insert(Self.uid(object)) }
    }
    let accepted = objects.filter { !faulty.contains(Self.uid($0)) }
    guard report.errorCount == 0 || !options.isAtomic else { return report.ignoreAll(objects.count) }
    report.count(created: accepted.count { !isPersisted($0, metadata) }, ignored: objects.count - accepted.count)
    report.count(updated: accepted.count { isPersisted($0, metadata) })
    if !options.validatesOnly { store(accepted, &metadata) }
  }

  private func isPersisted(_ object: JSONValue, _ metadata: Metadata) -> Bool {
    metadata.organisationUnitByUid[Self.uid(object)] != nil
  }

  /// The objects of the strategy, existing ones first.
  private func meant(_ metadata: Metadata) -> [JSONValue] {
    let persisted = options.strategy == "CREATE" ? [] : objects.filter { isPersisted($0, metadata) }
    return persisted + (options.strategy == "UPDATE" ? [] : objects.filter { !isPersisted($0, metadata) })
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
    let isMeant = options.strategy == "CREATE_AND_UPDATE" || (persisted == nil) == (options.strategy == "CREATE")
    if isMeant { errors += attributeErrors(object, metadata) }
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
    if let email = object["email"]?.string, !email.isEmpty, !Self.isAddress(email) {
      errors.append(.init("E4003", "Property `email` requires a valid email address, was given `\(email)`", "email"))
    }
    if let url = object["url"]?.string, !url.isEmpty, !url.hasPrefix("http://"), !url.hasPrefix("https://") {
      errors.append(.init("E4004", "Property `url` requires a valid URL, was given `\(url)`", "url"))
    }
    return errors
  }

  /// An approximation of the address check in Apache Commons.
  private static func isAddress(_ text: String) -> Bool {
    let parts = text.split(separator: "@", omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty, !text.contains(" ") else { return false }
    let labels = parts[1].split(separator: ".", omittingEmptySubsequences: false)
    return labels.count > 1 && labels.allSatisfy { !$0.isEmpty }
  }

  /// The values of an object's attributes, by the attributes' uids.
  private static func attributeValues(_ list: JSONValue?) -> [(attribute: String, value: String)] {
    (list?.array ?? []).compactMap { entry in
      entry["attribute"]?["id"]?.string.map { ($0, entry["value"]?.string ?? "") }
    }
  }

  /// The errors of `MandatoryAttributesCheck`, `UniqueAttributesCheck`, `ReferencesCheck` and `MetadataAttributeCheck`.
  private mutating func attributeErrors(
    _ object: JSONValue, _ metadata: Metadata
  ) -> [MetadataImportReport.Problem] {
    let values = Self.attributeValues(object["attributeValues"])
    var errors: [MetadataImportReport.Problem] = []
    for attribute in metadata.attributes where attribute.isOfUnits && attribute.isMandatory {
      guard !values.contains(where: { $0.attribute == attribute.uid && !$0.value.isEmpty }) else { continue }
      errors.append(
        .init("E4011", "Attribute `\(attribute.uid)` is required, but no value was found", "value"))
    }
    for (uid, value) in values {
      guard let attribute = metadata.attributes.first(where: { $0.uid == uid }) else {
        errors.append(
          .init(
            "E5002", "Invalid reference \(uid) on object \(Self.title(object)) for association `attributeValues`"))
        continue
      }
      errors += valueErrors(attribute, value, of: Self.uid(object))
    }
    return errors
  }

  private mutating func valueErrors(
    _ attribute: MetadataAttribute, _ value: String, of unit: String
  ) -> [MetadataImportReport.Problem] {
    guard attribute.isOfUnits else {
      return [.init("E6012", "Attribute `\(attribute.uid)` is not assigned to `OrganisationUnit`")]
    }
    guard !value.isEmpty else { return [] }
    if attribute.valueType == "INTEGER", Int(value) == nil {
      return [.init("E6006", "AttributeValue `\(value)` is an invalid integer value")]
    }
    guard attribute.isUnique else { return [] }
    if let other = attributeValues[attribute.uid]?[value], other != unit {
      return [.init("E4009", "Attribute `\(attribute.name)` is unique, and value `\(value)` already exist", "value")]
    }
    attributeValues[attribute.uid, default: [:]][value] = unit
    return []
  }

  /// The option to skip translations does not matter here.
  private static func translationErrors(_ object: JSONValue) -> [MetadataImportReport.Problem] {
    var seen: Set<String> = []
    return (object["translations"]?.array ?? []).flatMap { translation -> [MetadataImportReport.Problem] in
      let (property, locale) = (translation["property"]?.string ?? "null", translation["locale"]?.string ?? "null")
      let isNew = seen.insert(property + "_" + locale).inserted
      let duplicate = MetadataImportReport.Problem(
        "E1106",
        "There are duplicate translation records for property `\(property)` and locale `\(locale)` on "
          + "OrganisationUnit `\(uid(object))`")
      let missing = ["locale", "property", "value"].filter { translation[$0]?.string == nil }
      return (isNew ? [] : [duplicate])
        + missing.map { MetadataImportReport.Problem("E4000", "Missing required property `\($0)`") }
    }
  }

  /// Only an update can move a unit, and only a superuser does not need the right.
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

  /// Stores the accepted units. An update removes the properties of an existing unit that the payload omits.
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
