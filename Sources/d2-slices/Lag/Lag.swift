import D2Client
import D2Common
import D2Store

/// How far one data set's delivery is after its source.
struct Lag {
  let dataSet: String
  let name: String
  let kind: DataKind
  /// Everything that the source had up to then is at the destination; `nil` if it was never delivered as an
  /// increment.
  let syncedThrough: UTCTime?
  let lastDelivered: UTCTime?
  let open: Int
  let parked: Int
  /// Slices that are done with refusals.
  let refused: Int
  /// `nil` if the source was not asked, or did not answer.
  var change: NewestChange?
  /// How old the newest change is, by the source's clock.
  var changeAgeSeconds: Int?
  /// Whether the source has something that is older than what was looked at; asked only if that decides something.
  var hasOlderChanges = false
  /// Why it did not.
  var error: String?

  /// Never delivered as an increment, though the source has something to deliver.
  var isMissing: Bool { syncedThrough == nil && (change?.time != nil || hasOlderChanges) }

  /// From what is delivered to the newest change; 0 where nothing changed since. `nil` if one of the two is not
  /// known.
  var seconds: Int? {
    guard let syncedThrough, let change else { return nil }
    return max(0, (change.time?.seconds ?? 0) - syncedThrough.seconds)
  }

  var json: JSONValue {
    [
      "dataSet": .string(dataSet), "name": .string(name), "kind": .string(kind.rawValue),
      "syncedThrough": .string(orNull: syncedThrough?.iso8601), "newestChange": .string(orNull: change?.time?.iso8601),
      "isExact": change?.time == nil ? .null : .bool(change!.isExact),
      "lookedBackTo": .string(orNull: change?.lookedBackTo.iso8601),
      "lagSeconds": .int(orNull: seconds), "lastDelivered": .string(orNull: lastDelivered?.iso8601), "open": .int(open),
      "parked": .int(parked), "refused": .int(refused), "error": .string(orNull: error),
    ]
  }

  static let columns = [
    "dataSet", "name", "kind", "syncedThrough", "newestChange", "lagSeconds", "lastDelivered", "open", "parked",
    "refused", "error",
  ]
}

/// The same of a pair in all.
struct LagTotals {
  let dataSets: Int
  /// Those of which the source has newer changes than what is delivered.
  let behind: Int
  let neverDelivered: Int
  /// Those for which the source gave no answer, or was not asked.
  let unknown: Int
  let open: Int
  let parked: Int
  let refused: Int
  /// The oldest of the marks: everything of all data sets up to then is delivered. `nil` if one has none.
  let syncedThrough: UTCTime?
  let newestChange: UTCTime?
  /// The one that is furthest after.
  let worst: Lag?

  init(_ lags: [Lag]) {
    // One whose registrations travel too has two rows.
    func sets(where isOne: (Lag) -> Bool) -> Int { Set(lags.filter(isOne).map(\.dataSet)).count }
    dataSets = sets { _ in true }
    behind = sets { $0.seconds ?? 0 > 0 }
    neverDelivered = sets { $0.syncedThrough == nil }
    unknown = sets { $0.change == nil }
    open = lags.reduce(0) { $0 + $1.open }
    parked = lags.reduce(0) { $0 + $1.parked }
    refused = lags.reduce(0) { $0 + $1.refused }
    syncedThrough = neverDelivered > 0 ? nil : lags.compactMap(\.syncedThrough).min()
    newestChange = lags.compactMap { $0.change?.time }.max()
    worst = lags.filter { $0.seconds != nil }.max { $0.seconds! < $1.seconds! }
  }

  func json(_ pair: Pair) -> JSONValue {
    [
      "pair": .string(pair.label), "dataSets": .int(dataSets), "behind": .int(behind),
      "neverDelivered": .int(neverDelivered), "unknown": .int(unknown),
      "syncedThrough": .string(orNull: syncedThrough?.iso8601),
      "newestChange": .string(orNull: newestChange?.iso8601), "lagSeconds": .int(orNull: worst?.seconds),
      "open": .int(open),
      "parked": .int(parked), "refused": .int(refused),
    ]
  }

  func line(_ pair: Pair, asked: Bool) -> String {
    var parts = ["\(pair.label): \(counted(dataSets, "data set"))"]
    if asked, unknown < dataSets {
      parts.append(
        behind == 0
          ? "none of those known is behind"
          : "\(behind) behind, the most \(DurationText.rough(Double(worst!.seconds!))) (\(worst!.name))")
    }
    if unknown > 0 { parts.append(asked ? "\(unknown) without an answer from the source" : "the source was not asked") }
    if neverDelivered > 0 { parts.append("\(neverDelivered) never delivered as an increment") }
    return parts.joined(separator: ", ") + "; \(counted(open, "slice")) open, "
      + "\(refused) done with refusals, \(parked) parked"
  }
}
