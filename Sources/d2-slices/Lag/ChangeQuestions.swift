import D2Client
import D2Common
import D2Store

/// Asks a source what has changed in one data set since a time, in the organisation units of the pair.
///
/// `limit` keeps each answer small. The server returns any rows that it finds first, and each row has its own time.
struct ChangeQuestions {
  let client: DHIS2Client
  let info: ServerInfo
  let dataSet: DataSet
  let kind: DataKind
  let places: [OrgUnitCover.Places]
  /// The answers so far, by request, from a server that reads times as days. All its requests for one day are the same.
  private(set) var days: [String: (times: [UTCTime], isWhole: Bool)] = [:]

  /// Not a multiple of `ExportAnswer.rowsAtOnce`. If a server reads times as days, a second request for the same day
  /// has a higher limit.
  private static let limit = 200

  /// - Throws: `ServerError`.
  mutating func ask(since: UTCTime) throws -> NewestChange.Answer {
    var newest: UTCTime?
    var isAll = true
    for request in requests(since: since) {
      // Registrations have only a day. It is enough to know that there are some.
      if kind == .registrations {
        guard try ask(request.limited(to: 1), since).count > 0 else { continue }
        newest = newest ?? since
        isAll = false
        continue
      }
      let (times, isWhole) = try times(request, since)
      // A server may send older items than requested.
      if let latest = times.filter({ $0 >= since }).max() { newest = max(newest ?? since, latest) }
      if !isWhole { isAll = false }
    }
    return NewestChange.Answer(newest: newest, isAll: isAll)
  }

  /// When the items of a request changed, and whether these are all.
  private mutating func times(_ request: ExportRequest, _ since: UTCTime) throws -> (times: [UTCTime], isWhole: Bool) {
    let cutsTimes = info.version?.cutsTimesToDays ?? false
    let known = cutsTimes ? days[request.target] : nil
    if let known, known.isWhole { return known }
    let limit = known == nil ? Self.limit : ExportRequest.sampleLimit
    let (times, count) = try ask(request.limited(to: limit), since)
    let answer = (times, isWhole: count < limit)
    if cutsTimes { days[request.target] = answer }
    return answer
  }

  private func requests(since: UTCTime) -> [ExportRequest] {
    places.flatMap { places in
      let deleted = dataSet.asksForDeleted(kind) ? [("includeDeleted", "true")] : []
      return ExportRequest(
        kind, subject: [("dataSet", dataSet.uid)], places: places.units.map { ("orgUnit", $0) },
        times: ExportRequest.days(ExportRequest.allTime), passedOn: deleted + [info.changes(of: kind, since: since)],
        children: places.children
      ).fitting()
    }
  }

  /// The times of an answer's items, as far as they have one, and the number of items. If an answer shows signs of a
  /// failed query, a second one must agree on whether anything changed.
  private func ask(_ request: ExportRequest, _ since: UTCTime) throws -> (times: [UTCTime], count: Int) {
    var (times, answer) = try askOnce(request)
    if answer.isDoubtful(limit: request.limit) {
      let first = answer
      (times, answer) = try askOnce(request)
      guard Agreement.isReached(first, answer) else {
        throw ServerError(
          client.server, request.target, .disagreement,
          "two answers differ: \(first.items), then \(counted(answer.items, "value"))")
      }
    }
    client.log.debug(
      "\(dataSet.name): \(counted(answer.items, "change")) since \(since.iso8601), \(DurationText.measured(answer.seconds))"
    )
    return (times, answer.items)
  }

  private func askOnce(_ request: ExportRequest) throws -> ([UTCTime], ExportAnswer) {
    try client.retrying { _ in
      var times: [UTCTime] = []
      var sink = ItemSink { item in
        if let time = item["lastUpdated"]?.string.flatMap({ UTCTime($0) }) { times.append(time) }
      }
      let answer = try ExportAnswer.receive(request, into: &sink, client)
      return (times, answer)
    }
  }
}
