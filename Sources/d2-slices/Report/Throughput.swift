import D2Common
import D2Ledger
import D2Store

/// How much was done over time.
struct Throughput: Sendable {
  /// Consecutive stretches, including those in which nothing was done.
  var stretches: [Ledger.Stretch] = []
  /// The length of each.
  var milliseconds = 0
  /// The last hour and the last day.
  var lastHour = Ledger.Stretch(start: 0)
  var lastDay = Ledger.Stretch(start: 0)
  /// Slices a second, recently; `nil` if no slice was done.
  var rate: Double?

  static let hour = 3_600_000
  static let day = 24 * hour
  private static let minute = 60_000
  /// Usual lengths of time.
  private static let lengths = [
    minute, 5 * minute, 15 * minute, hour, 3 * hour, 6 * hour, day, 7 * day, 28 * day, 364 * day, 3640 * day,
  ]
  /// The most bars that a narrow screen can show.
  private static let mostStretches = 96

  init() {}

  /// - Parameter finished: when the first and the last slice were done.
  init(_ ledger: Ledger, _ pair: Pair, finished: ClosedRange<Int>?, now: Int) throws {
    guard let finished else { return }
    milliseconds = Self.length(for: finished)
    stretches = Self.filled(try ledger.stretches(pair, milliseconds: milliseconds), milliseconds)
    lastHour = try ledger.done(pair, since: now - Self.hour)
    lastDay = try ledger.done(pair, since: now - Self.day)
    rate = try ledger.rate(pair, within: StatusReport.rateSeconds)
  }

  static func length(for finished: ClosedRange<Int>) -> Int {
    lengths.first { finished.upperBound / $0 - finished.lowerBound / $0 < mostStretches } ?? lengths.last!
  }

  /// Adds the stretches in which nothing was done.
  static func filled(_ stretches: [Ledger.Stretch], _ milliseconds: Int) -> [Ledger.Stretch] {
    var filled: [Ledger.Stretch] = []
    // A stretch may be far from the others: a slice was done while the page was made, or a clock was wrong for a time.
    for stretch in stretches.suffix(2 * mostStretches) {
      while let last = filled.last, last.start + milliseconds < stretch.start, filled.count < 2 * mostStretches {
        filled.append(Ledger.Stretch(start: last.start + milliseconds))
      }
      filled.append(stretch)
    }
    return filled
  }

  /// The count of one stretch, converted to an hour.
  func hourly(_ count: Int) -> Int {
    milliseconds == 0 ? 0 : Int((Double(count) * Double(Self.hour) / Double(milliseconds)).rounded())
  }

  /// The end of the last stretch.
  var end: Int { (stretches.last?.start ?? 0) + milliseconds }
}
