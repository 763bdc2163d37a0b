import D2Common

/// Asks a source what changed of one data set since a time, in the organisation units of the pair.
///
/// `limit` keeps an answer small however much changed. It picks whatever rows the server finds first; each tells its own time.
struct ChangeQuestions {
  private let client: DHIS2Client
  private let dataSet: DataSet
  private let kind: Slice.Kind
  private let places: [OrgUnitCover.Places]
  /// Added to each time: servers up to 2.42 compare `lastUpdated` wrongly by their offset from UTC, and west of it leave rows out.
  private let shiftSeconds: Int

  /// No multiple of the 1,000 rows at which a failed query of a server up to 2.42 ends.
  private static let limit = 200
  /// An empty answer that took longer than this may be a query that failed before its first row.
  private static let slowEmptySeconds = 3.0
  /// The furthest west that clocks are.
  private static let furthestWestSeconds = -12 * 3600
  /// With `children` each unit is a condition of its own in the server's query.
  private static let mostParents = 50

  init(
    _ client: DHIS2Client, _ info: ServerInfo, _ dataSet: DataSet, _ kind: Slice.Kind, _ places: [OrgUnitCover.Places]
  ) {
    self.client = client
    self.dataSet = dataSet
    self.kind = kind
    self.places = places
    let comparesText = !(info.version?.failsWholeGroups ?? false)
    shiftSeconds = comparesText ? min(0, info.utcOffsetSeconds ?? Self.furthestWestSeconds) : 0
  }

  /// - Throws: `ServerError`.
  func ask(since: UTCTime) throws -> NewestChange.Answer {
    var newest: UTCTime?
    var isAll = true
    for target in targets(since: UTCTime(seconds: since.seconds + shiftSeconds)) {
      let (rows, took) = try rows(target)
      // Of registrations only the day is told; that there are some is enough.
      let times = kind == .values ? rows.compactMap { $0["lastUpdated"]?.string.flatMap { UTCTime($0) } } : []
      if !rows.isEmpty { newest = max(newest ?? since, times.max() ?? since) }
      if kind == .registrations ? !rows.isEmpty : rows.count >= Self.limit { isAll = false }
      client.log.debug(
        "\(dataSet.name): \(rows.count) changes since \(since.iso8601), \(DHIS2Client.shown(seconds: took))")
    }
    return NewestChange.Answer(newest: newest, isAll: isAll)
  }

  private func targets(since: UTCTime) -> [String] {
    places.flatMap { places in
      RequestSize.groups(
        of: places.units, bytesEach: { $0.utf8.count + 9 }, limit: RequestSize.safeURLBytes - 300,
        most: places.children ? Self.mostParents : .max
      ).map { units in
        // Dates too: servers from 2.43 on refuse lastUpdated alone.
        var query = Query(["dataSet": dataSet.uid, "startDate": "1900-01-01", "endDate": "2199-12-31"])
        query.add("orgUnit", units)
        if places.children { query.add("children", "true") }
        if kind == .values, dataSet.includesDeleted { query.add("includeDeleted", "true") }
        query.add(kind == .values ? "lastUpdated" : "created", since.iso8601.dropLast() + ".000+0000")
        query.add("limit", String(kind == .values ? Self.limit : 1))
        return query.target(kind == .values ? "/api/dataValueSets" : "/api/completeDataSetRegistrations")
      }
    }
  }

  /// The rows of an answer. One that bears a mark of a failed query counts only when it comes a second time.
  private func rows(_ target: String) throws -> (rows: [JSONValue], seconds: Double) {
    var answer = try exchange(target)
    if answer.isDoubtful {
      let second = try exchange(target)
      guard second.rows.isEmpty == answer.rows.isEmpty else {
        throw ServerError(
          client.server, target, .disagreement, "\(answer.rows.count), then \(second.rows.count) values came")
      }
      answer = second
    }
    return (answer.rows, answer.seconds)
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
      let rows = document[kind == .values ? "dataValues" : "completeDataSetRegistrations"]?.array ?? []
      let isSlow = rows.isEmpty && response.firstByteSeconds > Self.slowEmptySeconds
      return (rows, response.closedUnannounced || isSlow, response.seconds)
    }
  }
}
