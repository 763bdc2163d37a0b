import D2Client
import D2Common

/// The last line of a complete pull. It names what was requested. The end of a pipe alone would not show the reader
/// that nothing is missing.
///
///     {"end":{"values":1234,"scope":[{"kind":"values","dataSet":"…","periods":"202401","orgUnits":["…"],
///     "children":true}],"dataElements":{"dataSet":["…"]},"units":["…"],"attributeOptionCombos":["…"]}}
package struct EndLine: Sendable {
  /// How many lines precede it.
  package var values: Int
  /// The request: the kind, data set, periods and organisation units of each slice. Empty for sums.
  package var scope: [Slice]
  /// The data elements of each data set at the source.
  package var dataElements: [String: [String]] = [:]
  /// The source's organisation units in the scope, including its tops; `nil` if the line does not name them.
  package var units: [String]?
  /// The attribute option combos of the data sets that the source shows to its user; `nil` if the line does not tell.
  package var attributeOptionCombos: [String]?

  /// Whether registrations were requested, with values or alone.
  package var hasRegistrations: Bool { scope.contains { $0.kind == .registrations } }

  /// Only what another line of the same pull also names. One is made before the pull and one after it: nothing that
  /// joins or leaves the scope meanwhile counts as the source's.
  package func both(with other: EndLine) -> EndLine {
    func common(_ own: [String]?, _ others: [String]?) -> [String]? {
      guard let own, let others else { return nil }
      let known = Set(others)
      return own.filter(known.contains)
    }
    var end = self
    for set in Set(dataElements.keys).union(other.dataElements.keys) {
      // Without a list, all data elements would count as the source's.
      end.dataElements[set] = common(dataElements[set], other.dataElements[set]) ?? []
    }
    end.units = common(units, other.units)
    end.attributeOptionCombos = common(attributeOptionCombos, other.attributeOptionCombos)
    return end
  }

  private static let beginning = Array(#"{"end":"#.utf8)

  package init(values: Int, scope: [Slice]) {
    self.values = values
    self.scope = scope
  }

  package var text: String {
    func list(_ ids: [String]) -> JSONValue { .array(ids.map { .string($0) }) }
    let scope = scope.map { slice -> JSONValue in
      [
        "kind": .string(slice.kind.rawValue), "dataSet": .string(slice.dataSet), "periods": .string(slice.periods),
        "orgUnits": list(slice.orgUnits), "children": .bool(slice.children),
      ]
    }
    var members: [JSONValue.Member] = [.init("values", .int(values)), .init("scope", .array(scope))]
    if !dataElements.isEmpty {
      let sets = dataElements.sorted { $0.key < $1.key }.map { JSONValue.Member($0.key, list($0.value)) }
      members.append(.init("dataElements", .object(sets)))
    }
    if let units { members.append(.init("units", list(units))) }
    if let attributeOptionCombos { members.append(.init("attributeOptionCombos", list(attributeOptionCombos))) }
    return JSONValue.object([.init("end", .object(members))]).text
  }

  /// Parses a line; `nil` if it is not an end line.
  package init?(_ line: UnsafeRawBufferPointer) {
    guard line.starts(with: Self.beginning), let end = (try? JSONValue(parsing: line))?["end"],
      let values = end["values"]?.int, let scope = end["scope"]?.array
    else { return nil }
    self.values = values
    self.scope = []
    for part in scope {
      guard let slice = Self.slice(part) else { return nil }
      self.scope.append(slice)
    }
    for member in end["dataElements"]?.members ?? [] {
      dataElements[member.key] = member.value.array?.compactMap(\.string)
    }
    units = end["units"]?.array?.compactMap(\.string)
    attributeOptionCombos = end["attributeOptionCombos"]?.array?.compactMap(\.string)
  }

  private static func slice(_ part: JSONValue) -> Slice? {
    guard let dataSet = part["dataSet"]?.string, let periods = part["periods"]?.string,
      let units = part["orgUnits"]?.array?.compactMap(\.string), !units.isEmpty,
      let children = part["children"]?.bool
    else { return nil }
    var slice = Slice()
    slice.kind = DataKind(stored: part["kind"]?.string)
    slice.dataSet = dataSet
    slice.periods = periods
    slice.orgUnits = units
    slice.children = children
    return slice
  }
}
