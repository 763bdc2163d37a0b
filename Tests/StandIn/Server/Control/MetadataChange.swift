import D2Common

/// `POST /control/metadata`: changes of the metadata, in the form of a metadata payload.
///
/// Objects keep their positions, because values refer to them. So a removed object is only hidden.
struct MetadataChange {
  private var metadata: Metadata
  private let change: JSONValue

  /// The metadata after a change.
  static func apply(_ change: JSONValue, to metadata: Metadata) throws(MetadataError) -> Metadata {
    var changed = MetadataChange(metadata: metadata, change: change)
    try changed.units()
    try changed.levels()
    try changed.categories()
    try changed.combos()
    try changed.optionCombos()
    try changed.elements()
    try changed.sets()
    try changed.attributes()
    changed.metadata.exchanges += changed.objects("aggregateDataExchanges")
    changed.metadata.lockExceptions += changed.objects("lockExceptions")
    changed.metadata.index()
    return changed.metadata
  }

  // MARK: - Kinds

  private mutating func units() throws(MetadataError) {
    for object in objects("organisationUnits") {
      let uid = try uid(object)
      let position = metadata.organisationUnits.firstIndex { $0.uid == uid } ?? metadata.organisationUnits.count
      if position == metadata.organisationUnits.count {
        metadata.organisationUnits.append(.init(uid: uid, name: uid, shortName: uid, opened: 0))
      }
      var unit = metadata.organisationUnits[position]
      unit.isRemoved = object["removed"]?.bool ?? false
      if let name = object["name"]?.string { (unit.name, unit.shortName) = (name, String(name.prefix(50))) }
      if let code = object["code"] { unit.code = code.string }
      if let parent = object["parent"] {
        unit.parent = try reference(parent, "organisationUnits", metadata.organisationUnits.map(\.uid))
      }
      if let day = object["openingDate"] { unit.opened = self.day(day) ?? 0 }
      if let day = object["closedDate"] { unit.closed = self.day(day) }
      if let name = object["shortName"]?.string { unit.shortName = name }
      unit.further.merge(OrganisationUnit.further(of: object)) { $1 }
      metadata.organisationUnits[position] = unit
    }
    // All units below a removed unit are removed too.
    var isSettled = false
    while !isSettled {
      isSettled = true
      for position in metadata.organisationUnits.indices where !metadata.organisationUnits[position].isRemoved {
        if let parent = metadata.organisationUnits[position].parent, metadata.organisationUnits[parent].isRemoved {
          metadata.organisationUnits[position].isRemoved = true
          isSettled = false
        }
      }
    }
  }

  private mutating func levels() throws(MetadataError) {
    for object in objects("organisationUnitLevels") {
      guard let level = object["level"]?.int, let name = object["name"]?.string else {
        throw MetadataError(description: "a level needs a level and a name")
      }
      guard let position = metadata.organisationUnitLevels.firstIndex(where: { $0.level == level }) else {
        throw MetadataError(description: "there is no level \(level)")
      }
      metadata.organisationUnitLevels[position].name = name
    }
  }

  /// Options and categories, by name and members.
  private mutating func categories() throws(MetadataError) {
    for object in objects("categoryOptions") {
      let uid = try uid(object)
      let position = metadata.categoryOptions.firstIndex { $0.uid == uid } ?? metadata.categoryOptions.count
      if position == metadata.categoryOptions.count { metadata.categoryOptions.append(.init(uid: uid, name: uid)) }
      if let name = object["name"]?.string { metadata.categoryOptions[position].name = name }
      if let code = object["code"] { metadata.categoryOptions[position].code = code.string }
      if let access = object["sharing"]?["public"]?.string {
        metadata.categoryOptions[position].sharing.publicAccess = access
      }
    }
    for object in objects("categories") {
      let uid = try uid(object)
      let position = metadata.categories.firstIndex { $0.uid == uid } ?? metadata.categories.count
      if position == metadata.categories.count { metadata.categories.append(.init(uid: uid, name: uid)) }
      if let name = object["name"]?.string { metadata.categories[position].name = name }
      if let list = object["categoryOptions"]?.array {
        metadata.categories[position].options = try options(list)
      }
    }
  }

  private func options(_ list: [JSONValue]) throws(MetadataError) -> [Int] {
    var found: [Int] = []
    for option in list {
      found.append(try reference(option, "categoryOptions", metadata.categoryOptions.map(\.uid)))
    }
    return found
  }

  /// A combo has the option combos in its list; missing ones are created.
  private mutating func combos() throws(MetadataError) {
    for object in objects("categoryCombos") {
      let uid = try uid(object)
      let position = metadata.categoryCombos.firstIndex { $0.uid == uid } ?? metadata.categoryCombos.count
      if position == metadata.categoryCombos.count { metadata.categoryCombos.append(.init(uid: uid, name: uid)) }
      if let name = object["name"]?.string { metadata.categoryCombos[position].name = name }
      if let skips = object["skipTotal"]?.bool { metadata.categoryCombos[position].skipsTotal = skips }
      if let list = object["categories"]?.array {
        metadata.categoryCombos[position].categories = []
        for category in list {
          metadata.categoryCombos[position].categories.append(
            try reference(category, "categories", metadata.categories.map(\.uid)))
        }
      }
      guard let list = object["categoryOptionCombos"]?.array else { continue }
      var optionCombos: [Int] = []
      for option in list {
        let uid = try self.uid(option)
        if let known = metadata.categoryOptionComboByUid[uid] {
          optionCombos.append(known)
        } else {
          optionCombos.append(metadata.categoryOptionCombos.count)
          metadata.categoryOptionCombos.append(
            .init(
              uid: uid, name: option["name"]?.string ?? uid, combo: position,
              options: try options(option["categoryOptions"]?.array ?? [])))
        }
      }
      metadata.categoryCombos[position].optionCombos = optionCombos
    }
  }

