import D2Common

extension RequestKey {
  /// The calendar fields that a queue shows for a request: the year of each period id, the month of monthly ids, the
  /// week of weekly ids. A field that the id does not contain is left out, because go-dispatcher2 fails if the year is
  /// empty.
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

  /// Weeks that begin on Monday, and weeks that begin on other days.
  private static let weekNames = ["W", "WedW", "ThuW", "FriW", "SatW", "SunW"]

  /// The key of a queued batch; all its values have the same one.
  init(of batch: Batch) {
    self.init(dataSet: batch.dataSet ?? "", period: "", unit: "")
    guard let value = batch.values.first else { return }
    _ = DataValueLine.reading(batch.bytes(of: value), DataValueLine.Scratch()) { line in
      period = line.text(.period) ?? ""
      unit = line.text(.orgUnit) ?? ""
    }
  }

  /// The members of a batch's line about its request.
  func notes(_ outcome: BatchOutcome, facility: String?, uid: String?) -> [JSONValue.Member] {
    [
      .init("period", .string(period)), .init("orgUnit", .string(unit)), .init("facility", .string(orNull: facility)),
      .init("queued", .int(outcome.queued)), .init("uid", .string(orNull: uid)),
    ]
  }
}
