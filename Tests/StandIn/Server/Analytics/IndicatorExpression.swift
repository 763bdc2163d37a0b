/// A numerator or denominator of an indicator: numbers, `#{element}`, `#{element.combo}`, `+ - * /` and brackets.
struct IndicatorExpression: Sendable {
  indirect enum Node: Sendable {
    case number(Double)
    case item(AnalyticsItem)
    case operation(Character, Node, Node)
  }

  let root: Node

  /// - Returns: `nil` if the text is not an expression, or names objects that the server lacks.
  init?(_ text: String, _ metadata: Metadata) {
    var reader = Reader(left: text.filter { !$0.isWhitespace }[...], metadata: metadata)
    guard let root = reader.sum(), reader.left.isEmpty else { return nil }
    self.root = root
  }

  /// The items whose values it needs.
  var items: [AnalyticsItem] {
    func items(_ node: Node) -> [AnalyticsItem] {
      switch node {
      case .number: []
      case .item(let item): [item]
      case .operation(_, let a, let b): items(a) + items(b)
      }
    }
    return items(root)
  }

  /// The value. A missing item counts as zero; if all are missing, there is no value.
  func value(_ find: (AnalyticsItem) -> Double?) -> Double? {
    let items = items
    if !items.isEmpty, items.allSatisfy({ find($0) == nil }) { return nil }
    func value(_ node: Node) -> Double {
      switch node {
      case .number(let number): return number
      case .item(let item): return find(item) ?? 0
      case .operation(let sign, let a, let b):
        switch sign {
        case "+": return value(a) + value(b)
        case "-": return value(a) - value(b)
        case "*": return value(a) * value(b)
        default: return value(a) / value(b)
        }
      }
    }
    let result = value(root)
    return result.isFinite ? result : nil
  }

  private struct Reader {
    var left: Substring
    let metadata: Metadata

    mutating func sum() -> Node? { chain("+-") { $0.product() } }

    private mutating func product() -> Node? { chain("*/") { $0.factor() } }

    private mutating func chain(_ signs: String, _ next: (inout Reader) -> Node?) -> Node? {
      guard var node = next(&self) else { return nil }
      while let sign = left.first, signs.contains(sign) {
        left.removeFirst()
        guard let other = next(&self) else { return nil }
        node = .operation(sign, node, other)
      }
      return node
    }

    private mutating func factor() -> Node? {
      if left.first == "(" {
        left.removeFirst()
        guard let node = sum(), left.first == ")" else { return nil }
        left.removeFirst()
        return node
      }
      if left.hasPrefix("#{") {
        guard let end = left.firstIndex(of: "}") else { return nil }
        let ids = left[..<end].dropFirst(2).split(separator: ".").map(String.init)
        left = left[left.index(after: end)...]
        guard let element = ids.first.flatMap({ metadata.dataElementByUid[$0] }) else { return nil }
        if ids.count == 1 { return .item(.element(element)) }
        return metadata.categoryOptionComboByUid[ids[1]].map { .item(.operand(element: element, combo: $0)) }
      }
      let digits = left.prefix { $0.isNumber || $0 == "." }
      left = left.dropFirst(digits.count)
      return Double(digits).map { .number($0) }
    }
  }
}
