import D2Client
import D2Common

/// The last line of a pull that brought all that was asked for, with what that was: so who reads through a pipe, whose
/// end tells nothing, knows that nothing is missing.
///
///     {"end":{"values":1234,"scope":[{"kind":"values","dataSet":"…","periods":"202401","orgUnits":["…"],
///     "children":true}]}}
package struct EndLine: Sendable {
  /// How many lines came before it.
  package var values: Int
  /// What was asked for: of each slice the kind, data set, periods and organisation units.
  package var scope: [Slice]

  private static let beginning = Array(#"{"end":"#.utf8)

  package init(values: Int, scope: [Slice]) {
    self.values = values
    self.scope = scope
  }

  package var text: String {
    let scope = scope.map { slice -> JSONValue in
      [
        "kind": .string(slice.kind.rawValue), "dataSet": .string(slice.dataSet), "periods": .string(slice.periods),
        "orgUnits": .array(slice.orgUnits.map { .string($0) }), "children": .bool(slice.children),
      ]
    }
    return JSONValue.object([.init("end", ["values": .int(values), "scope": .array(scope)])]).text
  }

  /// Reads a line; `nil` where it is another one.
  package init?(_ line: UnsafeRawBufferPointer) {
    guard line.starts(with: Self.beginning), let end = (try? JSONValue(parsing: line))?["end"],
      let values = end["values"]?.int, let scope = end["scope"]?.array
    else { return nil }
    self.values = values
    self.scope = []
    for part in scope {
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
      self.scope.append(slice)
    }
  }
}