  /// Sets the codes of existing option combos.
  private mutating func optionCombos() throws(MetadataError) {
    for object in objects("categoryOptionCombos") {
      let position = try reference(object, "categoryOptionCombos", metadata.categoryOptionCombos.map(\.uid))
      if let code = object["code"] { metadata.categoryOptionCombos[position].code = code.string }
    }
  }

  private mutating func elements() throws(MetadataError) {
    for object in objects("dataElements") {
      let uid = try uid(object)
      let position = metadata.dataElements.firstIndex { $0.uid == uid } ?? metadata.dataElements.count
      if position == metadata.dataElements.count {
        metadata.dataElements.append(
          .init(
            uid: uid, name: uid, shortName: uid, valueType: "INTEGER", aggregationType: "SUM", zeroIsSignificant: false,
            combo: 0))
      }
      var element = metadata.dataElements[position]
      element.isRemoved = object["removed"]?.bool ?? false
      if let name = object["name"]?.string { element.name = name }
      if let code = object["code"] { element.code = code.string }
      if let type = object["valueType"]?.string { element.valueType = type }
      if let type = object["aggregationType"]?.string { element.aggregationType = type }
      if let flag = object["zeroIsSignificant"]?.bool { element.zeroIsSignificant = flag }
      if let combo = object["categoryCombo"] { element.combo = try self.combo(combo) }
      metadata.dataElements[position] = element
    }
  }

  private mutating func sets() throws(MetadataError) {
    for object in objects("dataSets") {
      let uid = try uid(object)
      let position = metadata.dataSets.firstIndex { $0.uid == uid } ?? metadata.dataSets.count
      if position == metadata.dataSets.count {
        metadata.dataSets.append(
          .init(
            uid: uid, name: uid, shortName: uid, periodType: .monthly, combo: 0, elements: [], units: [], unitSet: [],
            openFuturePeriods: 0, expiryDays: 0, timelyDays: 0, sharing: Sharing()))
      }
      var set = metadata.dataSets[position]
      set.isRemoved = object["removed"]?.bool ?? false
      if let name = object["name"]?.string { set.name = name }
      if let code = object["code"] { set.code = code.string }
      if let name = object["periodType"]?.string {
        guard let type = PeriodType(rawValue: name) else {
          throw MetadataError(description: "\(name) is not a period type")
        }
        set.periodType = type
      }
      if let periods = object["openFuturePeriods"]?.int { set.openFuturePeriods = periods }
      if let days = object["expiryDays"]?.int { set.expiryDays = days }
      if let combo = object["categoryCombo"] { set.combo = try self.combo(combo) }
      if let list = object["dataSetElements"]?.array {
        set.elements = []
        for member in list {
          set.elements.append(
            try reference(member["dataElement"] ?? .null, "dataElements", metadata.dataElements.map(\.uid)))
        }
      }
      if let list = object["organisationUnits"]?.array {
        set.units = []
        for unit in list {
          set.units.append(try reference(unit, "organisationUnits", metadata.organisationUnits.map(\.uid)))
        }
        set.unitSet = Set(set.units)
      }
      if let list = object["compulsoryDataElementOperands"]?.array { set.compulsory = try operands(list) }
      if let flag = object["compulsoryFieldsCompleteOnly"]?.bool { set.compulsoryFieldsCompleteOnly = flag }
      metadata.dataSets[position] = set
    }
  }

  private func operands(_ list: [JSONValue]) throws(MetadataError) -> [DataSet.Operand] {
    var found: [DataSet.Operand] = []
    for operand in list {
      let element = try reference(operand["dataElement"] ?? .null, "dataElements", metadata.dataElements.map(\.uid))
      var combo: Int?
      if let named = operand["categoryOptionCombo"] {
        combo = try reference(named, "categoryOptionCombos", metadata.categoryOptionCombos.map(\.uid))
      }
      found.append(.init(element: element, optionCombo: combo))
    }
    return found
  }

  private mutating func attributes() throws(MetadataError) {
    for object in objects("attributes") {
      let uid = try uid(object)
      let position = metadata.attributes.firstIndex { $0.uid == uid } ?? metadata.attributes.count
      if position == metadata.attributes.count { metadata.attributes.append(.init(uid: uid, name: uid)) }
      metadata.attributes[position].take(object)
    }
  }

  // MARK: - Reading

  private func objects(_ collection: String) -> [JSONValue] { change[collection]?.array ?? [] }

  private func uid(_ object: JSONValue) throws(MetadataError) -> String {
    guard let uid = object["id"]?.string else { throw MetadataError(description: "an object without an id") }
    return uid
  }

  private func combo(_ object: JSONValue) throws(MetadataError) -> Int {
    try reference(object, "categoryCombos", metadata.categoryCombos.map(\.uid))
  }

  private func reference(_ object: JSONValue, _ collection: String, _ uids: [String]) throws(MetadataError) -> Int {
    let uid = try uid(object)
    guard let position = uids.firstIndex(of: uid) else {
      throw MetadataError(description: "\(uid) is none of the \(collection)")
    }
    return position
  }

  private func day(_ text: JSONValue) -> Int? {
    text.string.flatMap { CalendarDate(iso8601: String($0.prefix(10))) }.map(\.dayNumber)
  }
}
