import D2Common

/// What all values of one queued request have in common.
struct RequestKey: Hashable, Sendable {
  /// Uid of the data set.
  var dataSet: String
  /// Period id.
  var period: String
  /// Uid of the organisation unit.
  var unit: String
}

extension RequestKey {
  /// The calendar that a queue shows beside a request: the year of every period id, the month of monthly ids, the week of weekly ones. What the
  /// id does not tell is left out: go-dispatcher2 fails over an empty year.
  var calendar: (year: String?, month: String?, week: String?) {
    let digits = period.prefix { $0.isASCII && $0.isNumber }
    guard digits.count >= 4 else { return (nil, nil, nil) }
    let year = String(digits.prefix(4))
    let rest = period.dropFirst(4)
    if rest.count == 2, digits.count == 6, let month = Int(rest), (1...12).contains(month) {
      return (year, String(month), nil)
    }
    for name in Self.weekNames where rest.hasPrefix(name) {
      if let week = Int(rest.dropFirst(name.count)), (1...53).contains(week) { return (year, nil, String(week)) }
    }
    return (year, nil, nil)
  }

  /// Weeks that begin on Monday, and those that begin on other days.
  private static let weekNames = ["W", "WedW", "ThuW", "FriW", "SatW", "SunW"]
}

/// Which request each line of a block belongs to.
struct RequestPlaces: Sendable {
  var keys: [RequestKey] = []
  /// For each located line the place of its key; -1 where it names no data set, and nor do the options.
  var places: [Int32] = []

  /// - Parameter dataSet: that of all values, whatever they name.
  init(_ piece: LocatedLines, dataSet: String?) {
    let scratch = DataValueLine.Scratch()
    var known: [RequestKey: Int32] = [:]
    var keys: [RequestKey] = []
    places.reserveCapacity(piece.lines.count)
    piece.text.withUnsafeBytes { text in
      for line in piece.lines {
        let named = line.dataSet < 0 ? nil : piece.dataSets[Int(line.dataSet)]
        let bytes = UnsafeRawBufferPointer(rebasing: text[Int(line.start)..<Int(line.start + line.length)])
        guard let dataSet = dataSet ?? named, !dataSet.isEmpty, let located = try? DataValueLine(bytes, scratch) else {
          places.append(-1)
          continue
        }
        let key = RequestKey(
          dataSet: dataSet, period: located.text(.period) ?? "", unit: located.text(.orgUnit) ?? "")
        if let place = known[key] {
          places.append(place)
        } else {
          places.append(Int32(keys.count))
          known[key] = Int32(keys.count)
          keys.append(key)
        }
      }
    }
    self.keys = keys
  }
}
