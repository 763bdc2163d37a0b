import D2Common
import D2Mapping
import D2Store

/// Converts the end lines of pulls to end lines of the mapped values.
struct EndLineMapping {
  /// Why there is no end line for the mapped values, as the end of a sentence.
  struct Obstacle: Error, Equatable, CustomStringConvertible {
    let description: String
  }

  let table: MappingTable
  let unmapped: Unmapped

  /// An end line with the other server's ids.
  ///
  /// Ids without a mapping are left out of its lists. The source then counts as not having them, and nothing of them is
  /// deleted.
  ///
  /// - Parameter values: how many lines precede it.
  func mapped(_ end: EndLine, values: Int) throws(Obstacle) -> EndLine {
    var scope: [Slice] = []
    for slice in end.scope { scope.append(try mapped(slice)) }
    var mapped = EndLine(values: values, scope: scope)
    for (dataSet, elements) in end.dataElements.sorted(by: { $0.key < $1.key }) {
      guard let dataSet = id(dataSet, .dataSet) else { continue }
      // Two data sets may be mapped to one.
      let others = mapped.dataElements[dataSet] ?? []
      mapped.dataElements[dataSet] = (others + elements.compactMap { id($0, .dataElement) }).unique
    }
    mapped.units = end.units.map { $0.compactMap { id($0, .orgUnit) }.unique }
    mapped.attributeOptionCombos = end.attributeOptionCombos.map {
      $0.compactMap { id($0, .attributeOptionCombo) }.unique
    }
    return mapped
  }

  private func mapped(_ slice: Slice) throws(Obstacle) -> Slice {
    func found(_ text: String, _ kind: DataValueLine.Key, _ noun: String) throws(Obstacle) -> String {
      guard let id = id(text, kind) else {
        throw Obstacle(description: "the table does not say what its \(noun) \(text) becomes")
      }
      return id
    }
    var mapped = slice
    mapped.dataSet = try found(slice.dataSet, .dataSet, "data set")
    mapped.orgUnits = []
    for unit in slice.orgUnits { mapped.orgUnits.append(try found(unit, .orgUnit, "organisation unit")) }
    mapped.orgUnits = mapped.orgUnits.unique
    guard table.ids(of: .period) != nil else { return mapped }
    var periods: [String] = []
    let known: [String]
    do { known = try slice.periodIDs() } catch {
      throw Obstacle(description: "its periods \(slice.periods.quoted) are not readable")
    }
    for period in known { periods.append(try found(period, .period, "period")) }
    mapped.periods = periods.unique.joined(separator: ",")
    return mapped
  }

  /// The target of an id; `nil` if it is dropped, or is unmapped and may not pass.
  private func id(_ text: String, _ kind: DataValueLine.Key) -> String? {
    guard let ids = table.ids(of: kind) else { return text }
    switch ids[text: text] {
    case .id(let bytes)?: return MappingTable.unescaped(bytes)
    case .drop?: return nil
    case nil: return unmapped == .pass ? text : nil
    }
  }
}
