import D2Client
import D2Common

/// A data element with some of its combos, as DHIS2 writes it: `ELEMENT.COMBO`, `ELEMENT.COMBO.ATTRIBUTE` or
/// `ELEMENT.*.ATTRIBUTE`.
struct AnalyticsOperand: Hashable {
  let text: String
  let element: String
  /// The category option combo; `nil` for the sum of all.
  let combo: String?
  /// The attribute option combo; `nil` for the sum of all.
  let attribute: String?

  /// Whether it means the data element as a whole: `ELEMENT.*`.
  var isWhole: Bool { combo == nil && attribute == nil }

  /// - Returns: `nil` for an id without a point.
  init?(_ text: String) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard parts.count > 1 else { return nil }
    func id(_ place: Int) -> String? { parts.count > place && parts[place] != "*" ? parts[place] : nil }
    self.text = text
    element = parts[0]
    combo = id(1)
    attribute = parts.count > 3 ? parts[2...].joined(separator: ".") : id(2)
  }

  /// What data elements of one request have in common.
  private struct Combos: Hashable {
    /// Category option combos; empty for the sum of all.
    var combos: [String]
    var attribute: String?
  }

  /// At most so many combos go into one address.
  private static let mostCombos = 60

  /// Grids for operands. Each grid has data elements that are asked for with the same combos, and these combos as a
  /// dimension. The request cannot hold a list of operands: the server sums each data element of the
  /// list with each combo of the list. It refuses the request if it finds a pair that is not in the list.
  ///
  /// - Parameter withoutTotal: data elements whose category combo has no total. The server accepts them only as
  ///   operands, so each of them has grids of its own.
  static func grids(_ operands: [AnalyticsOperand], withoutTotal: Set<String>) -> [AnalyticsGrid] {
    struct Place: Hashable {
      var element: String
      var attribute: String?
      var isTotal: Bool
    }
    func place(_ operand: AnalyticsOperand) -> Place {
      Place(element: operand.element, attribute: operand.attribute, isTotal: operand.combo == nil)
    }
    let byPlace = Dictionary(grouping: operands, by: place)
    var elements: [Combos: [String]] = [:]
    var order: [Combos] = []
    for place in operands.map(place).unique {
      for combos in chunks(byPlace[place, default: []].compactMap(\.combo).unique.sorted()) {
        let asked = Combos(combos: combos, attribute: place.attribute)
        if elements[asked] == nil { order.append(asked) }
        elements[asked, default: []].append(place.element)
      }
    }
    return order.flatMap { grids(elements[$0] ?? [], $0, withoutTotal) }
  }

  /// The combos in pieces that fit an address; one empty piece if there are none.
  private static func chunks(_ combos: [String]) -> [[String]] {
    guard combos.count > mostCombos else { return [combos] }
    return stride(from: 0, to: combos.count, by: mostCombos).map {
      Array(combos[$0..<min($0 + mostCombos, combos.count)])
    }
  }

  private static func grids(_ elements: [String], _ asked: Combos, _ withoutTotal: Set<String>) -> [AnalyticsGrid] {
    let attribute = asked.attribute.map { ["ao:\($0)"] } ?? []
    let combos = asked.combos.isEmpty ? [] : ["co:\(asked.combos.joined(separator: ";"))"]
    let ofOperands = elements.filter { !asked.combos.isEmpty && withoutTotal.contains($0) }
    let rest = elements.filter { !ofOperands.contains($0) }
    let whole = rest.map { (id: $0, values: max(1, asked.combos.count)) }
    let grids = ofOperands.map { element in
      AnalyticsGrid(
        items: asked.combos.map { ("\(element).\($0)", 1) }, periods: [], units: [], combos: attribute)
    }
    return grids
      + (whole.isEmpty ? [] : [AnalyticsGrid(items: whole, periods: [], units: [], combos: combos + attribute)])
  }
}
