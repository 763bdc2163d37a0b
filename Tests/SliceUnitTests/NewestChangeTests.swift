import D2Common
import TestSupport
import Testing

@testable import d2_slices

@Suite("NewestChange")
struct NewestChangeTests {
  /// A source with changes at some times, which answers as many rows as it may, in no order.
  private struct Source {
    let times: [Int]
    let limit: Int
    /// How much more the server sends than requested: servers up to 2.42, east of UTC.
    var slack = 0
    var random: SeededGenerator

    mutating func answer(_ since: UTCTime) -> NewestChange.Answer {
      let rows = times.filter { $0 >= since.seconds - slack }.shuffled(using: &random).prefix(limit)
      return .init(newest: rows.max().map { UTCTime(seconds: $0) }, isAll: rows.count < limit)
    }
  }

  private static let now = 1_800_000_000

  @Test("finds the newest change of any source, and says when it could not be sure")
  func anySource() {
    var random = SeededGenerator(seed: 5)
    var exact = 0
    for round in 0..<400 {
      let newest = Self.now - Int.random(in: 0...3_000_000, using: &random)
      let spread = [1, 100, 100_000, 10_000_000].randomElement(using: &random)!
      let count = [1, 5, 1000, 3000].randomElement(using: &random)!
      let times = [newest] + (1..<count).map { _ in newest - Int.random(in: 0...spread, using: &random) }
      var source = Source(
        times: times, limit: 200, slack: round % 4 == 0 ? 10_800 : 0, random: SeededGenerator(seed: UInt64(round)))
      var questions = 0
      let mark = round % 3 == 0 ? nil : Self.now - Int.random(in: 0...4_000_000, using: &random)
      let found = NewestChange.search(
        since: mark.map { UTCTime(seconds: $0) }, now: UTCTime(seconds: Self.now), lookBackSeconds: 5_000_000
      ) { since in
        questions += 1
        return source.answer(since)
      }
      #expect(questions <= 45)
      #expect(found.time.map { $0.seconds <= newest } == true, "round \(round)")
      if found.isExact {
        exact += 1
        #expect(found.time?.seconds == newest, "round \(round): \(found)")
      } else {
        // Only where more than the limit changed within the slack.
        #expect(source.slack > 0 && count > 200, "round \(round)")
      }
    }
    #expect(exact > 300)
  }

  @Test("nothing new costs one question; nothing at all a few, and says back to when was looked")
  func nothing() {
    let now = UTCTime(seconds: Self.now)
    var asked: [Int] = []
    let none = NewestChange.search(since: UTCTime(seconds: Self.now - 100), now: now, lookBackSeconds: 30 * 86400) {
      asked.append(Self.now - $0.seconds)
      return .init(newest: nil, isAll: true)
    }
    #expect(none.time == nil && none.lookedBackTo.seconds == Self.now - 30 * 86400)
    #expect(asked == [100, 86_500, 432_100, 1_814_500, 2_592_000])
    let quiet = NewestChange.search(since: UTCTime(seconds: Self.now - 100), now: now, lookBackSeconds: 50) { _ in
      .init(newest: nil, isAll: true)
    }
    #expect(quiet == NewestChange(time: nil, lookedBackTo: UTCTime(seconds: Self.now - 100)))
  }

  @Test("labels of metrics are escaped")
  func labels() {
    #expect(LagMetrics.escaped("a\\b\"c\nd é") == #"a\\b\"c\nd é"#)
  }
}
