import D2Client
import D2Common
import Synchronization

/// Divides a request that is too large for a server, or for a proxy in front of it, into smaller ones. Together they
/// bring the same values, each once.
struct RequestDivision: RequestDividing {
  let client: DHIS2Client
  let today: CalendarDate

  /// Most values are from the last years, whatever dates are requested.
  private static let recentDays = 20 * 365

  func canDivide(_ request: PullRequest) -> Bool { Self.isPossible(request.export) }

  func parts(of request: PullRequest) throws -> [PullRequest] { try parts(of: request.export).map(request.asking) }

  /// The size of a request by its parameters. A range of dates may contain any amount of data.
  func weight(of request: PullRequest) -> Int {
    let export = request.export
    return export.times.first?.name == "period" ? export.times.count * export.places.count : export.places.count
  }

  /// Whether `parts` may succeed, before it sends any request.
  static func isPossible(_ request: ExportRequest) -> Bool {
    request.times.count > 1 || request.places.count > 1 || request.children || request.combos.count > 1
      || request.subject.count > 1
  }

  /// Divides periods first, then dates, organisation units, and the units below them.
  ///
  /// - Returns: an empty list if nothing is left to divide.
  /// - Throws: `ServerError` if the server does not answer about units or the calendar.
  func parts(of request: ExportRequest) throws -> [ExportRequest] {
    if request.times.first?.name == "period" {
      if request.times.count > 1 { return Self.halves(request, \.times) }
    } else if let parts = try cutDates(request) {
      return parts
    }
    if request.places.count > 1, let parts = try halvesOfPlaces(request) { return parts }
    if request.children, let parts = try below(request) { return parts }
    if request.combos.count > 1 { return Self.halves(request, \.combos) }
    // Groups of data elements may share some elements.
    let isOfOneKind = ["dataSet", "dataElement"].contains { name in request.subject.allSatisfy { $0.name == name } }
    return request.subject.count > 1 && isOfOneKind ? Self.halves(request, \.subject) : []
  }

  private static func halves(
    _ request: ExportRequest, _ key: WritableKeyPath<ExportRequest, [ExportRequest.Parameter]>
  ) -> [ExportRequest] {
    let all = request[keyPath: key]
    return [all.prefix(all.count / 2), all.dropFirst(all.count / 2)].map { part in
      var half = request
      half[keyPath: key] = Array(part)
      return half
    }
  }

  /// Two requests with half of the units each. One request brings a value once, even if several of its places include
  /// it. Several requests bring it once each. So groups, which may share units, are not divided. Units below other
  /// requested units are removed first.
  ///
  /// - Returns: `nil` if a value might come twice.
  private func halvesOfPlaces(_ request: ExportRequest) throws -> [ExportRequest]? {
    guard request.places.allSatisfy({ $0.name == "orgUnit" }) else { return nil }
    guard request.children else { return Self.halves(request, \.places) }
    let paths = try KnownIDs(request.places.map(\.value), in: "organisationUnits", client).paths
    guard request.places.allSatisfy({ paths[$0.value] != nil }) else { return nil }
    var request = request
    request.places = AskedIDs.withoutNested(request.places.map(\.value), paths).map { ("orgUnit", $0) }
    return request.places.count > 1 ? Self.halves(request, \.places) : try below(request)
  }

  /// One request for a unit alone, and two for the units below it; `nil` if there are none below it.
  private func below(_ request: ExportRequest) throws -> [ExportRequest]? {
    guard request.places.count == 1, request.places[0].name == "orgUnit" else { return nil }
    let children = try client.units(of: request.places[0].value, in: "organisationUnits", "children", fields: "id")
      .compactMap { $0["id"]?.string }.sorted()
    guard !children.isEmpty else { return nil }
    var alone = request
    alone.children = false
    var rest = request
    rest.places = children.map { ("orgUnit", $0) }
    return [alone] + (children.count > 1 ? Self.halves(rest, \.places) : [rest])
  }

  // MARK: Dates

  private func cutDates(_ request: ExportRequest) throws -> [ExportRequest]? {
    let info = try client.serverInfo()
    guard info.isGregorian, let version = info.version else { return nil }
    return Self.cutDates(request, today: today, minor: version.minor)
  }

  /// Requests for the periods within the first part of the days, for those within the second part, and by id for the
  /// periods that contain the cut.
  ///
  /// - Parameter minor: the server's version. It would drop periods that it does not know from the list, and with
  ///   `lastUpdated` it reads an empty list as all periods.
  static func cutDates(_ request: ExportRequest, today: CalendarDate, minor: Int) -> [ExportRequest]? {
    func day(_ name: String) -> CalendarDate? {
      request.times.first { $0.name == name }.flatMap { CalendarDate(iso8601: $0.value) }
    }
    guard let start = day("startDate"), let end = day("endDate"), let cut = cut(start, end, today: today) else {
      return nil
    }
    func part(_ from: CalendarDate, _ to: CalendarDate) -> ExportRequest {
      var part = request
      part.times = [("startDate", from.description), ("endDate", to.description)]
      return part
    }
    var parts = [part(start, cut), part(cut.adding(days: 1), end)]
    let through = PeriodType.allCases.filter { $0.firstMinor <= minor }.flatMap { $0.periods(overlapping: cut...cut) }
      .filter { $0.end > cut && $0.start >= start && $0.end <= end }
    if !through.isEmpty {
      var between = request
      between.times = through.map { ("period", $0.id) }
      between.mayNameUnknownPeriods = true
      parts.append(between)
    }
    return parts
  }

  /// The last day of the first part: the end of a year near the middle, or else of a month. `nil` if there is no such
  /// day in between.
  private static func cut(_ start: CalendarDate, _ end: CalendarDate, today: CalendarDate) -> CalendarDate? {
    let recent = (max(start, today.adding(days: -recentDays)), min(end, today))
    let (from, to) = recent.0 < recent.1 ? recent : (start, end)
    let middle = from.adding(days: (to.dayNumber - from.dayNumber) / 2)
    let years = [middle.year - 1, middle.year].compactMap { CalendarDate(year: $0, month: 12, day: 31) }
    let firstOfMonth = CalendarDate(year: middle.year, month: middle.month, day: 1)!
    let lastOfMonth = CalendarDate(
      year: middle.year, month: middle.month, day: CalendarDate.days(inMonth: middle.month, of: middle.year))!
    for choices in [years, [firstOfMonth.adding(days: -1), lastOfMonth]] {
      let possible = choices.filter { $0 >= from && $0 < to }
      let nearest = possible.min { abs($0.dayNumber - middle.dayNumber) < abs($1.dayNumber - middle.dayNumber) }
      if let nearest { return nearest }
    }
    return nil
  }
}

/// Remembers what was too large for the server of a run. Similar requests are divided without being sent.
final class Capacity: Sendable {
  private struct Least {
    var weight = Int.max
    var bytes = Int.max
  }

  private let least = Mutex(Least())

  /// - Parameter weight: the size of the request.
  func failed(_ request: PullRequest, weight: Int, isTooLong: Bool) {
    least.withLock { least in
      if isTooLong {
        least.bytes = min(least.bytes, request.export.target.utf8.count)
      } else if weight > 1 {
        least.weight = min(least.weight, weight)
      }
    }
  }

  /// Whether something was too large before. Then another failure is not an accident.
  var isKnown: Bool { least.withLock { $0.weight < .max || $0.bytes < .max } }

  func isExceeded(by request: PullRequest, weight: Int) -> Bool {
    least.withLock { $0.weight <= weight || $0.bytes <= request.export.target.utf8.count }
  }
}
