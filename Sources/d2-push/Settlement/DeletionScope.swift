import D2Common

/// The `deletion` scope of a request, from 2.43 on. It names elements, organisation units and periods, and deletes all
/// values of each of these elements in each of these units and periods (docs/dhis2-servers.md, trap 20). So values form
/// a scope only if they are all the values that it names.
enum DeletionScope {
  /// The server passes this many elements to one query, with three parameters each. PostgreSQL limits the parameters.
  private static let mostElements = 2000

  /// An element with its option combos.
  private struct Element: Hashable {
    let dataElement: String
    let optionCombo: String
    let attributeCombo: String

    init(_ ids: ValueIDs) {
      (dataElement, optionCombo, attributeCombo) = (
        ids.dataElement, ids.categoryOptionCombo, ids.attributeOptionCombo
      )
    }
  }

  /// Values grouped by a common key, in the order in which they came.
  private struct Groups<Key: Hashable> {
    private(set) var all: [(key: Key, values: [Int])] = []
    private var places: [Key: Int] = [:]

    mutating func add(_ values: [Int], to key: Key) {
      if let place = places[key] {
        all[place].values += values
      } else {
        places[key] = all.count
        all.append((key, values))
      }
    }
  }

  /// Divides values into few scopes: the same elements of a unit in several periods, and of several units in the same
  /// periods. It does not search for the smallest number.
  static func groups(of part: [Int], _ ids: BatchIDs) -> [[Int]] {
    struct Form: Hashable { let orgUnit: String, period: String }
    struct Row: Hashable { let orgUnit: String, elements: Set<Element> }
    struct Block: Hashable { let periods: Set<String>, elements: Set<Element> }
    var forms = Groups<Form>()
    for index in part { forms.add([index], to: Form(orgUnit: ids[index].orgUnit, period: ids[index].period)) }
    var rows = Groups<Row>()
    for (form, values) in forms.all {
      for start in stride(from: 0, to: values.count, by: mostElements) {
        let some = Array(values[start..<min(start + mostElements, values.count)])
        rows.add(some, to: Row(orgUnit: form.orgUnit, elements: Set(some.map { Element(ids[$0]) })))
      }
    }
    var blocks = Groups<Block>()
    for (row, values) in rows.all {
      blocks.add(values, to: Block(periods: Set(values.map { ids[$0].period }), elements: row.elements))
    }
    return blocks.all.map(\.values)
  }

  /// The body of a request that deletes the values of one scope, and stores nothing.
  static func body(of part: [Int], _ ids: BatchIDs, dataSet: String?) -> [UInt8] {
    func distinct(_ key: (ValueIDs) -> String) -> JSONValue {
      .array(part.map { key(ids[$0]) }.unique.map { .string($0) })
    }
    let elements = part.map { Element(ids[$0]) }.unique.map { element -> JSONValue in
      // A missing combo would mean the default one, not all.
      [
        "dataElement": .string(element.dataElement), "categoryOptionCombo": .string(element.optionCombo),
        "attributeOptionCombo": .string(element.attributeCombo),
      ]
    }
    let scope: JSONValue = [
      "orgUnits": distinct(\.orgUnit), "periods": distinct(\.period), "elements": .array(elements),
    ]
    let body: JSONValue = ["dataSet": .string(orNull: dataSet), "deletion": scope, "dataValues": .array([])]
    return Array(body.text.utf8)
  }
}

/// For servers from 2.43 on: they delete a whole scope, or nothing if they refuse a part of it.
struct JudgeByScope: Judge {
  let ids: BatchIDs
  let destination: Destination

  func verdict(on work: Work, _ report: ImportReport) -> Verdict {
    var verdict = Verdict()
    let (conflicts, part) = (report.summary.conflicts, work.part)
    if conflicts.isEmpty, report.summary.deleted > 0 {
      // Fewer than named: the others no longer exist.
      verdict.counts = true
      verdict.isAlive = true
      return verdict
    }
    for conflict in conflicts {
      let found = GroupConflict(
        conflict, part.filter { verdict.refused[$0] == nil }, isAlone: part.count == 1, ids, destination)
      verdict.refuse(found.guilty, report.reason(conflict))
    }
    if verdict.refused.isEmpty, part.count == 1 {
      // The server is silent about values that its database refuses.
      verdict.refuse(
        part, Refusal(message: "the server deleted nothing and gives no reason", httpStatus: report.status))
    }
    let rest = part.filter { verdict.refused[$0] == nil }
    verdict.scopesLater(work, in: rest.count == part.count ? rest.halves : [rest], ids)
    return verdict
  }
}

extension Verdict {
  /// Posts values as scopes again: parts of a scope need not form one.
  mutating func scopesLater(_ work: Work, in parts: [[Int]], _ ids: BatchIDs) {
    for part in parts { for group in DeletionScope.groups(of: part, ids) { later(work.with(group)) } }
  }
}
