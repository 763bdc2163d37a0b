import D2Common

/// The fields that all values of a queued request share.
struct RequestKey: Hashable, Sendable {
  /// Uid of the data set.
  var dataSet: String
  /// Period id.
  var period: String
  /// Uid of the organisation unit.
  var unit: String
}

extension LocatedLines {
  /// Finds the request of each line, and stores its index in place of the data set. Values without a data set are not
  /// sent.
  ///
  /// - Parameter dataSet: the data set for all values, whatever they name.
  mutating func findRequests(dataSet: String?) {
    let scratch = DataValueLine.Scratch()
    var known: [RequestKey: Int32] = [:]
    var found: [Line] = []
    found.reserveCapacity(lines.count)
    for var line in lines {
      let named = dataSet ?? (line.dataSet < 0 ? nil : dataSets[Int(line.dataSet)])
      guard let named, !named.isEmpty, let key = self.key(of: line, named, scratch) else {
        faults.append(
          Fault(
            number: line.number, kept: .value(place(of: line)),
            what: "the value names no data set, which a queued request is for",
            hint: "d2-pull --tag-data-set writes it into each value; --data-set UID names it for all"))
        continue
      }
      line.dataSet = known[key] ?? Int32(requests.count)
      if line.dataSet == requests.count {
        known[key] = line.dataSet
        requests.append(key)
      }
      found.append(line)
    }
    lines = found
  }

  private func key(of line: Line, _ dataSet: String, _ scratch: DataValueLine.Scratch) -> RequestKey? {
    text.withUnsafeBytes { text in
      (try? DataValueLine(PaddedLine(place(of: line), of: text), scratch)).map { line in
        RequestKey(dataSet: dataSet, period: line.text(.period) ?? "", unit: line.text(.orgUnit) ?? "")
      }
    }
  }
}
