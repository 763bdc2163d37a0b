import D2Common

/// Why a metadata payload cannot be loaded.
public struct MetadataError: Error, CustomStringConvertible {
  /// The problem.
  public let description: String
}

/// Reads the payload of `POST /api/metadata`, and the users beside it.
struct MetadataPayload {
  private let root: JSONValue
  private(set) var metadata = Metadata()
  private(set) var users: [User] = []
  private var combos: [String: Int] = [Metadata.defaultComboUid: 0]
  private var optionSets: [String: Int] = [:]
  private var elements: [String: Int] = [:]
  private var units: [String: Int] = [:]

  init(_ payload: JSONValue) throws(MetadataError) {
    root = payload["metadata"] ?? payload
    readUnits()
    readOptionSets()
    readCombos()
    readElements()
    try readSets()
    readGroups()
    metadata.exchanges = objects("aggregateDataExchanges")
    readIndicators()
    metadata.attributes = objects("attributes").map { object in
      var attribute = MetadataAttribute(uid: uid(object), name: name(object))
      attribute.take(object)
      return attribute
    }
    metadata.index()
    readUsers(payload["users"]?.array ?? [])
  }

  private func objects(_ collection: String) -> [JSONValue] { root[collection]?.array ?? [] }
  private func uid(_ object: JSONValue) -> String { object["id"]?.string ?? "" }
  private func name(_ object: JSONValue) -> String { object["name"]?.string ?? uid(object) }
  private func references(_ object: JSONValue, _ key: String) -> [String] {
    (object[key]?.array ?? []).compactMap { $0["id"]?.string }
  }
  private func day(_ text: JSONValue?) -> Int? {
    text?.string.flatMap(Stamp.parse).map { Int($0 / 86_400_000) }
  }

  private mutating func readUnits() {
    let all = objects("organisationUnits")
    units = Dictionary(all.enumerated().map { (uid($0.element), $0.offset) }, uniquingKeysWith: { first, _ in first })
    metadata.organisationUnits = all.map { object in
      OrganisationUnit(
        uid: uid(object), code: object["code"]?.string, name: name(object),
        shortName: object["shortName"]?.string ?? name(object),
        parent: object["parent"]?["id"]?.string.flatMap { units[$0] },
        opened: day(object["openingDate"]) ?? 0, closed: day(object["closedDate"]),
        further: OrganisationUnit.further(of: object))
    }
    metadata.organisationUnitLevels = objects("organisationUnitLevels").map {
      .init(uid: uid($0), name: name($0), level: $0["level"]?.int ?? 1)
    }
  }

  private mutating func readOptionSets() {
    var codes: [String: String] = [:]
    for option in objects("options") { codes[uid(option)] = option["code"]?.string }
    metadata.optionSets = objects("optionSets").map { set in
      .init(uid: uid(set), name: name(set), codes: references(set, "options").compactMap { codes[$0] })
    }
    for (index, set) in metadata.optionSets.enumerated() { optionSets[set.uid] = index }
  }

  private mutating func readCombos() {
    for object in objects("categoryCombos") where combos[uid(object)] == nil {
      combos[uid(object)] = metadata.categoryCombos.count
      metadata.categoryCombos.append(
        .init(
          uid: uid(object), name: name(object), isOfAttributes: object["dataDimensionType"]?.string == "ATTRIBUTE"))
    }
    var options: [String: Int] = [:]
    for object in objects("categoryOptions") where uid(object) != Metadata.defaultOptionUid {
      options[uid(object)] = metadata.categoryOptions.count
      metadata.categoryOptions.append(
        .init(uid: uid(object), code: object["code"]?.string, name: name(object), sharing: sharing(object)))
    }
    var categories: [String: Int] = [Metadata.defaultCategoryUid: 0]
    for object in objects("categories") where categories[uid(object)] == nil {
      categories[uid(object)] = metadata.categories.count
      metadata.categories.append(
        .init(
          uid: uid(object), code: object["code"]?.string, name: name(object),
          isOfAttributes: object["dataDimensionType"]?.string == "ATTRIBUTE",
          options: references(object, "categoryOptions").compactMap { options[$0] }))
    }
    for object in objects("categoryCombos") where uid(object) != Metadata.defaultComboUid {
      metadata.categoryCombos[combos[uid(object)]!].categories = references(object, "categories")
        .compactMap { categories[$0] }
    }
    for object in objects("categoryOptionCombos") where uid(object) != Metadata.defaultOptionComboUid {
      let combo = object["categoryCombo"]?["id"]?.string.flatMap { combos[$0] } ?? 0
      metadata.categoryCombos[combo].optionCombos.append(metadata.categoryOptionCombos.count)
      metadata.categoryOptionCombos.append(
        .init(
          uid: uid(object), code: object["code"]?.string, name: name(object), combo: combo,
          options: references(object, "categoryOptions").compactMap { options[$0] }))
    }
  }

