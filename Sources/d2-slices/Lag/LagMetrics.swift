import D2Common
import D2Store

/// The lags of a pair in the text format of Prometheus, for node_exporter's textfile collector.
struct LagMetrics {
  let text: String

  /// - Parameter sourceAnswers: `nil` if the source was not asked.
  init(_ lags: [Lag], _ totals: LagTotals, _ pair: Pair, sourceAnswers: Bool?, checkedAt: UTCTime) {
    var text = ""
    let pairLabel = [("pair", pair.label)]
    func gauge(_ name: String, _ help: String, _ samples: [(labels: [(String, String)], value: Int?)]) {
      let known = samples.compactMap { sample in sample.value.map { (sample.labels, $0) } }
      guard !known.isEmpty else { return }
      text += "# HELP \(name) \(help)\n# TYPE \(name) gauge\n"
      for (labels, value) in known { text += "\(name){\(Self.labels(labels))} \(value)\n" }
    }
    func ofEach(_ name: String, _ help: String, _ value: (Lag) -> Int?) {
      gauge(
        name, help,
        lags.map { (pairLabel + [("data_set", $0.dataSet), ("name", $0.name), ("kind", $0.kind.rawValue)], value($0)) })
    }
    gauge("d2_lag_checked_timestamp_seconds", "When this was written.", [(pairLabel, checkedAt.seconds)])
    gauge("d2_source_up", "Whether the source answered all questions.", [(pairLabel, sourceAnswers.map { $0 ? 1 : 0 })])
    gauge("d2_data_sets", "Active data sets of the pair.", [(pairLabel, totals.dataSets)])
    gauge(
      "d2_data_sets_behind", "Data sets with changes at the source that are newer than what was delivered.",
      [(pairLabel, totals.unknown == totals.dataSets ? nil : totals.behind)])
    gauge(
      "d2_data_sets_never_delivered", "Data sets that were never delivered as an increment.",
      [(pairLabel, totals.neverDelivered)])
    gauge(
      "d2_max_lag_seconds", "The lag of the data set that is furthest behind.", [(pairLabel, totals.worst?.seconds)])
    ofEach("d2_lag_seconds", "From what was delivered to the newest change at the source; 0 if nothing changed.") {
      $0.seconds
    }
    ofEach("d2_source_newest_change_timestamp_seconds", "The newest change found at the source.") {
      $0.change?.time?.seconds
    }
    ofEach(
      "d2_synced_through_timestamp_seconds",
      "Everything that the source had up to then, by its own clock, was delivered."
    ) { $0.syncedThrough?.seconds }
    ofEach("d2_last_delivery_timestamp_seconds", "When the last slice was done.") { $0.lastDelivered?.seconds }
    ofEach("d2_slices_open", "Slices that are waiting, leased, or due for a retry.") { $0.open }
    ofEach("d2_slices_parked", "Slices that are parked after too many failed attempts.") { $0.parked }
    ofEach("d2_slices_refused", "Slices that are done, but values were refused.") { $0.refused }
    self.text = text
  }

  private static func labels(_ labels: [(String, String)]) -> String {
    labels.map { "\($0)=\"\(escaped($1))\"" }.joined(separator: ",")
  }

  /// Escapes backslash, quote and line feed. A label's value may contain all other UTF-8.
  static func escaped(_ value: String) -> String {
    var out = ""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\\": out += "\\\\"
      case "\"": out += "\\\""
      case "\n": out += "\\n"
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out
  }
}
