import D2Common
import D2Store

/// All metadata of the server. Objects refer to each other by their position.
struct Metadata: Sendable {
  var organisationUnits: [OrganisationUnit] = []
  var organisationUnitLevels: [OrganisationUnitLevel] = []
  var organisationUnitGroups: [ObjectGroup] = []
  var optionSets: [OptionSet] = []
  var categoryCombos: [CategoryCombo] = []
  var categoryOptions: [CategoryOption] = []
  var categories: [Category] = []
  var categoryOptionCombos: [CategoryOptionCombo] = []
  var dataElements: [DataElement] = []
  var dataElementGroups: [ObjectGroup] = []
  var indicators: [Indicator] = []
  var indicatorGroups: [ObjectGroup] = []
  var programIndicators: [ProgramIndicator] = []
  var attributes: [MetadataAttribute] = []
  var dataSets: [DataSet] = []

  /// Aggregate data exchanges, as posted.
  var exchanges: [JSONValue] = []
  /// Units that may still enter data of a data set in an expired period, as posted: `{"dataSet":{"id":…},
  /// "organisationUnit":{"id":…},"period":"202401"}`.
  var lockExceptions: [JSONValue] = []

  /// Positions by uid.
  var organisationUnitByUid: [String: Int] = [:]
  var organisationUnitGroupByUid: [String: Int] = [:]
  var categoryOptionComboByUid: [String: Int] = [:]
  var dataElementByUid: [String: Int] = [:]
  var dataElementGroupByUid: [String: Int] = [:]
  var indicatorByUid: [String: Int] = [:]
  var programIndicatorByUid: [String: Int] = [:]
  var dataSetByUid: [String: Int] = [:]

  /// The existing organisation units, sorted by uid.
  private(set) var organisationUnitsByUid: [Int] = []

  /// The data sets with a data element, by the element's position.
  var dataSetsOfElement: [[Int]] = []

  /// The default category combo, which every server has; its uids are the same on most.
  static let defaultComboUid = "bjDvmb4bfuf"
  /// The default category option combo.
  static let defaultOptionComboUid = "HllvX50cXC0"
  /// The option and the category of the default category option combo.
  static let defaultOptionUid = "xYerKDKCefk"
  static let defaultCategoryUid = "GLevLNI9wkl"

  /// The position of the default category option combo.
  var defaultOptionCombo: Int { categoryOptionComboByUid[Metadata.defaultOptionComboUid] ?? 0 }

  init() {
    categoryCombos.append(.init(uid: Metadata.defaultComboUid, name: "default"))
    categoryOptions.append(.init(uid: Metadata.defaultOptionUid, code: "default", name: "default"))
    categoryOptionCombos.append(
      .init(uid: Metadata.defaultOptionComboUid, code: "default", name: "default", combo: 0, options: [0]))
    categoryCombos[0].optionCombos = [0]
    categories.append(.init(uid: Metadata.defaultCategoryUid, code: "default", name: "default", options: [0]))
    categoryCombos[0].categories = [0]
  }

  /// Computes the derived data: look-ups, paths, levels, and the order that makes each subtree a range.
  mutating func index() {
    func positions(_ uids: [String?]) -> [String: Int] {
      var found: [String: Int] = [:]
      for (position, uid) in uids.enumerated() {
        if let uid, found[uid] == nil { found[uid] = position }
      }
      return found
    }
    organisationUnitByUid = positions(organisationUnits.map { $0.isRemoved ? nil : $0.uid })
    organisationUnitGroupByUid = positions(organisationUnitGroups.map(\.uid))
    categoryOptionComboByUid = positions(categoryOptionCombos.map(\.uid))
    dataElementByUid = positions(dataElements.map { $0.isRemoved ? nil : $0.uid })
    dataElementGroupByUid = positions(dataElementGroups.map(\.uid))
    indicatorByUid = positions(indicators.map(\.uid))
    programIndicatorByUid = positions(programIndicators.map(\.uid))
    dataSetByUid = positions(dataSets.map { $0.isRemoved ? nil : $0.uid })
    dataSetsOfElement = Array(repeating: [], count: dataElements.count)
    for (position, set) in dataSets.enumerated() where !set.isRemoved {
      for element in set.elements { dataSetsOfElement[element].append(position) }
    }
    let uids = organisationUnits.map(\.uid)
    organisationUnitsByUid = uids.indices.filter { !organisationUnits[$0].isRemoved }.sorted { uids[$0] < uids[$1] }
    indexHierarchy()
  }

