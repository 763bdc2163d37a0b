import D2Client
import D2Common
import D2Store

/// Knows which of the source's values the destination of a pair does not keep as they are. If it lacks such a value, a
/// push would not change that.
struct DestinationKeeping: Sendable {
  private let keeping: ValueKeeping
  private let traits: [String: ElementTraits]
  private let hasFiles: Bool

  /// Asks the destination about the data elements of data sets.
  ///
  /// - Throws: `ServerError`, `CommandFailure`.
  init(_ client: DHIS2Client, dataSets: [String]) throws {
    keeping = ValueKeeping(try client.serverInfo().version)
    var traits: [String: ElementTraits] = [:]
    for group in RequestSize.groups(
      of: dataSets.filter(UID.canBe), bytesEach: { $0.utf8.count + 1 }, limit: RequestSize.safeURLBytes - 300)
    {
      let query = Query([
        "fields": "dataSetElements[dataElement[\(ElementTraits.fields)]]",
        "filter": "id:in:[\(group.joined(separator: ","))]", "paging": "false",
      ])
      for set in try client.json(query.target("/api/dataSets"))["dataSets"]?.array ?? [] {
        for element in (set["dataSetElements"]?.array ?? []).compactMap({ $0["dataElement"] }) {
          if let id = element["id"]?.string { traits[id] = ElementTraits(element) }
        }
      }
    }
    self.traits = traits
    hasFiles = traits.values.contains { $0.contains(.holdsFiles) }
  }

  /// Asks the destination of a pair. Without its answer, such values count as missing or different.
  static func asking(_ pair: Pair, _ dataSets: [String], _ arguments: Arguments, _ log: Log) -> DestinationKeeping? {
    guard !dataSets.isEmpty else { return nil }
    do {
      return try DestinationKeeping(
        pair.client(of: .destination, arguments, log), dataSets: dataSets)
    } catch {
      log.debug("\(error); what the destination does not keep is not known")
      return nil
    }
  }

  /// The compared data sets of a pair.
  ///
  /// - Parameter words: the user's words; d2-pull refuses unknown ones.
  /// - Throws: `StoreError`.
  static func dataSets(_ store: Store, _ pair: Pair, _ words: [String]) throws -> [String] {
    do { return try DataSetTable(store, pair).chosen(words, of: pair).map(\.uid) } catch is CommandFailure { return [] }
  }

  /// What happens to a source's value, and its text at the destination if that differs.
  @inline(__always)
  func state(of line: DataValueLine) -> (SideRecord.Keeping, stored: String?) {
    let oddity = keeping.oddity(of: line)
    return oddity.isNone && !hasFiles ? (.whole, nil) : state(oddity, line)
  }

  private func state(
    _ oddity: ValueKeeping.Oddity, _ line: DataValueLine
  ) -> (SideRecord.Keeping, stored: String?) {
    let traits = line.text(.dataElement).flatMap { self.traits[$0] }
    if traits?.contains(.holdsFiles) ?? false { return (.file, nil) }
    switch keeping.fate(oddity, of: traits) {
    case .droppedZero, .droppedBlank: return (.dropped, nil)
    case .changed: return (.changed, ValueKeeping.stored(line.text(.value) ?? "", of: traits ?? []))
    case .kept, .doubtfulZero: return (.whole, nil)
    }
  }
}