  private mutating func readElements() {
    metadata.dataElements = objects("dataElements").map { object in
      DataElement(
        uid: uid(object), code: object["code"]?.string, name: name(object),
        shortName: object["shortName"]?.string ?? name(object),
        valueType: object["valueType"]?.string ?? "TEXT", aggregationType: object["aggregationType"]?.string ?? "NONE",
        zeroIsSignificant: object["zeroIsSignificant"]?.bool ?? false,
        optionSet: object["optionSet"]?["id"]?.string.flatMap { optionSets[$0] },
        combo: object["categoryCombo"]?["id"]?.string.flatMap { combos[$0] } ?? 0)
    }
    for (index, element) in metadata.dataElements.enumerated() { elements[element.uid] = index }
  }

  private mutating func readSets() throws(MetadataError) {
    for object in objects("dataSets") {
      guard let type = object["periodType"]?.string.flatMap(PeriodType.init(rawValue:)) else {
        throw MetadataError(description: "data set \(uid(object)) has no known period type")
      }
      let assigned = references(object, "organisationUnits").compactMap { units[$0] }
      metadata.dataSets.append(
        .init(
          uid: uid(object), code: object["code"]?.string, name: name(object),
          shortName: object["shortName"]?.string ?? name(object), periodType: type,
          combo: object["categoryCombo"]?["id"]?.string.flatMap { combos[$0] } ?? 0,
          elements: (object["dataSetElements"]?.array ?? []).compactMap {
            $0["dataElement"]?["id"]?.string.flatMap { elements[$0] }
          },
          units: assigned, unitSet: Set(assigned), openFuturePeriods: object["openFuturePeriods"]?.int ?? 0,
          expiryDays: object["expiryDays"]?.int ?? 0, timelyDays: object["timelyDays"]?.int ?? 0,
          sharing: sharing(object)))
    }
  }

  private func sharing(_ object: JSONValue) -> Sharing {
    var sharing = Sharing()
    if let access = object["sharing"]?["public"]?.string { sharing.publicAccess = access }
    for member in object["sharing"]?["users"]?.members ?? [] {
      sharing.users[member.key] = member.value["access"]?.string
    }
    return sharing
  }

  private mutating func readGroups() {
    metadata.organisationUnitGroups = groups("organisationUnitGroups", of: "organisationUnits", at: units)
    metadata.dataElementGroups = groups("dataElementGroups", of: "dataElements", at: elements)
  }

  /// - Parameter positions: the positions of the members, by uid.
  private func groups(_ plural: String, of members: String, at positions: [String: Int]) -> [ObjectGroup] {
    objects(plural).map { object in
      ObjectGroup(
        uid: uid(object), code: object["code"]?.string, name: name(object),
        members: references(object, members).compactMap { positions[$0] })
    }
  }

  private mutating func readIndicators() {
    var factors: [String: Double] = [:]
    for type in objects("indicatorTypes") { factors[uid(type)] = type["factor"]?.int.map { Double($0) } }
    var positions: [String: Int] = [:]
    for object in objects("indicators") {
      positions[uid(object)] = metadata.indicators.count
      metadata.indicators.append(
        .init(
          uid: uid(object), code: object["code"]?.string, name: name(object),
          numerator: object["numerator"]?.string ?? "", denominator: object["denominator"]?.string ?? "1",
          factor: object["indicatorType"]?["id"]?.string.flatMap { factors[$0] } ?? 1))
    }
    metadata.indicatorGroups = groups("indicatorGroups", of: "indicators", at: positions)
    metadata.programIndicators = objects("programIndicators").map { object in
      .init(
        uid: uid(object), code: object["code"]?.string, name: name(object),
        expression: object["expression"]?.string ?? "")
    }
  }

  private mutating func readUsers(_ list: [JSONValue]) {
    var authorities: [String: [String]] = [:]
    for role in objects("userRoles") {
      authorities[uid(role)] = (role["authorities"]?.array ?? []).compactMap(\.string)
    }
    users = list.map { object in
      User(
        uid: uid(object), username: object["username"]?.string ?? uid(object),
        password: object["password"]?.string ?? "", firstName: object["firstName"]?.string ?? "",
        surname: object["surname"]?.string ?? "",
        authorities: references(object, "userRoles").flatMap { authorities[$0] ?? [] },
        organisationUnits: references(object, "organisationUnits").compactMap { units[$0] },
        viewUnits: references(object, "dataViewOrganisationUnits").compactMap { units[$0] })
    }
  }
}
