import D2Client
import D2Common

/// Finds objects without an id in the output's scheme. Servers up to 2.42 write `null` for them, and the destination
/// would misread that (for a combo, as the default one). Later servers refuse the export (docs/dhis2-servers.md, trap
/// 27).
struct MissingIDs {
  /// A kind of object that values name.
  private struct ObjectKind {
    let key: String
    let plural: String
    /// The option for its scheme; the parameter of the Web API has the same name.
    let option: String

    func scheme(in parameters: [(name: String, value: String)]) -> IDScheme {
      IDScheme(of: Query.parameter(of: option), in: parameters)
    }
  }

  private static let attributeOptionCombo = ObjectKind(
    key: "attributeOptionCombo", plural: "attribute option combos", option: "--attribute-option-combo-id-scheme")
  private static let objectsInValues = [
    ObjectKind(key: "dataElement", plural: "data elements", option: "--data-element-id-scheme"),
    ObjectKind(key: "orgUnit", plural: "organisation units", option: "--org-unit-id-scheme"),
    ObjectKind(
      key: "categoryOptionCombo", plural: "category option combos", option: "--category-option-combo-id-scheme"),
    attributeOptionCombo,
  ]
  private static let objectsInRegistrations = [
    ObjectKind(key: "organisationUnit", plural: "organisation units", option: "--org-unit-id-scheme"),
    ObjectKind(key: "dataSet", plural: "data sets", option: "--data-set-id-scheme"),
    attributeOptionCombo,
  ]

  private let client: DHIS2Client
  private let log: Log
  private let kind: DataKind
  private let passedOn: [(name: String, value: String)]

  init(_ options: PullOptions, _ client: DHIS2Client, _ log: Log) {
    self.client = client
    self.log = log
    kind = options.kind
    passedOn = options.passedOn
  }

  private static func objects(in kind: DataKind) -> [ObjectKind] {
    kind == .dataValues ? objectsInValues : objectsInRegistrations
  }

  /// The keys of a value whose ids may be missing.
  static func keys(_ options: PullOptions) -> [String] {
    objects(in: options.kind).filter { $0.scheme(in: options.passedOn) != .uid }.map(\.key)
  }

  private func scheme(_ key: String) -> IDScheme {
    Self.objects(in: kind).first { $0.key == key }?.scheme(in: passedOn) ?? .uid
  }

  /// Whether an id may be missing in its scheme. Each object has a uid and a name.
  private func mayMiss(_ key: String) -> Bool { ![.uid, .name].contains(scheme(key)) }

  // MARK: Before anything is read

  /// Reports the data elements and combos of the requested data sets that have no id. Only the answers show whether
  /// they have values.
  func announce(for selections: [PullOptions]) throws {
    let sets = selections.flatMap(\.dataSets).unique
    guard !sets.isEmpty, ["dataElement", "categoryOptionCombo", "attributeOptionCombo"].contains(where: mayMiss) else {
      return
    }
    do { try look(for: sets) } catch let error as ServerError {
      guard error.leavesDataInReach else { throw error }
      log.warning("cannot look for objects without an id in the scheme of the output: \(error)")
    }
  }

  private func look(for sets: [String]) throws {
    var elements: [String: JSONValue] = [:]
    var combosOfSets: [String] = []
    var combosOfElements: [String] = []
    let element = "name,\(scheme("dataElement").fields),categoryCombo[id]"
    let fields =
      "id,categoryCombo[id]"
      + (kind == .registrations ? "" : ",dataSetElements[categoryCombo[id],dataElement[\(element)]]")
    for set in try client.objects(sets, in: "dataSets", fields: fields) {
      if let combo = set["categoryCombo"]?["id"]?.string { combosOfSets.append(combo) }
      for member in set["dataSetElements"]?.array ?? [] {
        guard let element = member["dataElement"], let uid = element["id"]?.string else { continue }
        elements[uid] = element
        let combo = (member["categoryCombo"] ?? element["categoryCombo"])?["id"]?.string
        if let combo { combosOfElements.append(combo) }
      }
    }
    announce("dataElement", elements.values.filter { scheme("dataElement").id(of: $0) == nil })
    announce("categoryOptionCombo", try combos(combosOfElements.unique, "categoryOptionCombo"))
    announce("attributeOptionCombo", try combos(combosOfSets.unique, "attributeOptionCombo"))
  }

  /// The option combos of category combos that have no id in the scheme of a key.
  private func combos(_ uids: [String], _ key: String) throws -> [JSONValue] {
    guard mayMiss(key), !uids.isEmpty else { return [] }
    let scheme = scheme(key)
    return try client.objects(uids, in: "categoryCombos", fields: "id,categoryOptionCombos[name,\(scheme.fields)]")
      .flatMap { $0["categoryOptionCombos"]?.array ?? [] }.filter { scheme.id(of: $0) == nil }
  }

  private func announce(_ key: String, _ nameless: [JSONValue]) {
    guard mayMiss(key), !nameless.isEmpty, let object = Self.objects(in: kind).first(where: { $0.key == key }) else {
      return
    }
    log.warning(
      "no \(scheme(key)) at \(client.server) of \(counted(nameless.count, String(object.plural.dropLast()))) of these data sets: \(Self.named(nameless, log)). Values of theirs will be left out. \(Self.advice(object))"
    )
  }

  private static func named(_ objects: [JSONValue], _ log: Log) -> String {
    let names = objects.map { object in
      (object["id"]?.string ?? "?") + (object["name"]?.string.map { " (\($0))" } ?? "")
    }.sorted()
    return Enumeration.few(names, log)
  }

  private static func advice(_ object: ObjectKind) -> String {
    // A server up to 2.42 uses one scheme for both kinds of combos.
    let options =
      object.key.hasSuffix("OptionCombo")
      ? "--category-option-combo-id-scheme UID --attribute-option-combo-id-scheme UID" : "\(object.option) UID"
    return "Give each one an id, or use uids for them: \(options), here and for d2-push"
  }

  // MARK: Afterwards

  /// Reports how many values lacked an id. Returns whether there were any.
  func report(_ counts: [String: Int]) -> Bool {
    let found = Self.objects(in: kind).compactMap { object in
      counts[object.key].flatMap { $0 > 0 ? (object: object, count: $0) : nil }
    }
    for (object, count) in found {
      log.error(
        "\(counted(count, kind.noun)) left out: the server wrote null as their \(object.key), since some \(object.plural) have no \(scheme(object.key))\(units(object)). \(Self.advice(object))"
      )
    }
    return !found.isEmpty
  }

  /// A hint about which units may lack it.
  private func units(_ object: ObjectKind) -> String {
    guard object.plural == "organisation units", scheme(object.key) == .code else { return "" }
    let query = Query(["fields": "id,name", "filter": "code:null", "pageSize": "50", "order": "id:asc"])
    guard let answer = try? client.json(query.target("/api/organisationUnits")),
      let units = answer["organisationUnits"]?.array, !units.isEmpty
    else { return "" }
    let total = answer["pager"]?["total"]?.int ?? units.count
    return " (\(total) on the server, such as \(Self.named(units, log)))"
  }
}