  private mutating func indexHierarchy() {
    for index in organisationUnits.indices { organisationUnits[index].children = [] }
    for (index, unit) in organisationUnits.enumerated() where !unit.isRemoved {
      if let parent = unit.parent { organisationUnits[parent].children.append(index) }
    }
    var counter = 0
    func visit(_ index: Int, path: String, level: Int) {
      organisationUnits[index].path = path + "/" + organisationUnits[index].uid
      organisationUnits[index].level = level
      organisationUnits[index].enter = counter
      counter += 1
      for child in organisationUnits[index].children {
        visit(child, path: organisationUnits[index].path, level: level + 1)
      }
      organisationUnits[index].exit = counter
    }
    for index in organisationUnits.indices where organisationUnits[index].parent == nil {
      visit(index, path: "", level: 1)
    }
  }

  /// The first category option of an option combo that is not open to somebody; `nil` if all are.
  func closedOption(of combo: Int, _ isOpen: (Sharing) -> Bool) -> String? {
    categoryOptionCombos[combo].options.map { categoryOptions[$0] }.first { !isOpen($0.sharing) }?.uid
  }

  /// The option combos that have a category option of which a user may not read the data.
  func unreadableCombos(_ user: User) -> [Int] {
    user.isSuperuser
      ? [] : categoryOptionCombos.indices.filter { closedOption(of: $0) { $0.readsData(user) } != nil }
  }

  /// Whether a unit is another one or below it.
  func isWithin(_ unit: Int, _ ancestor: Int) -> Bool {
    let enter = organisationUnits[unit].enter
    return enter >= organisationUnits[ancestor].enter && enter < organisationUnits[ancestor].exit
  }

  /// Whether a unit is in one of some subtrees.
  func isWithin(_ unit: Int, anyOf ancestors: [Int]) -> Bool { ancestors.contains { isWithin(unit, $0) } }
}

struct OrganisationUnit: Sendable {
  var uid: String
  var code: String?
  var name: String
  var shortName: String
  var parent: Int?
  /// Days since 1970.
  var opened: Int
  var closed: Int?
  /// Its further properties, for example geometry and contact, under the names of `furtherNames`.
  var further: [String: JSONValue] = [:]
  /// Whether it was removed while the server runs. It then keeps its position, but is hidden.
  var isRemoved = false
  var children: [Int] = []
  var path = ""
  var level = 1
  /// A subtree consists of the units whose `enter` is in `enter..<exit` of its root.
  var enter = 0
  var exit = 0

  /// The further properties of a unit, in the servers' order.
  static let furtherNames = [
    "description", "comment", "url", "contactPerson", "address", "email", "phoneNumber", "geometry", "attributeValues",
    "translations",
  ]

  /// The further properties of an object.
  static func further(of object: JSONValue) -> [String: JSONValue] {
    Dictionary(
      uniqueKeysWithValues: furtherNames.compactMap { name in
        object[name].flatMap { $0 == .null ? nil : (name, $0) }
      })
  }
}

struct OrganisationUnitLevel: Sendable {
  var uid: String
  var name: String
  var level: Int
}

/// A group of organisation units or of data elements.
struct ObjectGroup: Sendable {
  var uid: String
  var code: String?
  var name: String
  var members: [Int]
}

