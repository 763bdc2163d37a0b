import D2Client
import D2Common

/// The last line of a pull that brought everything that was asked for. It says what that was. The end of a pipe says
/// nothing, so this line shows the reader that nothing is missing.
///
///     {"end":{"values":1234,"scope":[{"kind":"values","dataSet":"…","periods":"202401","orgUnits":["…"],
///     "children":true}],"dataElements":{"dataSet":["…"]},"units":["…"]}}
package struct EndLine: Sendable {
  /// How many lines came before it.
  package var values: Int
  /// What was asked for: of each slice the kind, data set, periods and organisation units. Empty for sums.
  package var scope: [Slice]
  /// The data elements that each data set has at the source.
  package var dataElements: [String: [String]] = [:]
  /// The organisation units that are below those of the scope at the source, and these themselves; `nil` if the line
  /// does not tell.
  package var units: [String]?

  /// Whether registrations were asked for, with values or alone.
  package var hasRegistrations: Bool { scope.contains { $0.kind == .registrations } }

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
    return JSONValue.object([.init("end", .object(members))]).text
  }

  /// Reads a line; `nil` if it is another one.
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
