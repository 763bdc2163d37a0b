/// The key of a registration, as positions in the metadata and in the table of periods.
struct RegistrationKey: Hashable, Sendable {
  var dataSet: Int
  var period: Int32
  var unit: Int
  var attributeCombo: Int
}

/// The registration that a data set is complete, or is no longer complete.
struct Registration: Sendable {
  var key: RegistrationKey
  /// Milliseconds since 1970.
  var date: Int64
  var storedBy: String?
  var completed: Bool
  var lastUpdated: Int64
}

/// All registrations, in the order of their creation.
struct RegistrationStore: Sendable {
  private(set) var rows: [Registration] = []
  private var byKey: [RegistrationKey: Int] = [:]

  func find(_ key: RegistrationKey) -> Registration? { byKey[key].map { rows[$0] } }

  mutating func put(_ row: Registration) {
    if let known = byKey[row.key] {
      rows[known] = row
    } else {
      byKey[row.key] = rows.count
      rows.append(row)
    }
  }

  mutating func remove(_ key: RegistrationKey) {
    guard let known = byKey.removeValue(forKey: key) else { return }
    rows.remove(at: known)
    for (key, position) in byKey where position > known { byKey[key] = position - 1 }
  }
}
