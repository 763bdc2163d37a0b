import D2Client
import D2Common
import D2Store

/// Asks a source what changed of one data set since a time, in the organisation units of the pair.
///
/// `limit` keeps an answer small however much changed. It picks whatever rows the server finds first; each tells its
/// own time.
struct ChangeQuestions {
  private let client: DHIS2Client
  private let dataSet: DataSet
  private let kind: DataKind
  private let places: [OrgUnitCover.Places]
  private let info: ServerInfo
  private let days = AskedDays()

  /// No multiple of the 1,000 rows at which a failed query of a server up to 2.42 ends.
  private static let limit = 200
  /// Of a server that reads times as days, where the same day is asked for again.
  private static let limitOfDay = 20_001
  /// An empty answer that took longer than this may be a query that failed before its first row.
  private static let slowEmptySeconds = 3.0
  /// With `children` each unit is a condition of its own in the server's query.
  private static let mostParents = 50

  init(
    _ client: DHIS2Client, _ info: ServerInfo, _ dataSet: DataSet, _ kind: DataKind, _ places: [OrgUnitCover.Places]
  ) {
    self.client = client
    self.dataSet = dataSet
    self.kind = kind
    self.places = places
    self.info = info
  }

  /// - Throws: `ServerError`.
  func ask(since: UTCTime) throws -> NewestChange.Answer {
    var newest: UTCTime?
    var isAll = true
    for query in queries(since: since) {
      // Of registrations only the day is told; that there are some is enough.
      if kind == .registrations {
        guard !(try rows(target(query, limit: 1), since).isEmpty) else { continue }
        newest = newest ?? since
        isAll = false
        continue
      }
      let (times, isWhole) = try times(query, since)
      // A server may send what is older than it was asked for.
      if let latest = times.filter({ $0 >= since }).max() { newest = max(newest ?? since, latest) }
      if !isWhole { isAll = false }
    }
    return NewestChange.Answer(newest: newest, isAll: isAll)
  }

  /// When the rows of a query changed, and whether these are all.
  private func times(_ query: Query, _ since: UTCTime) throws -> (times: [UTCTime], isWhole: Bool) {
    let cutsTimes = info.version?.cutsTimesToDays ?? false
    let known = cutsTimes ? days[query.text] : nil
    if let known, known.isWhole { return known }
    let limit = known == nil ? Self.limit : Self.limitOfDay
    let rows = try rows(target(query, limit: limit), since)
    let answer = (
      rows.compactMap { $0["lastUpdated"]?.string.flatMap { UTCTime($0) } }, isWhole: rows.count < limit
    )
    if cutsTimes { days[query.text] = answer }
    return answer
  }

  private func target(_ query: Query, limit: Int) -> String {
    var query = query
    query.add("limit", String(limit))
    return query.target(kind.path)
  }

  private func queries(since: UTCTime) -> [Query] {
    places.flatMap { places in
      RequestSize.groups(
        of: places.units, bytesEach: { $0.utf8.count + 9 }, limit: RequestSize.safeURLBytes - 300,
        most: places.children ? Self.mostParents : .max
      ).map { units in
        // Dates too: servers from 2.43 on refuse lastUpdated alone.
        var query = Query(["dataSet": dataSet.uid, "startDate": "1900-01-01", "endDate": "2199-12-31"])
        query.add("orgUnit", units)
        if places.children { query.add("children", "true") }
        if dataSet.asksForDeleted(kind) { query.add("includeDeleted", "true") }
        let changes = info.changes(of: kind, since: since)
        query.add(changes.name, changes.value)
        return query
      }
    }
  }

  /// The rows of an answer. One that bears a mark of a failed query counts only when it comes a second time.
  private func rows(_ target: String, _ since: UTCTime) throws -> [JSONValue] {
    var answer = try exchange(target)
    if answer.isDoubtful {
      let second = try exchange(target)
      guard second.rows.isEmpty == answer.rows.isEmpty else {
        throw ServerError(
          client.server, target, .disagreement, "\(answer.rows.count), then \(second.rows.count) values came")
      }
      answer = second
    }
    client.log.debug(
      "\(dataSet.name): \(counted(answer.rows.count, "change")) since \(since.iso8601), \(DurationText.measured(answer.seconds))"
    )
    return answer.rows
  }

  private func exchange(_ target: String) throws -> (rows: [JSONValue], isDoubtful: Bool, seconds: Double) {
    try client.retrying { _ in
      var request = HTTPRequest(.get, target)
      request.watchesForClose = true
      let response = try client.perform(request)
      if let error = ServerError(client.server, target, response) { throw error }
      guard !response.body.isEmpty else {
        throw ServerError(
          client.server, target, .emptyBody,
          "an empty answer: the user may not read one of the organisation units, or data set \(dataSet.uid) has no data elements"
        )
      }
      guard let document = try? JSONValue(parsing: response.body), document.members != nil else {
        throw ServerError(client.server, target, .notDHIS2, "the answer is not JSON")
      }
      let rows = document[kind.arrayKey]?.array ?? []
      let isSlow = rows.isEmpty && response.firstByteSeconds > Self.slowEmptySeconds
      return (rows, response.closedUnannounced || isSlow, response.seconds)
    }
  }
}

/// What came to the questions of a search, of a server that reads times as days: questions of one day are one and the
/// same.
private final class AskedDays {
  private var answers: [String: (times: [UTCTime], isWhole: Bool)] = [:]

  subscript(query: String) -> (times: [UTCTime], isWhole: Bool)? {
    get { answers[query] }
    set { answers[query] = newValue }
  }
}
