import D2Common

/// A kind of metadata object, by the name of its collection.
enum MetadataKind: String, Sendable, CaseIterable {
  case organisationUnits
  case organisationUnitLevels
  case organisationUnitGroups
  case dataSets
  case dataElements
  case dataElementGroups
  case indicators
  case indicatorGroups
  case programIndicators
  case categoryOptionCombos
  case categoryCombos
  case categoryOptions
  case categories
  case optionSets
  case attributes
  /// The links between a data set and its elements, which have no collection of their own.
  case dataSetElements

  /// The name of one object in error messages.
  var singular: String {
    self == .categories ? "Category" : rawValue.prefix(1).uppercased() + rawValue.dropFirst().dropLast()
  }

  /// The property that a list is ordered by, if the request names none.
  var defaultOrder: String { self == .organisationUnitLevels ? "level" : "name" }
}

/// An object by its kind and position.
struct MetadataReference: Sendable, Hashable {
  var kind: MetadataKind
  var position: Int
}

/// The content of a property.
enum MetadataProperty {
  case value(JSONValue)
  case object(MetadataReference)
  case objects([MetadataReference])
}

/// The view of metadata in a request: some properties depend on the user and on the address of the server.
struct MetadataView {
  let metadata: Metadata
  let version: ServerVersion
  let user: User
  let users: [User]
  let base: String
  /// When the objects were made.
  let created: Int64

  /// The uid of an object.
  func uid(_ reference: MetadataReference) -> String {
    let position = reference.position
    switch reference.kind {
    case .organisationUnits: return metadata.organisationUnits[position].uid
    case .organisationUnitLevels: return metadata.organisationUnitLevels[position].uid
    case .organisationUnitGroups: return metadata.organisationUnitGroups[position].uid
    case .dataSets: return metadata.dataSets[position].uid
    case .dataElements: return metadata.dataElements[position].uid
    case .dataElementGroups: return metadata.dataElementGroups[position].uid
    case .indicators: return metadata.indicators[position].uid
    case .indicatorGroups: return metadata.indicatorGroups[position].uid
    case .programIndicators: return metadata.programIndicators[position].uid
    case .categoryOptionCombos: return metadata.categoryOptionCombos[position].uid
    case .categoryCombos: return metadata.categoryCombos[position].uid
    case .categoryOptions: return metadata.categoryOptions[position].uid
    case .categories: return metadata.categories[position].uid
    case .optionSets: return metadata.optionSets[position].uid
    case .attributes: return metadata.attributes[position].uid
    case .dataSetElements: return ""
    }
  }

  func count(_ kind: MetadataKind) -> Int {
    switch kind {
    case .organisationUnits: metadata.organisationUnits.count
    case .organisationUnitLevels: metadata.organisationUnitLevels.count
    case .organisationUnitGroups: metadata.organisationUnitGroups.count
    case .dataSets: metadata.dataSets.count
    case .dataElements: metadata.dataElements.count
    case .dataElementGroups: metadata.dataElementGroups.count
    case .indicators: metadata.indicators.count
    case .indicatorGroups: metadata.indicatorGroups.count
    case .programIndicators: metadata.programIndicators.count
    case .categoryOptionCombos: metadata.categoryOptionCombos.count
    case .categoryCombos: metadata.categoryCombos.count
    case .categoryOptions: metadata.categoryOptions.count
    case .categories: metadata.categories.count
    case .optionSets: metadata.optionSets.count
    case .attributes: metadata.attributes.count
    case .dataSetElements: 0
    }
  }

  /// Whether the user may see an object, because data sets can be private.
  func isVisible(_ reference: MetadataReference) -> Bool {
    switch reference.kind {
    case .dataSets:
      let set = metadata.dataSets[reference.position]
      return !set.isRemoved && set.sharing.readsMetadata(user)
    case .organisationUnits: return !metadata.organisationUnits[reference.position].isRemoved
    case .dataElements: return !metadata.dataElements[reference.position].isRemoved
    default: return true
    }
  }

