import D2Common

/// The properties of each kind of objects.
extension MetadataView {
  // MARK: - Organisation units

  /// The names in the order of a full organisation unit. Versions differ in a few names.
  var unitNames: [String] {
    var names = [
      "href", "code", "name", "created", "lastUpdated", "translations", "createdBy", "access", "favorites",
      "lastUpdatedBy", "sharing", "shortName", "dimensionItemType", "legendSets", "parent", "children", "path",
      "openingDate", "closedDate", "dataSets", "programs", "leaf", "dimensionItem", "displayShortName", "displayName",
      "user", "favorite", "displayFormName", "id", "attributeValues", "organisationUnitGroups", "users", "level",
      "ancestors",
    ]
    if version.minor <= 40 { names += ["externalAccess", "userGroupAccesses", "userAccesses"] }
    return names + OrganisationUnit.furtherNames.filter { !names.contains($0) }
  }

  func unit(_ name: String, _ position: Int) -> MetadataProperty? {
    let unit = metadata.organisationUnits[position]
    switch name {
    case "code": return text(unit.code)
    case "name", "displayFormName": return text(unit.name)
    case "shortName", "displayShortName": return text(unit.shortName)
    case "path": return text(unit.path)
    case "level": return .value(.int(unit.level))
    case "parent": return unit.parent.map { .object(MetadataReference(kind: .organisationUnits, position: $0)) }
    case "children": return references(.organisationUnits, unit.children)
    case "ancestors": return references(.organisationUnits, ancestors(of: position))
    case "leaf": return .value(.bool(unit.children.isEmpty))
    case "openingDate": return text(Stamp.local(Int64(unit.opened) * 86_400_000))
    case "closedDate": return text(unit.closed.map { Stamp.local(Int64($0) * 86_400_000) })
    case "dimensionItem": return text(unit.uid)
    case "dimensionItemType": return text("ORGANISATION_UNIT")
    case "legendSets", "programs", "userGroupAccesses", "userAccesses": return .value([])
    case "externalAccess": return .value(false)
    case "sharing":
      let external: [JSONValue.Member] = version.minor <= 42 ? [.init("external", false)] : []
      return .value(.object(external + [.init("users", .object([])), .init("userGroups", .object([]))]))
    case "access": return .value(.object(access(writes: user.isSuperuser)))
    case "dataSets":
      return references(
        .dataSets,
        metadata.dataSets.indices.filter {
          !metadata.dataSets[$0].isRemoved && metadata.dataSets[$0].unitSet.contains(position)
        })
    case "organisationUnitGroups":
      return references(
        .organisationUnitGroups,
        metadata.organisationUnitGroups.indices.filter {
          metadata.organisationUnitGroups[$0].members.contains(position)
        })
    case "users": return .value(.array(users.filter { $0.organisationUnits.contains(position) }.map(user)))
    default: return unit.further[name].map { .value($0) }
    }
  }

  func ancestors(of position: Int) -> [Int] {
    var found: [Int] = []
    var at = metadata.organisationUnits[position].parent
    while let parent = at {
      found.insert(parent, at: 0)
      at = metadata.organisationUnits[parent].parent
    }
    return found
  }

  private func user(_ user: User) -> JSONValue {
    [
      "id": .string(user.uid), "code": user.code.map { .string($0) } ?? .null, "name": .string(user.name),
      "displayName": .string(user.name), "username": .string(user.username),
    ]
  }

  private func access(writes: Bool) -> [JSONValue.Member] {
    var members: [JSONValue.Member] = [.init("manage", .bool(writes))]
    if version.minor <= 42 { members.append(.init("externalize", .bool(writes))) }
    return members + [
      .init("write", .bool(writes)), .init("read", true), .init("update", .bool(writes)),
      .init("delete", .bool(writes)),
    ]
  }

  /// What the user may do with the data of an object.
  private func dataAccess(_ sharing: Sharing) -> JSONValue {
    ["write": .bool(sharing.writesData(user)), "read": .bool(sharing.readsData(user))]
  }

  // MARK: - Data sets and elements

  func dataSet(_ name: String, _ position: Int) -> MetadataProperty? {
    let set = metadata.dataSets[position]
    // After 2.40, days became fractions.
    func days(_ count: Int) -> MetadataProperty { .value(.number(version.minor <= 40 ? String(count) : "\(count).0")) }
    switch name {
    case "code": return text(set.code)
    case "name": return text(set.name)
    case "shortName": return text(set.shortName)
    case "periodType": return text(set.periodType.rawValue)
    case "openFuturePeriods": return .value(.int(set.openFuturePeriods))
    case "expiryDays": return days(set.expiryDays)
    case "timelyDays": return days(set.timelyDays)
    case "categoryCombo": return .object(MetadataReference(kind: .categoryCombos, position: set.combo))
    case "organisationUnits":
      return references(
        .organisationUnits, set.units.filter { !metadata.organisationUnits[$0].isRemoved })
    case "dataSetElements":
      return references(
        .dataSetElements,
        set.elements.filter { !metadata.dataElements[$0].isRemoved }.map { position << 32 | $0 })
    case "access":
      let writes = user.has("F_DATASET_PUBLIC_ADD") && set.sharing.writesMetadata(user)
      return .value(.object(access(writes: writes) + [.init("data", dataAccess(set.sharing))]))
    default: return nil
    }
  }

