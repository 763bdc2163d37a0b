import D2Client
import D2Common
import D2Store

/// Compares data sets with those of the destination: elements, combos, assignments.
struct DataSetCheck {
  let store: Store
  let pair: Pair
  let arguments: Arguments
  let log: Log

  private static let comboFields = "categoryCombo[id,name,categoryOptionCombos[id,name]]"
  private static let fields =
    "id,name,code,periodType,openFuturePeriods,\(comboFields),organisationUnits[id],"
    + "dataSetElements[\(comboFields),dataElement[id,name,code,valueType,aggregationType,zeroIsSignificant,\(comboFields)]]"

  /// The object with a problem.
  private struct Subject {
    let object: String
    let id: String
    let name: String?
    let dataSet: String

    /// The output line for one problem.
    func line(_ problem: String, _ source: String? = nil, _ destination: String? = nil) -> JSONValue {
      [
        "object": .string(object), "id": .string(id), "name": .string(orNull: name), "dataSet": .string(dataSet),
        "problem": .string(problem), "source": .string(orNull: source), "destination": .string(orNull: destination),
      ]
    }

    /// A line if the two ends differ.
    func compare(_ problem: String, _ source: String?, _ destination: String?) -> [JSONValue] {
      source == destination ? [] : [line(problem, source, destination)]
    }
  }

  func run() throws -> ExitStatus {
    let chosen = try DataSetTable(store, pair).chosen(arguments[PairOptions.dataSets], of: pair)
    let source = try pair.client(of: .source, arguments, log)
    let destination = try pair.client(of: .destination, arguments, log)
    let destinationVersion = try destination.serverInfo().version
    let zeros = ZeroCheck(source: try source.serverInfo().version, destination: destinationVersion)
    let pulled = try PulledUnits(store, pair, source)
    var listing = Listing(arguments)
    var problems = 0
    var foundFiles = false
    var checkedElements: Set<String> = []
    func add(_ found: [JSONValue]) throws {
      problems += found.count
      foundFiles = foundFiles || found.contains { $0["problem"] == "holdsFiles" }
      for problem in found { try listing.add(problem) }
    }
    for set in chosen {
      guard let here = try fetch(set.uid, source) else {
        let subject = Subject(object: "dataSet", id: set.uid, name: set.name, dataSet: set.uid)
        try add([subject.line("missingAtSource")])
        continue
      }
      checkedElements.formUnion(Self.elements(here).map(\.id))
      try add(compare(here, fetch(set.uid, destination), pulled, destination, zeros))
    }
    if destinationVersion?.failsWholeGroups ?? false { try add(doubtfulElements(among: checkedElements, destination)) }
    try listing.finish()
    if foundFiles {
      log.info(
        "holdsFiles: files and pictures do not travel with data values; d2-push refuses the values of such elements")
    }
    let outcome = problems == 0 ? "no problem" : counted(problems, "problem")
    log.info("\(counted(chosen.count, "data set")) compared: \(outcome)")
    return problems == 0 ? .success : .incomplete
  }

