import Synchronization

/// What the destination's metadata tell of values before they are posted, if a pair says that both ends are ours to
/// look at.
///
/// Servers from 2.43 on refuse all values of a data set because of one unit that is shut or not assigned (E8031,
/// E8022). They refuse all of a request that does not name the data set (E8002). Values for which that is foreseen are
/// kept out of the others' requests. The server decides: the first of them are posted on their own. Only when it has
/// refused several as foreseen, the others are not posted at all. (docs/dhis2-servers.md, traps 8 and 9.)
final class Foresight: Sendable {
  private let metadata: any DestinationMetadata
  private let verdicts = Mutex<(confirmed: Int, contradicted: Bool)>((0, false))

  /// So many units were refused as foreseen before the rest is believed.
  private static let confirmationsNeeded = 3

  init(_ metadata: any DestinationMetadata) { self.metadata = metadata }

  /// The one data set that a value can be entered for; `nil` if there are several, none, or nobody tells.
  func dataSet(of dataElement: String) -> String? {
    guard let sets = try? metadata.dataSets(of: dataElement), sets.count == 1 else { return nil }
    return sets[0]
  }

  func isUnassigned(_ unit: String, to dataSet: String) -> Bool {
    metadata.units(of: dataSet).map { !$0.contains(unit) } ?? false
  }

  /// Whether the server has refused often enough what was foreseen.
  var isProven: Bool { verdicts.withLock { !$0.contradicted && $0.confirmed >= Self.confirmationsNeeded } }

  func learn(wasRefused: Bool) {
    verdicts.withLock { verdicts in
      if wasRefused { verdicts.confirmed += 1 } else { verdicts.contradicted = true }
    }
  }
}