  /// The position contains both the set and the element.
  func dataSetElement(_ name: String, _ position: Int) -> MetadataProperty? {
    switch name {
    case "dataSet": .object(MetadataReference(kind: .dataSets, position: position >> 32))
    case "dataElement": .object(MetadataReference(kind: .dataElements, position: position & 0xFFFF_FFFF))
    default: nil
    }
  }

  func dataElement(_ name: String, _ position: Int) -> MetadataProperty? {
    let element = metadata.dataElements[position]
    switch name {
    case "code": return text(element.code)
    case "name": return text(element.name)
    case "shortName": return text(element.shortName)
    case "valueType": return text(element.valueType)
    case "aggregationType": return text(element.aggregationType)
    case "domainType": return text("AGGREGATE")
    case "zeroIsSignificant": return .value(.bool(element.zeroIsSignificant))
    case "optionSet": return element.optionSet.map { .object(MetadataReference(kind: .optionSets, position: $0)) }
    case "categoryCombo": return .object(MetadataReference(kind: .categoryCombos, position: element.combo))
    case "dataElementGroups":
      return references(
        .dataElementGroups,
        metadata.dataElementGroups.indices.filter { metadata.dataElementGroups[$0].members.contains(position) })
    case "dataSetElements":
      return references(.dataSetElements, metadata.dataSetsOfElement[position].map { $0 << 32 | position })
    default: return nil
    }
  }

  func optionCombo(_ name: String, _ position: Int) -> MetadataProperty? {
    let combo = metadata.categoryOptionCombos[position]
    switch name {
    case "code": return text(combo.code)
    case "name": return text(combo.name)
    case "categoryCombo": return .object(MetadataReference(kind: .categoryCombos, position: combo.combo))
    case "ignoreApproval": return .value(false)
    case "categoryOptions": return references(.categoryOptions, combo.options)
    default: return nil
    }
  }

  func categoryOption(_ name: String, _ option: CategoryOption) -> MetadataProperty? {
    switch name {
    case "code": return text(option.code)
    case "name": return text(option.name)
    case "access":
      let writes = user.has("F_CATEGORY_OPTION_PUBLIC_ADD") && option.sharing.writesMetadata(user)
      return .value(.object(access(writes: writes) + [.init("data", dataAccess(option.sharing))]))
    default: return nil
    }
  }

  func indicator(_ name: String, _ indicator: Indicator) -> MetadataProperty? {
    switch name {
    case "code": text(indicator.code)
    case "name", "shortName": text(indicator.name)
    case "numerator": text(indicator.numerator)
    case "denominator": text(indicator.denominator)
    default: nil
    }
  }

  func programIndicator(_ name: String, _ indicator: ProgramIndicator) -> MetadataProperty? {
    switch name {
    case "code": text(indicator.code)
    case "name", "shortName": text(indicator.name)
    case "expression": text(indicator.expression)
    default: nil
    }
  }

  func attribute(_ name: String, _ attribute: MetadataAttribute) -> MetadataProperty? {
    switch name {
    case "name", "shortName": text(attribute.name)
    case "valueType": text(attribute.valueType)
    case "mandatory": .value(.bool(attribute.isMandatory))
    case "unique": .value(.bool(attribute.isUnique))
    case "organisationUnitAttribute": .value(.bool(attribute.isOfUnits))
    default: nil
    }
  }

  func category(_ name: String, _ position: Int) -> MetadataProperty? {
    let category = metadata.categories[position]
    switch name {
    case "code": return text(category.code)
    case "name", "shortName": return text(category.name)
    case "dataDimensionType": return text(category.isOfAttributes ? "ATTRIBUTE" : "DISAGGREGATION")
    case "categoryOptions": return references(.categoryOptions, category.options)
    default: return nil
    }
  }

  func group(_ name: String, _ group: ObjectGroup, _ membersName: String, _ kind: MetadataKind) -> MetadataProperty? {
    switch name {
    case "code": text(group.code)
    case "name", "shortName": text(group.name)
    case membersName: references(kind, group.members)
    default: nil
    }
  }
}