  /// A data set with everything to compare; `nil` if the server lacks or hides it.
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
    /// The category combo within the data set.
    let combo: JSONValue?
    let traits: ElementTraits
    let isSignificant: Bool?
  }

  /// Finds zeros that the destination would drop. Servers up to 2.42 do not store zeros of elements whose zeros are not
  /// significant.
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
  ) throws -> [JSONValue] {
    let uid = here["id"]?.string ?? ""
    let name = here["name"]?.string
    let set = Subject(object: "dataSet", id: uid, name: name, dataSet: uid)
    guard let there else { return [set.line("missing", name)] }
    func type(_ set: JSONValue) -> String? { set["periodType"]?.string ?? set["periodType"]?["name"]?.string }
    var problems = set.compare("otherName", name, there["name"]?.string)
    problems += set.compare("otherCode", here["code"]?.string, there["code"]?.string)
    problems += set.compare("otherPeriodType", type(here), type(there))
    problems += Self.compareCombos(set, here["categoryCombo"], there["categoryCombo"])

    let others = Dictionary(Self.elements(there).map { ($0.id, $0) }, uniquingKeysWith: { $1 })
    let elements = Self.elements(here)
    let absent = elements.filter { others[$0.id] == nil }
    let elsewhere = absent.isEmpty ? [] : try KnownIDs(absent.map(\.id), in: "dataElements", destination).ids
    for element in elements {
      let subject = Subject(object: "dataElement", id: element.id, name: element.name, dataSet: uid)
      if let other = others[element.id] {
        problems += Self.compare(element, other, subject, zeros)
      } else {
        problems.append(subject.line(elsewhere.contains(element.id) ? "notInDataSet" : "missing", element.name))
      }
    }
    return try problems + unassigned(here, there, pulled, uid)
  }

  private static func compare(
    _ here: Element, _ there: Element, _ subject: Subject, _ zeros: ZeroCheck
  ) -> [JSONValue] {
    var problems = subject.compare("otherCode", here.code, there.code)
    problems += subject.compare("otherValueType", here.valueType, there.valueType)
    if zeros.isLossy(here, there) {
      problems.append(
        subject.line("zerosNotKept", here.isSignificant.map(String.init), there.isSignificant.map(String.init)))
    }
    if here.traits.union(there.traits).contains(.holdsFiles) {
      problems.append(subject.line("holdsFiles", here.valueType, there.valueType))
    }
    return problems + compareCombos(subject, here.combo, there.combo)
  }

  /// Compares option combos. Values contain their ids, so the destination needs each combo of the source.
  private static func compareCombos(_ subject: Subject, _ here: JSONValue?, _ there: JSONValue?) -> [JSONValue] {
    func options(_ combo: JSONValue?) -> [(id: String, name: String?)] {
      (combo?["categoryOptionCombos"]?.array ?? []).compactMap { option in
        option["id"]?.string.map { ($0, option["name"]?.string) }
      }
    }
    let known = Set(options(there).map(\.id))
    return subject.compare("otherCategoryCombo", here?["id"]?.string, there?["id"]?.string)
      + options(here).filter { !known.contains($0.id) }.map { id, name in
        Subject(object: "categoryOptionCombo", id: id, name: name, dataSet: subject.dataSet)
          .line("missing", "\(subject.object) \(subject.id)")
      }
  }

  /// Units that report the data set at the source, but are not assigned at the destination.
  private func unassigned(
    _ here: JSONValue, _ there: JSONValue, _ pulled: PulledUnits, _ uid: String
  ) throws -> [JSONValue] {
    let assigned = Set(there.uids("organisationUnits"))
    return try pulled.among(here.uids("organisationUnits").filter { !assigned.contains($0) }).map {
      Subject(object: "organisationUnit", id: $0.uid, name: $0.name, dataSet: uid).line("notAssigned")
    }
  }

  /// Elements of several data sets. Servers from 2.43 on refuse values that do not name their data set (E8002). d2-pull
  /// --pair names it.
  private func doubtfulElements(among elements: Set<String>, _ destination: DHIS2Client) throws -> [JSONValue] {
    let fields = "id,dataSetElements[dataElement[id]]"
    var homes: [String: [String]] = [:]
    for set in try MetadataPages("dataSets", fields: fields, pageSize: 50, destination).all() {
      guard let id = set["id"]?.string else { continue }
      for element in Self.elements(set) where elements.contains(element.id) {
        homes[element.id, default: []].append(id)
      }
    }
    return homes.filter { $1.count > 1 }.sorted { $0.key < $1.key }.map { element, sets in
      let sets = sets.joined(separator: ",")
      return Subject(object: "dataElement", id: element, name: nil, dataSet: sets).line("inSeveralDataSets", nil, sets)
    }
  }
}
