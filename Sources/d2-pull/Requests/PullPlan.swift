import D2Client
import D2Common

/// Divides selections into requests: one data set each, with as many organisation units and periods as fit a safe
/// address.
struct PullPlan {
  let requests: [PullRequest]

  /// - Parameter selections: they are requested one after the other.
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
      // A union of sets and elements cannot be divided, because a value could come twice. A list of only one kind can.
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

  /// The share of the periods to request first if values are wanted soon.
  private static let firstShare = 10

  /// The same requests with the first one divided: a small part comes first. Since an answer is held back until it is
  /// complete, a large one would delay the delivery of its values.
  static func beginningSmall(_ requests: [PullRequest]) -> [PullRequest] {
    guard let first = requests.first, first.export.times.first?.name == "period", first.export.times.count > 1 else {
      return requests
    }
    let times = first.export.times
    let count = (times.count + firstShare - 1) / firstShare
    let parts = [times[..<count], times[count...]].map { part in
      var export = first.export
      export.times = Array(part)
      return first.asking(export)
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
