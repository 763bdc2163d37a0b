import Synchronization

/// Predicts from the destination's metadata which values it will refuse. It is used only if a pair says that both ends
/// may be read.
///
/// Servers from 2.43 on refuse all values of a data set because of one unit that is shut or not assigned (E8031,
/// E8022). They also refuse a whole request that does not name the data set (E8002). So values that will probably be
/// refused do not share requests with others. The server decides: d2-push posts the first of them separately. Only
/// after the server has refused several as predicted, d2-push does not post the others. (docs/dhis2-servers.md, traps 8
/// and 9.)
final class Foresight: Sendable {
  private let metadata: any DestinationMetadata
  private let verdicts = Mutex<(confirmed: Int, contradicted: Bool)>((0, false))

  /// How many units the server must refuse as predicted before d2-push believes the prediction.
  private static let confirmationsNeeded = 3

  init(_ metadata: any DestinationMetadata) { self.metadata = metadata }

  /// The one data set that a value can be entered for; `nil` if there are several, none, or the server does not answer.
  func dataSet(of dataElement: String) -> String? {
    guard let sets = try? metadata.dataSets(of: dataElement), sets.count == 1 else { return nil }
    return sets[0]
  }

  func isUnassigned(_ unit: String, to dataSet: String) -> Bool {
    metadata.units(of: dataSet).map { !$0.contains(unit) } ?? false
  }

  /// Whether the server has confirmed the prediction often enough.
  var isProven: Bool { verdicts.withLock { !$0.contradicted && $0.confirmed >= Self.confirmationsNeeded } }

  func learn(wasRefused: Bool) {
    verdicts.withLock { verdicts in
      if wasRefused { verdicts.confirmed += 1 } else { verdicts.contradicted = true }
    }
  }
}
