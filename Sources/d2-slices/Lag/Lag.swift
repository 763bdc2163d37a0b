import D2Client
import D2Common
import D2Store

/// How far one data set's delivery lags behind its source.
struct Lag {
  let dataSet: String
  let name: String
  let kind: DataKind
  /// The destination has everything that the source had at this time; `nil` if it was never delivered as an increment.
  let syncedThrough: UTCTime?
  let lastDelivered: UTCTime?
  let open: Int
  let parked: Int
  /// Slices that were done with refusals.
  let refused: Int
  /// `nil` if the source was not asked, or did not answer.
  var change: NewestChange?
  /// The age of the newest change, by the source's clock.
  var changeAgeSeconds: Int?
  /// Whether the source has changes from before the search period. It is asked only if the answer matters.
  var hasOlderChanges = false
  /// Why the source did not answer.
  var error: String?

  /// Whether it was never delivered as an increment, although the source has something to deliver.
  var isMissing: Bool { syncedThrough == nil && (change?.time != nil || hasOlderChanges) }

  /// Seconds from the delivered time to the newest change; 0 if nothing changed since. `nil` if one of the two is
  /// unknown.
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

/// The lags of a whole pair.
struct LagTotals {
  let dataSets: Int
  /// Data sets with changes at the source that are not delivered yet.
  let behind: Int
  let neverDelivered: Int
  /// Data sets for which the source gave no answer, or was not asked.
  let unknown: Int
  let open: Int
  let parked: Int
  let refused: Int
  /// The oldest of the marks: everything up to then is delivered, for all data sets. `nil` if a data set has no mark.
  let syncedThrough: UTCTime?
  let newestChange: UTCTime?
  /// The data set with the largest lag.
  let worst: Lag?

  init(_ lags: [Lag]) {
    // A data set whose registrations are moved too has two rows.
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
