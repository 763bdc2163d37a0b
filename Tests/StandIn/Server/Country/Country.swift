import D2Common
import D2Store

/// An invented country: five levels of organisation units, data sets of several period types, and their data elements.
/// It depends only on the number of units and the seed, so that two servers can have the same one.
struct Country {
  private var metadata = Metadata()
  private var random: Random
  private var names: CountryNames
  private var facilities: [Int] = []

  /// The metadata of a country. Without units it has only the default category combo.
  static func metadata(units: Int, seed: UInt64) -> Metadata {
    var country = Country(seed: seed)
    if units > 0 {
      country.makeUnits(units)
      country.makeElements()
      country.makeSets()
      country.makeGroups()
      country.makeIndicators()
    }
    country.metadata.index()
    return country.metadata
  }

  private init(seed: UInt64) {
    random = Random(seed: seed)
    names = CountryNames(seed: seed &+ 1)
  }

  // MARK: - Organisation units

  private mutating func makeUnits(_ count: Int) {
    let regions = min(12, max(1, count / 400))
    let districts = max(regions, count / 60)
    let zones = max(districts, count / 15)
    let root = addUnit("Stand-in Land", parent: nil, code: "LAND")
    let regionUnits = (0..<regions).map { addUnit(names.region(), parent: root, code: "R\($0 + 1)") }
    let districtUnits = (0..<districts).map { index in
      addUnit(names.place() + " District", parent: regionUnits[index % regions], code: "D\(index + 1)")
    }
    let zoneUnits = (0..<zones).map { index in
      addUnit(names.place() + " Zone", parent: districtUnits[index % districts], code: "Z\(index + 1)")
    }
    let rest = max(1, count - 1 - regions - districts - zones)
    for index in 0..<rest {
      // Some have no code, as on real servers.
      let code = index % 97 == 96 ? nil : "F\(100_000 + index)"
      let unit = addUnit(names.facility(), parent: zoneUnits[index % zones], code: code)
      if index % 250 == 249 {
        metadata.organisationUnits[unit].closed = CalendarDate(year: 2015, month: 12, day: 31)!.dayNumber
      }
      facilities.append(unit)
    }
    metadata.organisationUnitLevels = ["Country", "Region", "District", "Zone", "Facility"].enumerated().map {
      .init(uid: random.uid(), name: $0.element, level: $0.offset + 1)
    }
  }

  private mutating func addUnit(_ name: String, parent: Int?, code: String?) -> Int {
    metadata.organisationUnits.append(
      OrganisationUnit(
        uid: random.uid(), code: code, name: name, shortName: String(name.prefix(50)), parent: parent,
        opened: CalendarDate(year: 1990, month: 1, day: 1)!.dayNumber))
    return metadata.organisationUnits.count - 1
  }

  // MARK: - Data elements

  private mutating func makeElements() {
    let sex = addCombo("Sex", ["Female", "Male"])
    let age = addCombo(
      "Age and sex", ["<1 y, Female", "<1 y, Male", "1–4 y, Female", "1–4 y, Male", "5+ y, Female", "5+ y, Male"])
    metadata.optionSets = [
      .init(uid: random.uid(), name: "State of the roof", codes: ["GOOD", "LEAKS", "NONE", "DON'T KNOW"])
    ]
    func add(_ type: String, _ count: Int, _ text: String, combo: Int = 0, options: Int? = nil) {
      for index in 1...count {
        let name = count == 1 ? text : "\(text) \(index)"
        metadata.dataElements.append(
          DataElement(
            uid: random.uid(), code: "DE_\(metadata.dataElements.count + 1)", name: name, shortName: name,
            valueType: type, aggregationType: ["TEXT", "LONG_TEXT", "BOOLEAN", "DATE"].contains(type) ? "NONE" : "SUM",
            zeroIsSignificant: ValueTypeRules.isNumeric(type), optionSet: options, combo: combo))
      }
    }
    add("INTEGER_ZERO_OR_POSITIVE", 12, "Visits", combo: sex)
    add("INTEGER_ZERO_OR_POSITIVE", 6, "Cases", combo: age)
    add("NUMBER", 4, "Litres used")
    add("PERCENTAGE", 2, "Coverage")
    add("BOOLEAN", 3, "Stocked out?")
    add("TEXT", 1, "Remark")
    add("LONG_TEXT", 1, "What went \"well\", and what didn't")
    add("TEXT", 1, "Roof", options: 0)
    add("DATE", 1, "Last inspection")
    add("INTEGER", 10, "Staff", combo: sex)
    add("INTEGER_ZERO_OR_POSITIVE", 8, "Suspected cases", combo: age)
    add("NUMBER", 5, "Stock balance")
  }

