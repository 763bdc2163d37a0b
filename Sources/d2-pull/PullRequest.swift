import D2Common

/// One request of a run.
struct PullRequest: Sendable {
  private let path: String
  private let query: Query
  /// What each value gets appended as its `dataSet`.
  let dataSet: String?

  init(path: String, query: Query, dataSet: String?) {
    self.path = path
    self.query = query
    self.dataSet = dataSet
  }

  /// Path and query.
  var target: String { query.target(path) }

  /// The same request for at most so many values.
  func limited(to limit: Int) -> PullRequest {
    var query = query
    query.add("limit", String(limit))
    return PullRequest(path: path, query: query, dataSet: dataSet)
  }
}

/// Cuts a selection into requests: one data set each, as many organisation units and periods as a safe address holds. One answer for a
/// country's year costs a server a third less than many small ones.
struct PullPlan {
  let requests: [PullRequest]

  /// With `children` each organisation unit is a condition of its own in the server's query; more of them defeat its index.
  private static let mostParents = 50
  /// Servers from 2.43 on refuse `lastUpdated` alone (E2002); all time is this.
  static let allTime = (start: "1900-01-01", end: "2199-12-31")

  /// - Parameter selections: asked for one after the other.
  init(_ selections: [PullOptions]) { requests = selections.flatMap { Self.requests($0) } }

  /// Where the data are asked for.
  static func path(_ options: PullOptions) -> String {
    options.registrations ? "/api/completeDataSetRegistrations" : "/api/dataValueSets"
  }

  private static func requests(_ options: PullOptions) -> [PullRequest] {
    let path = path(options)
    var requests: [PullRequest] = []
    for subject in Self.subjects(options) {
      for (places, times) in Self.cut(options, subject) {
        var query = subject.query
        for (name, id) in places { query.add(name, id) }
        for (name, value) in times { query.add(name, value) }
        for (name, value) in options.passedOn { query.add(name, value) }
        if options.children { query.add("children", "true") }
        requests.append(PullRequest(path: path, query: query, dataSet: subject.dataSet))
      }
    }
    return requests
  }

  /// The data that a request is about.
  private struct Subject {
    var query: Query
    var dataSet: String?
  }

  private static func subjects(_ options: PullOptions) -> [Subject] {
    if options.registrations || !options.dataElements.isEmpty || !options.dataElementGroups.isEmpty {
      // A union of sets and elements cannot be cut without a value coming twice, but it can where they are all of one kind.
      let subjects =
        options.dataSets.map { ("dataSet", $0) } + options.dataElements.map { ("dataElement", $0) }
        + options.dataElementGroups.map { ("dataElementGroup", $0) }
      return groups(subjects, room: RequestSize.safeURLBytes / 2).map { group in
        var query = Query()
        for (name, id) in group { query.add(name, id) }
        return Subject(query: query, dataSet: nil)
      }
    }
    return options.dataSets.map { uid in
      Subject(query: Query(["dataSet": uid]), dataSet: options.isTagged ? options.dataSetNames[uid] ?? uid : nil)
    }
  }

  /// The organisation units and periods of a subject, in as few pieces as fit.
  private static func cut(
    _ options: PullOptions, _ subject: Subject
  ) -> [(places: [(String, String)], times: [(String, String)])] {
    let combos = options.attributeOptionCombos.map { ("attributeOptionCombo", $0) }
    return groups(combos, room: RequestSize.safeURLBytes / 4, orNone: true).flatMap { combos in
      cut(options, subject, combos).map { (combos + $0.places, $0.times) }
    }
  }

  private static func cut(
    _ options: PullOptions, _ subject: Subject, _ combos: [(String, String)]
  ) -> [(places: [(String, String)], times: [(String, String)])] {
    let times: [(String, String)] =
      if let dates = options.dates {
        [("startDate", dates.start), ("endDate", dates.end)]
      } else if options.periods.isEmpty {
        [("startDate", allTime.start), ("endDate", allTime.end)]
      } else {
        options.periods.map { ("period", $0) }
      }
    let places = options.orgUnits.map { ("orgUnit", $0) } + options.orgUnitGroups.map { ("orgUnitGroup", $0) }
    let fixed =
      subject.query.text.utf8.count + options.passedOn.reduce(200) { $0 + $1.name.count + $1.value.count + 2 }
      + bytes(combos)
    let room = max(RequestSize.safeURLBytes - fixed, 1000)
    let timesBytes = bytes(times)
    let timeRoom = options.periods.isEmpty ? timesBytes : max(room - bytes(places), room / 2)
    let timeGroups = options.periods.isEmpty ? [times] : groups(times, room: min(timeRoom, room))
    return timeGroups.flatMap { times in
      groups(places, room: room - bytes(times), most: options.children ? mostParents : .max).map { ($0, times) }
    }
  }

  private static func bytes(_ parameters: [(String, String)]) -> Int {
    parameters.reduce(0) { $0 + $1.0.utf8.count + Query.encoded($1.1).utf8.count + 2 }
  }

  private static func groups(
    _ parameters: [(String, String)], room: Int, most: Int = .max, orNone: Bool = false
  ) -> [[(String, String)]] {
    if orNone, parameters.isEmpty { return [[]] }
    return RequestSize.groups(of: parameters, bytesEach: { bytes([$0]) }, limit: room, most: most)
  }
}