struct OptionSet: Sendable {
  var uid: String
  var name: String
  var codes: [String]
}

struct CategoryOption: Sendable {
  var uid: String
  var code: String?
  var name: String
  var sharing = Sharing()
}

struct Category: Sendable {
  var uid: String
  var code: String?
  var name: String
  var isOfAttributes = false
  var options: [Int] = []
}

struct CategoryCombo: Sendable {
  var uid: String
  var name: String
  /// Whether it is for attribute option combos.
  var isOfAttributes = false
  /// Whether analytics refuse the total over its option combos.
  var skipsTotal = false
  var categories: [Int] = []
  var optionCombos: [Int] = []
}

struct CategoryOptionCombo: Sendable {
  var uid: String
  var code: String?
  var name: String
  var combo: Int
  /// Its options, one of each category.
  var options: [Int] = []
}

struct DataElement: Sendable {
  var uid: String
  var code: String?
  var name: String
  var shortName: String
  var valueType: String
  var aggregationType: String
  var zeroIsSignificant: Bool
  var optionSet: Int?
  var combo: Int
  var isRemoved = false
}

/// A ratio of sums, in the form of `IndicatorExpression`.
struct Indicator: Sendable {
  var uid: String
  var code: String?
  var name: String
  var numerator: String
  var denominator: String
  /// The factor of its indicator type: 100 for percent.
  var factor: Double
}

/// A count of events. The stand-in has no events, so an expression of data elements replaces it.
struct ProgramIndicator: Sendable {
  var uid: String
  var code: String?
  var name: String
  var expression: String
}

/// A property that a server's administrators have added to objects.
struct MetadataAttribute: Sendable {
  var uid: String
  var name: String
  var valueType = "TEXT"
  var isMandatory = false
  var isUnique = false
  /// Whether it is for organisation units.
  var isOfUnits = false

  init(uid: String, name: String) {
    self.uid = uid
    self.name = name
  }

  /// Copies the properties of an object.
  mutating func take(_ object: JSONValue) {
    if let name = object["name"]?.string { self.name = name }
    if let type = object["valueType"]?.string { valueType = type }
    if let flag = object["mandatory"]?.bool { isMandatory = flag }
    if let flag = object["unique"]?.bool { isUnique = flag }
    if let flag = object["organisationUnitAttribute"]?.bool { isOfUnits = flag }
  }
}

struct DataSet: Sendable {
  var uid: String
  var code: String?
  var name: String
  var shortName: String
  var periodType: PeriodType
  var combo: Int
  var elements: [Int]
  var units: [Int]
  var unitSet: Set<Int>
  var openFuturePeriods: Int
  var expiryDays: Int
  var timelyDays: Int
  var sharing: Sharing
  var isRemoved = false
  /// The values that a complete report must have.
  var compulsory: [Operand] = []
  /// Whether a report without them cannot be registered.
  var compulsoryFieldsCompleteOnly = false

  /// A data element with an option combo, or with any.
  struct Operand: Sendable {
    var element: Int
    var optionCombo: Int?
  }
}

/// Who may read and write an object and its data: `rwrw----` means to read and write both metadata and data.
struct Sharing: Sendable {
  var publicAccess = "rwrw----"
  /// Access by user's uid, in addition to the public access.
  var users: [String: String] = [:]

  private func allows(_ user: User, at position: Int, _ letter: Character) -> Bool {
    if user.isSuperuser { return true }
    return [publicAccess, users[user.uid] ?? ""].contains { access in
      access.count > position && access[access.index(access.startIndex, offsetBy: position)] == letter
    }
  }

  func readsMetadata(_ user: User) -> Bool { allows(user, at: 0, "r") }
  func writesMetadata(_ user: User) -> Bool { allows(user, at: 1, "w") }
  func readsData(_ user: User) -> Bool { allows(user, at: 2, "r") }
  func writesData(_ user: User) -> Bool { allows(user, at: 3, "w") }
}
