import D2Common
import Synchronization

/// How many neighbouring slices one pipeline moves: as many as pay. A pipeline costs a connection at each end and a few
/// round trips, whatever it moves. A long one keeps slices from other workers, and is lost as a whole if its worker is
/// killed.
final class RunSize: Sendable {
  /// Before anything was measured.
  private static let first = 60
  /// Of a store that other hosts may share, the first run takes a part of its share: they may just be beginning too.
  private static let partOfShare = 4
  /// More periods than these make addresses that some proxies refuse.
  static let most = 366
  /// A run that takes less pays by being larger; one that takes more does not.
  private static let leastSeconds = 10.0
  private static let mostSeconds = 60.0

  private let secondsEach = Mutex<Double?>(nil)

  /// So many slices took so long. The last runs count most: the slices of one data set are alike.
  func took(_ slices: Int, seconds: Double) {
    let each = max(seconds, 0.001) / Double(max(slices, 1))
    secondsEach.withLock { $0 = $0.map { ($0 + each) / 2 } ?? each }
  }

  /// How many slices the next pipeline moves at most.
  ///
  /// - Parameters:
  ///   - left: open slices that no worker has begun.
  ///   - workers: how many of this host share them.
  ///   - sharesStore: whether workers of other hosts may share them.
  func next(left: Int, of all: Int, workers: Int, sharesStore: Bool) -> Int {
    func share(_ slices: Int, _ workers: Int) -> Int { max(1, (slices + workers - 1) / workers) }
    guard let each = secondsEach.withLock({ $0 }) else {
      return min(Self.first, share(all, sharesStore ? workers * Self.partOfShare : workers))
    }
    let least = Int(min(Self.leastSeconds / each, Double(Self.most)))
    let most = Int(min(Self.mostSeconds / each, Double(Self.most)))
    return max(1, min(most, max(least, share(left, workers))))
  }
}