  /// A property by name; `nil` if the object lacks it or it is empty.
  func property(_ name: String, of reference: MetadataReference) -> MetadataProperty? {
    if reference.kind == .dataSetElements { return dataSetElement(name, reference.position) }
    if reference.kind == .organisationUnits, let own = metadata.organisationUnits[reference.position].further[name] {
      return .value(own)
    }
    switch name {
    case "id": return .value(.string(uid(reference)))
    case "displayName": return property("name", of: reference)
    case "created", "lastUpdated": return .value(.string(Stamp.local(created)))
    case "href": return .value(.string("\(base)/api/\(reference.kind.rawValue)/\(uid(reference))"))
    case "attributeValues", "translations", "favorites": return .value([])
    case "favorite": return .value(false)
    case "createdBy", "lastUpdatedBy", "user": return .value(owner)
    default: break
    }
    switch reference.kind {
    case .organisationUnits: return unit(name, reference.position)
    case .dataSets: return dataSet(name, reference.position)
    case .dataElements: return dataElement(name, reference.position)
    case .categoryOptionCombos: return optionCombo(name, reference.position)
    case .organisationUnitLevels:
      let level = metadata.organisationUnitLevels[reference.position]
      return name == "name" ? .value(.string(level.name)) : name == "level" ? .value(.int(level.level)) : nil
    case .organisationUnitGroups:
      return group(name, metadata.organisationUnitGroups[reference.position], "organisationUnits", .organisationUnits)
    case .dataElementGroups:
      return group(name, metadata.dataElementGroups[reference.position], "dataElements", .dataElements)
    case .indicators: return indicator(name, metadata.indicators[reference.position])
    case .indicatorGroups:
      return group(name, metadata.indicatorGroups[reference.position], "indicators", .indicators)
    case .programIndicators: return programIndicator(name, metadata.programIndicators[reference.position])
    case .categoryCombos:
      let combo = metadata.categoryCombos[reference.position]
      switch name {
      case "name": return text(combo.name)
      case "dataDimensionType": return text(combo.isOfAttributes ? "ATTRIBUTE" : "DISAGGREGATION")
      case "skipTotal": return .value(.bool(combo.skipsTotal))
      case "categoryOptionCombos": return references(.categoryOptionCombos, combo.optionCombos)
      case "categories": return references(.categories, combo.categories)
      default: return nil
      }
    case .categories: return category(name, reference.position)
    case .categoryOptions: return categoryOption(name, metadata.categoryOptions[reference.position])
    case .optionSets:
      let set = metadata.optionSets[reference.position]
      return name == "name"
        ? .value(.string(set.name))
        : name == "options" ? .value(.array(set.codes.map { ["code": .string($0), "name": .string($0)] })) : nil
    case .attributes: return attribute(name, metadata.attributes[reference.position])
    case .dataSetElements: return nil
    }
  }

  /// The property names of a kind, in the order of the output.
  func propertyNames(_ kind: MetadataKind) -> [String] {
    let common = [
      "href", "code", "name", "created", "lastUpdated", "translations", "createdBy", "favorites", "lastUpdatedBy",
    ]
    let end = ["displayName", "access", "favorite", "user", "id", "attributeValues"]
    switch kind {
    case .organisationUnits: return unitNames
    case .dataSets:
      return common + ["shortName", "periodType", "dataSetElements", "categoryCombo"]
        + ["expiryDays", "timelyDays", "openFuturePeriods"] + end + ["organisationUnits"]
    case .dataElements:
      return common + ["shortName", "aggregationType", "valueType", "domainType", "zeroIsSignificant", "optionSet"]
        + end + ["categoryCombo", "dataElementGroups"]
    case .categoryOptionCombos: return common + ["categoryCombo", "ignoreApproval"] + end + ["categoryOptions"]
    case .categoryOptions: return common + ["shortName"] + end
    case .categories: return common + ["dataDimensionType", "shortName"] + end + ["categoryOptions"]
    case .organisationUnitLevels: return ["name", "created", "lastUpdated", "level", "displayName", "id"]
    case .organisationUnitGroups: return common + end + ["organisationUnits"]
    case .dataElementGroups: return common + end + ["dataElements"]
    case .indicators: return common + ["shortName", "numerator", "denominator"] + end
    case .indicatorGroups: return common + end + ["indicators"]
    case .programIndicators: return common + ["shortName", "expression"] + end
    case .categoryCombos: return common + ["dataDimensionType"] + end + ["categories", "categoryOptionCombos"]
    case .optionSets: return common + end + ["options"]
    case .attributes:
      return common + ["shortName", "valueType", "mandatory", "unique", "organisationUnitAttribute"] + end
    case .dataSetElements: return ["dataSet", "dataElement"]
    }
  }

  func references(_ kind: MetadataKind, _ positions: some Sequence<Int>) -> MetadataProperty {
    .objects(positions.map { MetadataReference(kind: kind, position: $0) })
  }

  /// The superuser, who created everything.
  var owner: JSONValue {
    [
      "id": "M5zQapPyTZI", "code": "admin", "name": "admin admin", "displayName": "admin admin", "username": "admin",
    ]
  }

  func text(_ text: String?) -> MetadataProperty? { text.map { .value(.string($0)) } }
}
