import D2Client
import D2Common
import D2Store

/// Compares data sets with the destination's: elements, combos, assignments.
struct DataSetCheck {
  private let pair: Pair
  private let store: Store
  private let arguments: Arguments
  private let log: Log

  init(_ store: Store, _ pair: Pair, _ arguments: Arguments, _ log: Log) {
    self.store = store
    self.pair = pair
    self.arguments = arguments
    self.log = log
  }

  private static let comboFields = "categoryCombo[id,name,categoryOptionCombos[id,name]]"
  private static let fields =
    "id,name,code,periodType,openFuturePeriods,\(comboFields),organisationUnits[id],"
    + "dataSetElements[\(comboFields),dataElement[id,name,code,valueType,aggregationType,zeroIsSignificant,\(comboFields)]]"

  /// One difference; the command's line for it.
  private struct Problem {
    let object: String
    let id: String
    let name: String?
    let dataSet: String
    let problem: String
    var source: String?
    var destination: String?

    var json: JSONValue {
      func text(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }
      return [
        "object": .string(object), "id": .string(id), "name": text(name), "dataSet": .string(dataSet),
        "problem": .string(problem), "source": text(source), "destination": text(destination),
      ]
    }
  }

  func run() throws -> ExitStatus {
    let chosen = try DataSetTable(store, pair).chosen(arguments[PairOptions.dataSets], of: pair)
    let source = DHIS2Client(try ServerOptions(arguments, log, pair.source), log)
    let destination = DHIS2Client(try ServerOptions(arguments, log, pair.destination), log)
    let destinationVersion = try destination.serverInfo().version
    let zeros = ZeroCheck(source: try source.serverInfo().version, destination: destinationVersion)
    let pulled = try PulledUnits(store, pair)
    var listing = Listing(
      arguments, columns: ["object", "id", "name", "dataSet", "problem", "source", "destination"])
    var problems = 0
    var foundFiles = false
    var checkedElements: Set<String> = []
    func add(_ problem: Problem) throws {
      problems += 1
      foundFiles = foundFiles || problem.problem == "holdsFiles"
      try listing.add(problem.json)
    }
    for set in chosen {
      guard let here = try fetch(set.uid, source) else {
        try add(
          Problem(object: "dataSet", id: set.uid, name: set.name, dataSet: set.uid, problem: "missingAtSource"))
        continue
      }
      for element in Self.elements(here) { checkedElements.insert(element.id) }
      let there = try fetch(set.uid, destination)
      for problem in try compare(here, there, pulled, destination, zeros) { try add(problem) }
    }
    if destinationVersion?.failsWholeGroups ?? false {
      for problem in try doubtfulElements(among: checkedElements, destination) { try add(problem) }
    }
    try listing.finish()
    if foundFiles {
      log.info(
        "holdsFiles: files and pictures do not travel with data values; d2-push refuses the values of such elements")
    }
    log.info(
      "\(counted(chosen.count, "data set")) compared: \(problems == 0 ? "no problem" : "\(counted(problems, "problem"))")"
    )
    return problems == 0 ? .success : .incomplete
  }

  /// A data set with all that is compared; `nil` where the server has none, or does not show it.
  private func fetch(_ uid: String, _ client: DHIS2Client) throws -> JSONValue? {
    let query = Query(["fields": Self.fields, "filter": "id:eq:\(uid)", "paging": "false"])
    let target = query.target("/api/dataSets")
    guard let sets = try client.json(target)["dataSets"]?.array else {
      throw ServerError(client.server, target, .notDHIS2, "the answer has no dataSets")
    }
    return sets.first
  }

  // MARK: Comparing

  private struct Element {
    let id: String
    let name: String?
    let code: String?
    let valueType: String?
    /// The category combo that counts within the set.
    let combo: JSONValue?
    let traits: ElementTraits
    let isSignificant: Bool?
  }

  /// Whether the destination drops zeros that the source holds: servers up to 2.42 store none of elements whose zeros
  /// are not significant.
  private struct ZeroCheck {
    let source: DHIS2Version?
    let destination: DHIS2Version?

    func isLossy(_ here: Element, _ there: Element) -> Bool {
      func drops(_ element: Element, _ version: DHIS2Version?) -> Bool {
        element.traits.contains(.dropsZeros) && !(version?.failsWholeGroups ?? false)
      }
      return drops(there, destination) && !drops(here, source)
    }
  }

  private static func elements(_ set: JSONValue) -> [Element] {
    (set["dataSetElements"]?.array ?? []).compactMap { member in
      guard let element = member["dataElement"], let id = element["id"]?.string else { return nil }
      return Element(
        id: id, name: element["name"]?.string, code: element["code"]?.string, valueType: element["valueType"]?.string,
        combo: member["categoryCombo"] ?? element["categoryCombo"], traits: ElementTraits(element),
        isSignificant: element["zeroIsSignificant"]?.bool)
    }
  }

