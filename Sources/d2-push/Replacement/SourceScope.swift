import D2Client
import D2Common
import D2Store

/// What the source has in the scope of an input. Only of that can a value be stale: of a unit that the source has
/// elsewhere, or of a data element that its data set lacks, the input says nothing.
struct SourceScope {
  /// What is known of the source's organisation units.
  private enum Units {
    /// Nothing: the scope of the options counts as it is.
    case unknown
    /// All that the source has below those of the scope.
    case listed(Set<String>)
    /// The path of each that was asked for.
    case paths([String: String])
  }

  private let units: Units
  private let dataElements: [String: Set<String>]
  /// The units of each part of the scope.
  private let tops: [Set<String>]

  /// - Parameters:
  ///   - parts: of the scope.
  ///   - ends: what the pulls in the input say of the source.
  ///   - asked: units of the destination that matter; called only if the source must be asked.
  /// - Throws: `ServerError` of the source; `CommandFailure`, 65 if nobody knows which units the source has.
  init(
    _ parts: [Slice], _ ends: [EndLine], _ replace: ReplaceOptions, _ log: Log, asked: () throws -> Set<String>
  ) throws {
    tops = parts.map { Set($0.orgUnits) }
    var dataElements: [String: Set<String>] = [:]
    for end in ends { for (set, elements) in end.dataElements { dataElements[set, default: []].formUnion(elements) } }
    if !ends.isEmpty, ends.allSatisfy({ $0.units != nil }) {
      units = .listed(ends.reduce(into: []) { $0.formUnion($1.units ?? []) })
    } else if let client = try replace.source(log) {
      units = .paths(try KnownIDs(asked().sorted(), in: "organisationUnits", client).paths)
      let unknown = Set(parts.map(\.dataSet)).subtracting(dataElements.keys)
      dataElements.merge(try Self.elements(of: unknown, client)) { first, _ in first }
    } else {
      guard replace.scope != nil || !parts.contains(where: \.children) else {
        throw CommandFailure(
          .malformedInput,
          "the end line does not tell which organisation units the source has (give --pair): nothing is deleted")
      }
      units = .unknown
    }
    self.dataElements = dataElements
  }

  /// The data elements of data sets at the source.
  private static func elements(of sets: Set<String>, _ client: DHIS2Client) throws -> [String: Set<String>] {
    var found: [String: Set<String>] = [:]
    let fields = "id,dataSetElements[dataElement[id]]"
    try client.forEachObject(sets.sorted(), in: "dataSets", fields: fields) { set in
      guard let id = set["id"]?.string, let elements = set["dataSetElements"]?.array else { return }
      found[id] = Set(elements.compactMap { $0["dataElement"]?["id"]?.string })
    }
    return found
  }

  /// Whether the source has a unit in a part of the scope.
  func has(unit: String, inPart part: Int) -> Bool {
    switch units {
    case .unknown: true
    case .listed(let known): known.contains(unit)
    case .paths(let paths):
      paths[unit].map { $0.split(separator: "/").contains { tops[part].contains(String($0)) } } ?? false
    }
  }

  /// Whether a data element is in a data set of the source, as far as that is known.
  func has(dataElement: String, of dataSet: String) -> Bool {
    dataElements[dataSet].map { $0.contains(dataElement) } ?? true
  }
}
