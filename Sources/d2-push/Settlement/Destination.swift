/// What a run knows of the server that it sends to, and learns of it from batch to batch.
final class Destination: Sendable {
  let server: any ImportServer
  let traits: DestinationTraits
  let metadata: any DestinationMetadata
  let options: PushOptions
  let sizer: BatchSizer
  /// What the metadata tell before values are posted; `nil` if nobody looks ahead.
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

  /// Whether values are stored by groups, or not at all.
  var isByGroup: Bool { traits.failsWholeGroups && options.kind == .dataValues }

  /// Whether what is sent are deletions, as scopes of requests that bring no values.
  var deletesByScope: Bool { isByGroup && options.deletesStale }

  /// The data set that values are entered for: their own, or that of the options.
  func named(_ dataSet: String?) -> String? { dataSet ?? options.dataSet }

  /// Values that look as if they fell outside the dates of their unit, by unit. The server decides about them all the
  /// same.
  func shutUnits(_ part: [Int], _ ids: BatchIDs) -> [String: [Int]] {
    let dates = metadata.dates(of: Set(part.map { ids[$0].orgUnit }))
    let shut = part.filter { dates[ids[$0].orgUnit]?.isShut(in: ids[$0].period) ?? false }
    return Dictionary(grouping: shut) { ids[$0].orgUnit }
  }
}
