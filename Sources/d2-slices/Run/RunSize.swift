import D2Common
import Synchronization

/// Decides how many neighbouring slices one pipeline moves: as many as pay. Each pipeline costs a connection at both
/// ends and a few round trips. A long one withholds slices from other workers, and is lost as a whole if its worker is
/// killed.
final class RunSize: Sendable {
  /// The size before the first measurement.
  private static let first = 60
  /// If other hosts may share the store, the first run takes only this part of its share. The other hosts may be
  /// starting too.
  private static let partOfShare = 4
  /// With more periods than these, addresses are so long that some proxies refuse them.
  static let most = 366
  /// Runs that take less time should be larger; runs that take more should not grow.
  private static let leastSeconds = 10.0
  private static let mostSeconds = 60.0

  private let secondsEach = Mutex<Double?>(nil)

  /// Records how long slices took. The last runs count most, because the slices of one data set are similar.
  func took(_ slices: Int, seconds: Double) {
    let each = max(seconds, 0.001) / Double(max(slices, 1))
    secondsEach.withLock { $0 = $0.map { ($0 + each) / 2 } ?? each }
  }

  /// How many slices the next pipeline may move.
  ///
  /// - Parameters:
  ///   - left: open slices that no worker has begun.
  ///   - workers: how many workers of this host share them.
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
