import D2Common

/// One request to an export: which data, of which organisation units, for which time.
package struct ExportRequest: Sendable {
  /// A parameter's name and value.
  package typealias Parameter = (name: String, value: String)

  package let kind: DataKind
  /// The path of the export.
  package var path: String
  /// Data sets, data elements or their groups.
  package var subject: [Parameter]
  package var combos: [Parameter]
  /// Organisation units or their groups.
  package var places: [Parameter]
  /// Periods, or the first and the last day.
  package var times: [Parameter]
  package var passedOn: [Parameter]
  /// Whether the organisation units include all units below them.
  package var children: Bool
  package var limit: Int?
  /// Whether its periods are all types of periods that contain a cut between two days. A version may not know some of
  /// them.
  package var mayNameUnknownPeriods = false

  /// With `children`, each organisation unit is a separate condition in the server's query. With more of them, the
  /// query does not use its index.
  package static let mostParents = 50
  /// All time. Servers from 2.43 on refuse a request without a time, even one for changes (E2002;
  /// docs/dhis2-servers.md, trap 15).
  package static let allTime = (start: "1900-01-01", end: "2199-12-31")
  /// The limit of a request for a sample. It is small enough for any link. It is not a multiple of 1,000, the rows at
  /// which a failed query of a server up to 2.42 ends.
  package static let sampleLimit = 20_001

  package init(
    _ kind: DataKind, subject: [Parameter], combos: [Parameter] = [], places: [Parameter], times: [Parameter],
    passedOn: [Parameter] = [], children: Bool, limit: Int? = nil
  ) {
    self.kind = kind
    path = kind.path
    self.subject = subject
    self.combos = combos
    self.places = places
    self.times = times
    self.passedOn = passedOn
    self.children = children
    self.limit = limit
  }

  /// All days from the first to the last.
  package static func days(_ dates: (start: String, end: String)) -> [Parameter] {
    [("startDate", dates.start), ("endDate", dates.end)]
  }

  /// Path and query.
  package var target: String {
    var query = Query()
    for (name, value) in subject + combos + places + times + passedOn { query.add(name, value) }
    if children { query.add("children", "true") }
    if let limit { query.add("limit", String(limit)) }
    return query.target(path)
  }

  /// The same request with a limit of items.
  package func limited(to limit: Int) -> ExportRequest {
    var request = self
    request.limit = limit
    return request
  }

  // MARK: Size

  /// Bytes to reserve in an address for the path and the fixed parts of parameters.
  private static let fixedBytes = 200
  /// The least bytes for units and periods, however long the rest is.
  private static let leastRoom = 1000

  /// The same data in as few requests as fit into safe addresses: with groups of its combos, organisation units and
  /// periods.
  ///
  /// One answer for a country's year costs a server a third less than many small ones.
  package func fitting() -> [ExportRequest] {
    Self.groups(combos, room: RequestSize.safeURLBytes / 4, orNone: true).flatMap { combos in
      let fixed =
        max(0, Self.bytes(subject) - 1)
        + passedOn.reduce(Self.fixedBytes) { $0 + $1.name.count + $1.value.count + 2 } + Self.bytes(combos)
      let room = max(RequestSize.safeURLBytes - fixed, Self.leastRoom)
      let timeRoom = max(room - Self.bytes(places), room / 2)
      let hasPeriods = times.first?.name == "period"
      let timeGroups = hasPeriods ? Self.groups(times, room: min(timeRoom, room)) : [times]
      return timeGroups.flatMap { times in
        Self.groups(places, room: room - Self.bytes(times), most: children ? Self.mostParents : .max).map { places in
          var request = self
          (request.combos, request.places, request.times) = (combos, places, times)
          return request
        }
      }
    }
  }

  private static func bytes(_ parameters: [Parameter]) -> Int {
    parameters.reduce(0) { $0 + $1.name.utf8.count + Query.encoded($1.value).utf8.count + 2 }
  }

  /// Groups of consecutive parameters that fit a number of bytes.
  ///
  /// - Parameter orNone: whether an empty list gives one empty group, and not no group.
  package static func groups(
    _ parameters: [Parameter], room: Int, most: Int = .max, orNone: Bool = false
  ) -> [[Parameter]] {
    if orNone, parameters.isEmpty { return [[]] }
    return RequestSize.groups(of: parameters, bytesEach: { bytes([$0]) }, limit: room, most: most)
  }
}
