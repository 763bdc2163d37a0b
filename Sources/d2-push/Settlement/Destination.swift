import D2Client

/// What a run knows about its server, and learns from batch to batch.
final class Destination: Sendable {
  let server: any ImportServer
  let traits: DestinationTraits
  let metadata: any DestinationMetadata
  let options: PushOptions
  let sizer: BatchSizer
  /// Predictions from the metadata before values are posted; `nil` if the run does not look ahead.
  let foresight: Foresight?
  let memory = GuiltyMemory()

  init(
    _ server: any ImportServer, _ traits: DestinationTraits, _ metadata: any DestinationMetadata,
    _ options: PushOptions, sizer: BatchSizer, looksAhead: Bool = false
  ) {
    self.server = server
    self.traits = traits
    self.metadata = metadata
    self.options = options
    self.sizer = sizer
    foresight = looksAhead && traits.failsWholeGroups ? Foresight(metadata) : nil
  }

  /// Whether the server stores values by group, or a whole group not at all.
  var isByGroup: Bool { traits.failsWholeGroups && options.kind == .dataValues }

  /// Whether the run sends deletions, as scopes of requests without values.
  var deletesByScope: Bool { isByGroup && options.deletesStale }

  /// The data set of values: their own, or that of the options.
  func named(_ dataSet: String?) -> String? { dataSet ?? options.dataSet }

  /// Values whose period seems to be outside the dates of their unit, by unit. The server still decides about them.
  func shutUnits(_ part: [Int], _ ids: BatchIDs) -> [String: [Int]] {
    // The dates of units are ISO dates, whatever the calendar of period ids is.
    guard traits.calendar.map(PairCalendars.isGregorian) ?? true else { return [:] }
    let dates = metadata.dates(of: Set(part.map { ids[$0].orgUnit }))
    let shut = part.filter { dates[ids[$0].orgUnit]?.isShut(in: ids[$0].period) ?? false }
    return Dictionary(grouping: shut) { ids[$0].orgUnit }
  }
}