  private mutating func addCombo(_ name: String, _ options: [String]) -> Int {
    let combo = metadata.categoryCombos.count
    metadata.categoryCombos.append(.init(uid: random.uid(), name: name))
    // Its id is made from another one, because more random numbers would change all later ones.
    metadata.categoryCombos[combo].categories = [metadata.categories.count]
    let first = metadata.categoryOptions.count
    metadata.categories.append(
      .init(
        uid: "K" + metadata.categoryCombos[combo].uid.dropLast(), code: name.uppercased(), name: name,
        options: Array(first..<first + options.count)))
    for option in options {
      metadata.categoryCombos[combo].optionCombos.append(metadata.categoryOptionCombos.count)
      let uid = random.uid()
      metadata.categoryOptionCombos.append(
        .init(
          uid: uid, code: "COC_\(metadata.categoryOptionCombos.count)", name: option, combo: combo,
          options: [metadata.categoryOptions.count]))
      metadata.categoryOptions.append(.init(uid: "O" + uid.dropLast(), name: option))
    }
    return combo
  }

  // MARK: - Data sets

  private mutating func makeSets() {
    let partner = addCombo("Partner", ["Government", "Mission, \"faith-based\"", "Private"])
    metadata.categoryCombos[partner].isOfAttributes = true
    metadata.categories[metadata.categoryCombos[partner].categories[0]].isOfAttributes = true
    let open = facilities.filter { metadata.organisationUnits[$0].closed == nil }
    func positions(_ prefixes: String...) -> [Int] {
      metadata.dataElements.indices.filter { index in
        prefixes.contains { metadata.dataElements[index].name.hasPrefix($0) }
      }
    }
    func add(_ name: String, _ code: String, _ type: PeriodType, _ elements: [Int], _ units: [Int], combo: Int = 0) {
      metadata.dataSets.append(
        DataSet(
          uid: random.uid(), code: code, name: name, shortName: name, periodType: type, combo: combo,
          elements: elements, units: units, unitSet: Set(units), openFuturePeriods: 1, expiryDays: 0, timelyDays: 15,
          sharing: Sharing()))
    }
    add(
      "Monthly health report", "MONTH", .monthly, positions("Visits", "Cases", "Litres", "Coverage", "Remark"),
      facilities)
    add("Quarterly staff return", "QUARTER", .quarterly, positions("Staff", "Stocked"), facilities)
    add("Yearly census of facilities", "YEAR", .yearly, positions("Roof", "Last inspection", "What went"), facilities)
    add("Weekly surveillance", "WEEK", .weekly, positions("Suspected"), open)
    add(
      "Daily stock", "DAY", .daily, positions("Stock balance"),
      open.enumerated().filter { $0.offset % 10 == 0 }.map(\.element))
    let shared = addElement("Supervision visits by partner")
    add("Monthly partner report", "PARTNER", .monthly, [shared], facilities, combo: partner)
  }

  private mutating func addElement(_ name: String) -> Int {
    metadata.dataElements.append(
      DataElement(
        uid: random.uid(), code: "DE_\(metadata.dataElements.count + 1)", name: name, shortName: name,
        valueType: "INTEGER_ZERO_OR_POSITIVE", aggregationType: "SUM", zeroIsSignificant: true, combo: 0))
    return metadata.dataElements.count - 1
  }

  /// Last, so that they do not change the uids of other objects.
  private mutating func makeIndicators() {
    func element(_ name: String) -> DataElement { metadata.dataElements.first { $0.name == name }! }
    let (visits, cases) = (element("Visits 1"), element("Cases 1"))
    let female = metadata.categoryOptionCombos[metadata.categoryCombos[visits.combo].optionCombos[0]].uid
    metadata.indicators = [
      .init(
        uid: random.uid(), code: "IN_1", name: "Visits by women, of a hundred",
        numerator: "#{\(visits.uid).\(female)}", denominator: "#{\(visits.uid)}", factor: 100),
      .init(
        uid: random.uid(), code: nil, name: "Cases of 1,000 visits", numerator: "#{\(cases.uid)}",
        denominator: "#{\(visits.uid)} + #{\(element("Visits 2").uid)}", factor: 1000),
    ]
    metadata.indicatorGroups = [
      .init(uid: random.uid(), code: "RATIOS", name: "Ratios", members: [0, 1])
    ]
    metadata.programIndicators = [
      .init(
        uid: random.uid(), code: "PI_1", name: "Visits that a program counted",
        expression: "#{\(visits.uid)} * 2")
    ]
  }

  private mutating func makeGroups() {
    metadata.organisationUnitGroups = [
      .init(
        uid: random.uid(), code: "URBAN", name: "Urban",
        members: facilities.enumerated().filter { $0.offset % 3 == 0 }.map(\.element)),
      .init(
        uid: random.uid(), code: "RURAL", name: "Rural",
        members: facilities.enumerated().filter { $0.offset % 3 != 0 }.map(\.element)),
    ]
    metadata.dataElementGroups = [
      .init(uid: random.uid(), code: "STAFF", name: "Staff", members: metadata.dataSets[1].elements)
    ]
  }
}
