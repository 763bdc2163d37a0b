import D2Common

/// The key of a data value, as positions in the metadata and in the table of periods.
struct ValueKey: Hashable, Sendable {
  var element: Int32
  var period: Int32
  var unit: Int32
  var optionCombo: Int32
  var attributeCombo: Int32
}

/// A stored data value.
struct ValueRow: Sendable {
  var key: ValueKey
  var value: String?
  /// Positions in the table of texts; -1 for no text.
  var comment: Int32 = -1
  var storedBy: Int32 = -1
  var created: Int64
  var lastUpdated: Int64
  /// `nil` for a flag that was never set.
  var followUp: Bool?
  var isDeleted = false
}

/// All data values: rows in one array, found by key or by period.
struct ValueStore: Sendable {
  private(set) var rows: [ValueRow] = []
  private var byKey: [ValueKey: Int32] = [:]
  /// The rows of a period, in the order in which they were written. Up to 2.42, PostgreSQL returns them in this order
  /// if the request names no other.
  private(set) var byPeriod: [[Int32]] = []
  private(set) var periods: [Period] = []
  private var periodPositions: [String: Int32] = [:]
  private var texts: [String] = []
  private var textPositions: [String: Int32] = [:]

  mutating func position(of period: Period) -> Int32 {
    if let known = periodPositions[period.id] { return known }
    let position = Int32(periods.count)
    periods.append(period)
    byPeriod.append([])
    periodPositions[period.id] = position
    return position
  }

  func knownPosition(ofPeriod id: String) -> Int32? { periodPositions[id] }

  mutating func position(ofText text: String?) -> Int32 {
    guard let text else { return -1 }
    if let known = textPositions[text] { return known }
    let position = Int32(texts.count)
    texts.append(text)
    textPositions[text] = position
    return position
  }

  func text(_ position: Int32) -> String? { position < 0 ? nil : texts[Int(position)] }

  func find(_ key: ValueKey) -> Int32? { byKey[key] }

  mutating func insert(_ row: ValueRow) {
    if let known = byKey[row.key] {
      rows[Int(known)] = row
      return
    }
    let position = Int32(rows.count)
    rows.append(row)
    byKey[row.key] = position
    byPeriod[Int(row.key.period)].append(position)
  }

  mutating func change(_ position: Int32, _ change: (inout ValueRow) -> Void) { change(&rows[Int(position)]) }

  mutating func reserve(_ count: Int) {
    rows.reserveCapacity(rows.count + count)
    byKey.reserveCapacity(byKey.count + count)
  }

  /// Removes everything, for tests that want an empty server.
  mutating func removeAll() { self = ValueStore() }
}
