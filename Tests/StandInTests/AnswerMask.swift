import D2Common

@testable import StandInServer

/// Takes out of an answer what no two servers can have in common, and nothing else.
struct AnswerMask {
  let version: ServerVersion
  let exchange: Recording.Exchange
  /// Stamps of this day are the server's own.
  let day: String

  /// The hardware of the recorded machine, and its build date.
  private static let marks: Set<String> = [
    "revision", "buildTime", "javaVersion", "javaVendor", "osName", "osArchitecture", "osVersion", "memoryInfo",
    "cpuCores", "systemId", "url", "user", "databaseVersion", "externalDirectory",
    "intervalSinceLastAnalyticsTableSuccess",
    "intervalSinceLastAnalyticsTablePartitionSuccess",
  ]

  /// Lists that a server writes from a hash set, in no order.
  private static let unordered: Set<String> = [
    "dataSetElements", "organisationUnits", "dataSets", "users", "children", "organisationUnitGroups",
  ]

  /// The masked document; text that is not JSON stays text.
  func document(_ body: [UInt8]) -> JSONValue {
    guard let value = try? JSONValue(reading: body) else { return .string(String(decoding: body, as: UTF8.self)) }
    return masked(value, key: "", depth: 0)
  }

  private func masked(_ value: JSONValue, key: String, depth: Int) -> JSONValue {
    switch value {
    case .string(let text): return .string(masked(text, key: key, depth: depth))
    case .number: return AnswerMask.marks.contains(key) && isSystemInfo ? "MARK" : value
    case .object(let members):
      return .object(
        members.map { .init($0.key, masked($0.value, key: $0.key, depth: depth + 1)) }.sorted { $0.key < $1.key })
    case .array(let elements):
      let inside = elements.map { masked($0, key: key, depth: depth + 1) }
      if key == "dataValues" { return .array(rows(inside)) }
      // The collection itself, right below the top, is ordered.
      let isCollection = depth == 1 && exchange.target.contains("/" + key)
      return .array(AnswerMask.unordered.contains(key) && !isCollection ? inside.sorted { $0.text < $1.text } : inside)
    default: return value
    }
  }

  /// Rows whose order, or choice, the database leaves open.
  private func rows(_ rows: [JSONValue]) -> [JSONValue] {
    let isLimited = exchange.target.contains("limit=")
    guard version.minor >= 43 else {
      // Without ORDER BY the limit decides which rows come, not only how many.
      return isLimited ? rows.map { _ in "ROW" } : rows.sorted { $0.text < $1.text }
    }
    // An order by unit does not define the order within a unit.
    if isLimited, exchange.target.contains("order=") { return rows.map { _ in "ROW" } }
    // The order is by period, time and data element. Rows that differ only in the option combo may be in any order.
    func place(_ row: JSONValue) -> [String?] { ["dataElement", "period", "orgUnit"].map { row[$0]?.string } }
    var result: [JSONValue] = []
    for run in rows.reduce(
      into: [[JSONValue]](),
      { runs, row in
        if let last = runs.last?.last, place(last) == place(row) {
          runs[runs.count - 1].append(row)
        } else {
          runs.append([row])
        }
      })
    { result += run.sorted { $0.text < $1.text } }
    return result
  }

  private var isSystemInfo: Bool { exchange.name.hasPrefix("info") }

  private func masked(_ text: String, key: String, depth: Int) -> String {
    if isSystemInfo, AnswerMask.marks.contains(key) || (key == "name" && depth == 2) { return "MARK" }
    if text.hasPrefix(day + "T") { return "TIME" }
    if exchange.name.hasPrefix("async-tasks"), key == "id" || key == "uid" { return "ID" }
    if key == "description" || key == "message", let masked = maskedException(text) { return masked }
    return sortedLists(text)
  }

  /// The wording of Java's own parsers is not imitated; that they complained is.
  private func maskedException(_ text: String) -> String? {
    for start in ["The import process failed: com.fasterxml", "The import process failed: Unrecognized token"] {
      if text.hasPrefix(start) { return "The import process failed: PARSER" }
    }
    let own = [
      "The import process failed: Cannot", "The import process failed: Expected",
      "The import process failed: Unexpected",
    ]
    return own.contains(where: text.hasPrefix) ? "The import process failed: PARSER" : nil
  }

  /// Ids in brackets come from a hash set.
  private func sortedLists(_ text: String) -> String {
    guard version.minor >= 43, let open = text.firstIndex(of: "["), let close = text[open...].firstIndex(of: "]"),
      !text.contains("=")
    else { return text }
    let ids = text[text.index(after: open)..<close].split(separator: ",").map { $0.drop { $0 == " " } }.sorted()
    return text[...open] + ids.joined(separator: ", ") + text[close...]
  }

  // MARK: - Differences

  /// The differences of two documents, as readable lines.
  static func differences(_ theirs: JSONValue, _ ours: JSONValue, at path: String) -> [String] {
    if theirs == ours { return [] }
    switch (theirs, ours) {
    case (.object(let a), .object(let b)):
      let keys = Set(a.map(\.key)).union(b.map(\.key)).sorted()
      return keys.flatMap { key -> [String] in
        switch (theirs[key], ours[key]) {
        case (let x?, let y?): return differences(x, y, at: path + "." + key)
        case (let x?, nil): return ["\(path).\(key): \(shortened(x)), absent here"]
        case (nil, let y?): return ["\(path).\(key): absent, here \(shortened(y))"]
        case (nil, nil): return []
        }
      }
    case (.array(let a), .array(let b)):
      if a.count != b.count {
        let missing = a.filter { !b.contains($0) }.prefix(2).map(shortened)
        let extra = b.filter { !a.contains($0) }.prefix(2).map(shortened)
        return ["\(path): \(a.count) elements, here \(b.count); missing \(missing), too many \(extra)"]
      }
      return zip(a, b).enumerated().flatMap { differences($0.element.0, $0.element.1, at: path + "[\($0.offset)]") }
    default: return ["\(path): \(shortened(theirs)), here \(shortened(ours))"]
    }
  }

  private static func shortened(_ value: JSONValue) -> String { String(value.text.prefix(300)) }
}
