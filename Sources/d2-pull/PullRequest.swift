import D2Client
import D2Common

/// One request of a run.
struct PullRequest: Sendable {
  /// A parameter's name and value.
  typealias Parameter = (name: String, value: String)

  let path: String
  /// Data sets, data elements or their groups.
  var subject: [Parameter]
  var combos: [Parameter] = []
  /// Organisation units or their groups.
  var places: [Parameter]
  /// Periods, or the first and the last day.
  var times: [Parameter]
  var passedOn: [Parameter]
  /// Whether the organisation units stand for all below them too.
  var children: Bool
  var limit: Int?
  /// Whether its periods are those of all types that a cut between two days goes through; a version may not know some of them.
  var isOfCutPeriods = false
  /// What each value gets appended as its `dataSet`.
  let dataSet: String?
  /// Which of its values go out.
  let sieve: ValueSieve

  /// Path and query.
  var target: String {
    var query = Query()
    for (name, value) in subject + combos + places + times + passedOn { query.add(name, value) }
    if children { query.add("children", "true") }
    if let limit { query.add("limit", String(limit)) }
    return query.target(path)
  }

  /// The same request for at most so many values.
  func limited(to limit: Int) -> PullRequest {
    var request = self
    request.limit = limit
    return request
  }
}

/// Cuts a selection into requests: one data set each, as many organisation units and periods as a safe address holds. One answer for a
/// country's year costs a server a third less than many small ones.
struct PullPlan {
  let requests: [PullRequest]

  private typealias Parameter = PullRequest.Parameter

  /// With `children` each organisation unit is a condition of its own in the server's query; more of them defeat its index.
  private static let mostParents = 50
  /// Servers from 2.43 on refuse `lastUpdated` alone (E2002); all time is this.
  static let allTime = (start: "1900-01-01", end: "2199-12-31")

  /// - Parameter selections: asked for one after the other.
  init(_ selections: [PullOptions]) { requests = selections.flatMap { Self.requests($0) } }

  private static func requests(_ options: PullOptions) -> [PullRequest] {
    Self.subjects(options).flatMap { subject in
      let whole = PullRequest(
        path: options.kind.path, subject: subject.parameters,
        combos: options.attributeOptionCombos.map { ("attributeOptionCombo", $0) },
        places: options.orgUnits.map { ("orgUnit", $0) } + options.orgUnitGroups.map { ("orgUnitGroup", $0) },
        times: times(options), passedOn: options.passedOn, children: options.children, dataSet: subject.dataSet,
        sieve: options.sieve)
      return cut(whole, hasPeriods: !options.periods.isEmpty)
    }
  }

  /// The data that a request is about.
  private struct Subject {
    var parameters: [Parameter]
    var dataSet: String?
  }

  private static func subjects(_ options: PullOptions) -> [Subject] {
    if options.kind == .registrations || !options.dataElements.isEmpty || !options.dataElementGroups.isEmpty {
      // A union of sets and elements cannot be cut without a value coming twice, but it can where they are all of one kind.
      let subjects: [Parameter] =
        options.dataSets.map { ("dataSet", $0) } + options.dataElements.map { ("dataElement", $0) }
        + options.dataElementGroups.map { ("dataElementGroup", $0) }
      return groups(subjects, room: RequestSize.safeURLBytes / 2).map { Subject(parameters: $0, dataSet: nil) }
    }
    return options.dataSets.map { uid in
      Subject(parameters: [("dataSet", uid)], dataSet: options.isTagged ? options.dataSetNames[uid] ?? uid : nil)
    }
  }

  private static func times(_ options: PullOptions) -> [Parameter] {
    if let dates = options.dates { return [("startDate", dates.start), ("endDate", dates.end)] }
    if options.periods.isEmpty { return [("startDate", allTime.start), ("endDate", allTime.end)] }
    return options.periods.map { ("period", $0) }
  }

  /// The combos, organisation units and periods of a request, in as few pieces as fit.
  private static func cut(_ whole: PullRequest, hasPeriods: Bool) -> [PullRequest] {
    groups(whole.combos, room: RequestSize.safeURLBytes / 4, orNone: true).flatMap { combos in
      let fixed =
        max(0, bytes(whole.subject) - 1) + whole.passedOn.reduce(200) { $0 + $1.name.count + $1.value.count + 2 }
        + bytes(combos)
      let room = max(RequestSize.safeURLBytes - fixed, 1000)
      let timeRoom = max(room - bytes(whole.places), room / 2)
      let timeGroups = hasPeriods ? groups(whole.times, room: min(timeRoom, room)) : [whole.times]
      return timeGroups.flatMap { times in
        groups(whole.places, room: room - bytes(times), most: whole.children ? mostParents : .max).map { places in
          var request = whole
          (request.combos, request.places, request.times) = (combos, places, times)
          return request
        }
      }
    }
  }

  private static func bytes(_ parameters: [Parameter]) -> Int {
    parameters.reduce(0) { $0 + $1.name.utf8.count + Query.encoded($1.value).utf8.count + 2 }
  }

  private static func groups(
    _ parameters: [Parameter], room: Int, most: Int = .max, orNone: Bool = false
  ) -> [[Parameter]] {
    if orNone, parameters.isEmpty { return [[]] }
    return RequestSize.groups(of: parameters, bytesEach: { bytes([$0]) }, limit: room, most: most)
  }
}
