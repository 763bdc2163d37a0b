import D2Client
import D2Common

/// The data items of an exchange's request, by the options of d2-pull for them.
struct ExchangeItems {
  /// Data elements (also with one combo each), indicators, program indicators and groups.
  private(set) var words: [String] = []
  /// Data sets by their requested reporting rates.
  private(set) var rates: [(dataSets: [String], rates: [String])] = []
  /// Items that are of no known kind, or that the user may not see.
  private(set) var unknown: [String]

  /// - Throws: `ServerError`.
  init(_ items: [String], _ ids: ExchangeIDs) throws {
    unknown = items.unique
    try takeGroups("DE_GROUP-", PullOptions.dataElementGroups, "dataElementGroups", ids)
    try takeGroups("IN_GROUP-", AnalyticsSubject.indicatorGroups, "indicatorGroups", ids)
    try takeRates(ids)
    let kinds: [(option: any AnyOption, plural: String)] = [
      (PullOptions.dataElements, "dataElements"), (AnalyticsSubject.indicators, "indicators"),
      (AnalyticsSubject.programIndicators, "programIndicators"),
    ]
    for (option, plural) in kinds {
      let known = try ids.uids(unknown, in: plural)
      take(option) { known[$0] }
    }
    try takeOperands(ids)
  }

  /// The words for data elements and their groups, and those for the rest.
  var elementWords: [String] { words(ofElements: true) }
  var otherWords: [String] { words(ofElements: false) }

  private func words(ofElements: Bool) -> [String] {
    let options: [any AnyOption] = [PullOptions.dataElements, PullOptions.dataElementGroups]
    return stride(from: 0, to: words.count, by: 2)
      .filter { place in options.contains { $0.name == words[place] } == ofElements }
      .flatMap { words[$0...$0 + 1] }
  }

  var isEmpty: Bool { words.isEmpty && rates.isEmpty }

  /// Moves items with a uid from the unknown ones to an option.
  private mutating func take(_ option: any AnyOption, _ uid: (String) -> String?) {
    let found = unknown.compactMap(uid)
    guard !found.isEmpty else { return }
    unknown.removeAll { uid($0) != nil }
    if let place = words.firstIndex(of: option.name) {
      words[place + 1] += "," + found.joined(separator: ",")
    } else {
      words += [option.name, found.joined(separator: ",")]
    }
  }

  private mutating func takeGroups(
    _ prefix: String, _ option: any AnyOption, _ plural: String, _ ids: ExchangeIDs
  ) throws {
    let names = unknown.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
    let known = try ids.uids(names, in: plural)
    take(option) { $0.hasPrefix(prefix) ? known[String($0.dropFirst(prefix.count))] : nil }
  }

  // MARK: Two ids with a point

  /// Handles `DATASET.REPORTING_RATE`. Data sets with the same rates share a request.
  private mutating func takeRates(_ ids: ExchangeIDs) throws {
    let known = AnalyticsSubject.ReportingRate.allCases.map(\.rawValue)
    let asked = unknown.compactMap { item -> (item: String, set: String, rate: String)? in
      guard let rate = known.first(where: { item.hasSuffix("." + $0) }) else { return nil }
      return (item, String(item.dropLast(rate.count + 1)), rate)
    }
    let sets = try ids.uids(asked.map(\.set).unique, in: "dataSets")
    var bySet: [String: [String]] = [:]
    for (_, set, rate) in asked { if let uid = sets[set] { bySet[uid, default: []].append(rate) } }
    let inOrder = asked.compactMap { sets[$0.set] }.unique
    for wanted in inOrder.map({ bySet[$0, default: []].sorted() }).unique {
      rates.append((inOrder.filter { bySet[$0]?.sorted() == wanted }, wanted))
    }
    let taken = Set(asked.filter { sets[$0.set] != nil }.map(\.item))
    unknown.removeAll { taken.contains($0) }
  }

  /// Handles `ELEMENT.COMBO`.
  private mutating func takeOperands(_ ids: ExchangeIDs) throws {
    func sides(_ item: String) -> (head: String, tail: String)? {
      guard let point = item.firstIndex(of: ".") else { return nil }
      return (String(item[..<point]), String(item[item.index(after: point)...]))
    }
    let asked = unknown.compactMap(sides)
    let elements = try ids.uids(asked.map(\.head), in: "dataElements")
    // A second combo may follow the uid of the first.
    let combos =
      ids.scheme == .uid
      ? Dictionary(asked.map { ($0.tail, $0.tail) }) { first, _ in first }
      : try ids.uids(asked.map(\.tail), in: "categoryOptionCombos")
    take(PullOptions.dataElements) { item in
      guard let (head, tail) = sides(item), let element = elements[head], let combo = combos[tail] else { return nil }
      return "\(element).\(combo)"
    }
  }
}