  private func compare(
    _ here: JSONValue, _ there: JSONValue?, _ pulled: PulledUnits, _ destination: DHIS2Client, _ zeros: ZeroCheck
  ) throws -> [Problem] {
    let uid = here["id"]?.string ?? ""
    let name = here["name"]?.string
    guard let there else {
      return [Problem(object: "dataSet", id: uid, name: name, dataSet: uid, problem: "missing", source: name)]
    }
    var problems: [Problem] = []
    func differs(_ problem: String, _ here: String?, _ there: String?) {
      guard here != there else { return }
      problems.append(
        Problem(
          object: "dataSet", id: uid, name: name, dataSet: uid, problem: problem, source: here, destination: there))
    }
    func type(_ set: JSONValue) -> String? { set["periodType"]?.string ?? set["periodType"]?["name"]?.string }
    differs("otherName", name, there["name"]?.string)
    differs("otherCode", here["code"]?.string, there["code"]?.string)
    differs("otherPeriodType", type(here), type(there))
    problems += Self.compareCombos("dataSet", uid, name, uid, here["categoryCombo"], there["categoryCombo"])

    var others: [String: Element] = [:]
    for element in Self.elements(there) { others[element.id] = element }
    let elements = Self.elements(here)
    let absent = elements.filter { others[$0.id] == nil }
    let elsewhere = absent.isEmpty ? [] : try KnownIDs(absent.map(\.id), in: "dataElements", destination).ids
    for element in elements {
      if let other = others[element.id] {
        problems += Self.compare(element, other, uid, zeros)
      } else {
        problems.append(
          Problem(
            object: "dataElement", id: element.id, name: element.name, dataSet: uid,
            problem: elsewhere.contains(element.id) ? "notInDataSet" : "missing", source: element.name))
      }
    }
    problems += unassigned(here, there, pulled, uid)
    return problems
  }

  private static func compare(
    _ here: Element, _ there: Element, _ dataSet: String, _ zeros: ZeroCheck
  ) -> [Problem] {
    var problems: [Problem] = []
    func tell(_ problem: String, _ source: String?, _ destination: String?, if isOne: Bool) {
      guard isOne else { return }
      problems.append(
        Problem(
          object: "dataElement", id: here.id, name: here.name, dataSet: dataSet, problem: problem, source: source,
          destination: destination))
    }
    tell("otherCode", here.code, there.code, if: here.code != there.code)
    tell("otherValueType", here.valueType, there.valueType, if: here.valueType != there.valueType)
    tell(
      "zerosNotKept", here.isSignificant.map(String.init), there.isSignificant.map(String.init),
      if: zeros.isLossy(here, there))
    tell(
      "holdsFiles", here.valueType, there.valueType, if: here.traits.union(there.traits).contains(.holdsFiles))
    return problems + compareCombos("dataElement", here.id, here.name, dataSet, here.combo, there.combo)
  }

  /// Values carry the ids of option combos: each that the source has must be there.
  private static func compareCombos(
    _ object: String, _ id: String, _ name: String?, _ dataSet: String, _ here: JSONValue?, _ there: JSONValue?
  ) -> [Problem] {
    var problems: [Problem] = []
    let (comboHere, comboThere) = (here?["id"]?.string, there?["id"]?.string)
    if comboHere != comboThere {
      problems.append(
        Problem(
          object: object, id: id, name: name, dataSet: dataSet, problem: "otherCategoryCombo", source: comboHere,
          destination: comboThere))
    }
    func options(_ combo: JSONValue?) -> [(id: String, name: String?)] {
      (combo?["categoryOptionCombos"]?.array ?? []).compactMap { option in
        option["id"]?.string.map { ($0, option["name"]?.string) }
      }
    }
    let known = Set(options(there).map(\.id))
    for option in options(here) where !known.contains(option.id) {
      problems.append(
        Problem(
          object: "categoryOptionCombo", id: option.id, name: option.name, dataSet: dataSet, problem: "missing",
          source: "\(object) \(id)"))
    }
    return problems
  }

  /// Units that report the set at the source but may not at the destination.
  private func unassigned(_ here: JSONValue, _ there: JSONValue, _ pulled: PulledUnits, _ uid: String) -> [Problem] {
    func units(_ set: JSONValue) -> [String] { (set["organisationUnits"]?.array ?? []).compactMap { $0["id"]?.string } }
    let assigned = Set(units(there))
    return units(here).filter { !assigned.contains($0) && pulled.mayHold($0) }.sorted().map {
      Problem(object: "organisationUnit", id: $0, name: pulled.names[$0], dataSet: uid, problem: "notAssigned")
    }
  }

  /// Elements of several data sets. Servers from 2.43 on refuse values that do not say which of them they are for
  /// (E8002): d2-pull --pair says it.
  private func doubtfulElements(among elements: Set<String>, _ destination: DHIS2Client) throws -> [Problem] {
    try dataSets(of: elements, destination).filter { $1.count > 1 }.map { element, sets in
      let sets = sets.joined(separator: ",")
      return Problem(
        object: "dataElement", id: element, name: nil, dataSet: sets, problem: "inSeveralDataSets", destination: sets)
    }
  }

  /// The destination's data sets of each element.
  private func dataSets(
    of elements: Set<String>, _ client: DHIS2Client
  ) throws -> [(String, [String])] {
    var homes: [String: [String]] = [:]
    for set in try MetadataPages("dataSets", fields: "id,dataSetElements[dataElement[id]]", pageSize: 50, client).all()
    {
      guard let id = set["id"]?.string else { continue }
      for element in Self.elements(set) where elements.contains(element.id) {
        homes[element.id, default: []].append(id)
      }
    }
    return homes.sorted { $0.key < $1.key }
  }
}

/// Which units are pulled, as far as the store knows them.
private struct PulledUnits {
  let names: [String: String]
  private let inactive: Set<String>

  init(_ store: Store, _ pair: Pair) throws {
    let units = try OrgUnitTable(store, pair).all()
    let disabled = Set(units.filter(\.isDisabled).map { Substring($0.uid) })
    var names: [String: String] = [:]
    var inactive: Set<String> = []
    for unit in units {
      names[unit.uid] = unit.name
      if !unit.isActive || unit.ancestors.contains(where: disabled.contains) { inactive.insert(unit.uid) }
    }
    self.names = names
    self.inactive = inactive
  }

  /// A unit that is not in the store may lie below one that is.
  func mayHold(_ uid: String) -> Bool { !inactive.contains(uid) }
}
