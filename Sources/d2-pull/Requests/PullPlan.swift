import D2Client
import D2Common

/// Cuts selections into requests: one data set each, as many organisation units and periods as a safe address holds.
struct PullPlan {
  let requests: [PullRequest]

  /// - Parameter selections: asked for one after the other.
  init(_ selections: [PullOptions]) { requests = selections.flatMap { Self.requests($0) } }

  private static func requests(_ options: PullOptions) -> [PullRequest] {
    Self.subjects(options).flatMap { subject in
      let whole = ExportRequest(
        options.kind, subject: subject.parameters,
        combos: options.attributeOptionCombos.map { ("attributeOptionCombo", $0) },
        places: options.orgUnits.map { ("orgUnit", $0) } + options.orgUnitGroups.map { ("orgUnitGroup", $0) },
        times: times(options), passedOn: options.passedOn, children: options.children)
      return whole.fitting().map { PullRequest(export: $0, dataSet: subject.dataSet, sieve: options.sieve) }
    }
  }

  /// The data that a request is about.
  private struct Subject {
    var parameters: [ExportRequest.Parameter]
    var dataSet: String?
  }

  private static func subjects(_ options: PullOptions) -> [Subject] {
    if options.isOneSubject {
      // A union of sets and elements cannot be cut without a value coming twice, but it can where they are all of one
      // kind.
      let subjects: [ExportRequest.Parameter] =
        options.dataSets.map { ("dataSet", $0) } + options.dataElements.map { ("dataElement", $0) }
        + options.dataElementGroups.map { ("dataElementGroup", $0) }
      return ExportRequest.groups(subjects, room: RequestSize.safeURLBytes / 2)
        .map { Subject(parameters: $0, dataSet: nil) }
    }
    return options.dataSets.map { uid in
      Subject(parameters: [("dataSet", uid)], dataSet: options.isTagged ? options.dataSetNames[uid] ?? uid : nil)
    }
  }

  /// The periods of the first request where it is to be answered soon; the next request has so many times as many.
  private static let firstPeriods = 3
  private static let growth = 4

  /// The same requests, the first one in parts that grow: an answer that is held back until it is whole keeps those who
  /// deliver its values waiting.
  static func beginningSmall(_ requests: [PullRequest]) -> [PullRequest] {
    guard let first = requests.first, first.export.times.first?.name == "period" else { return requests }
    var left = first.export.times[...]
    var parts: [PullRequest] = []
    var number = firstPeriods
    while !left.isEmpty {
      var export = first.export
      export.times = Array(left.prefix(number))
      parts.append(first.asking(export))
      left = left.dropFirst(number)
      number *= growth
    }
    return parts + requests.dropFirst()
  }

  private static func times(_ options: PullOptions) -> [ExportRequest.Parameter] {
    guard options.dates == nil, !options.periods.isEmpty else {
      return ExportRequest.days(options.dates ?? ExportRequest.allTime)
    }
    return options.periods.map { ("period", $0) }
  }
}
