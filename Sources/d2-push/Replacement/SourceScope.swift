import D2Client
import D2Common
import D2Store

/// What the source has in the scope of an input. Only that can be stale. The input says nothing about a unit that the
/// source has elsewhere, or about a data element that its data set lacks.
struct SourceScope {
  /// What is known of the source's organisation units.
  private enum Units {
    /// Nothing: the scope of the options is used as it is.
    case unknown
    /// All units that the source has below those of the scope.
    case listed(Set<String>)
    /// The path of each unit that was asked for.
    case paths([String: String])
  }

  private let units: Units
  private let dataElements: [String: Set<String>]
  /// The attribute option combos that the source shows to its user; `nil` if the scope of the options is used as it is.
  private let attributeCombos: Set<String>?
  /// The units of each part of the scope.
  private let tops: [Set<String>]

  /// - Parameters:
  ///   - parts: the parts of the scope.
  ///   - ends: the end lines of the pulls in the input.
  ///   - stale: the destination's lines that matter.
  /// - Throws: `ServerError` of the source; `CommandFailure`, 65 if it is unknown which units the source has.
  init(
    _ parts: [Slice], _ ends: [EndLine], _ replace: ReplaceOptions, _ log: Log, _ stale: StaleLines
  ) throws {
    tops = parts.map { Set($0.orgUnits) }
    let (toldUnits, toldCombos) = (Self.union(ends.map(\.units)), Self.union(ends.map(\.attributeOptionCombos)))
    let combos = toldCombos == nil ? try stale.attributeCombos() : []
    let client = toldUnits == nil || !combos.isEmpty ? try replace.source(log) : nil
    var dataElements: [String: Set<String>] = [:]
    for end in ends { for (set, elements) in end.dataElements { dataElements[set, default: []].formUnion(elements) } }
    if let toldUnits {
      units = .listed(toldUnits)
    } else if let client {
      units = .paths(try KnownIDs(stale.units().sorted(), in: "organisationUnits", client, lasting: false).paths)
      let unknown = Set(parts.map(\.dataSet)).subtracting(dataElements.keys)
      for (set, elements) in try client.dataElements(ofDataSets: unknown.sorted(), lasting: false) {
        dataElements[set] = Set(elements)
      }
    } else {
      guard replace.scope != nil || !parts.contains(where: \.children) else {
        throw CommandFailure(
          .malformedInput,
          "the end line does not tell which organisation units the source has (give --pair): nothing is deleted")
      }
      units = .unknown
    }
    self.dataElements = dataElements
    if let toldCombos {
      attributeCombos = toldCombos
    } else if let client {
      attributeCombos = try client.readableOptionCombos(combos.sorted())
    } else {
      // An end line of an earlier version does not tell the combos. Without an end line, or after sums, the user says
      // what the input is of.
      attributeCombos = ends.allSatisfy(\.scope.isEmpty) ? nil : []
    }
  }

  /// All ids of some lists; `nil` if there is no list, or one is not known.
  private static func union(_ lists: [[String]?]) -> Set<String>? {
    let known = lists.compactMap { $0 }
    return known.isEmpty || known.count < lists.count ? nil : Set(known.joined())
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

  /// Whether a data element is in a data set of the source; true if that is unknown.
  func has(dataElement: String, of dataSet: String) -> Bool {
    dataElements[dataSet].map { $0.contains(dataElement) } ?? true
  }

  /// Whether the source shows the values of an attribute option combo to its user. The default one is always shown.
  ///
  /// - Parameter attributeCombo: `nil` for the default one.
  func shows(attributeCombo: String?) -> Bool {
    guard let attributeCombo, let attributeCombos else { return true }
    return attributeCombos.contains(attributeCombo)
  }
}
