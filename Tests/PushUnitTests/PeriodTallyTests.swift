import D2Common
import TestSupport
import Testing

@testable import d2_push

/// The outcomes of values by period.
@Suite("PeriodTally")
struct PeriodTallyTests {
  private static func line(_ period: String, _ number: Int, deleted: Bool = false) -> String {
    #"{"dataElement":"e\#(number)","period":"\#(period)","value":"1"\#(deleted ? #","deleted":true"# : "")}"#
  }

  @Test("exact where all values of a request came to the same, and for what names its values")
  func exact() throws {
    let batch = try BatchTests.batch([
      Self.line("202401", 1), Self.line("202402", 2), Self.line("202401", 3), Self.line("202402", 4),
      Self.line("202402", 5),
    ])
    var outcome = BatchOutcome()
    outcome.refuse(1, Refusal(message: "no"), of: batch)
    outcome.count(try AccountTests.summary(4, 0, 0), of: batch)
    var tally = PeriodTally()
    tally.add(outcome, of: batch)
    #expect(tally.counts["202401"] == .init(read: 2, imported: 2))
    #expect(tally.counts["202402"] == .init(read: 3, imported: 2, refused: 1, reasons: ["no": 1]))
  }

  @Test("deletions are those of the values that say so")
  func deletions() throws {
    let batch = try BatchTests.batch([
      Self.line("202401", 1, deleted: true), Self.line("202402", 2), Self.line("202402", 3),
    ])
    var outcome = BatchOutcome()
    outcome.count(try AccountTests.summary(0, 2, 1), of: batch)
    var tally = PeriodTally()
    tally.add(outcome, of: batch)
    #expect(tally.counts["202401"] == .init(read: 1, deleted: 1))
    #expect(tally.counts["202402"] == .init(read: 2, updated: 2))
  }

  @Test("whatever a request came to, each period has as many as it has values, and all sums are the request's")
  func sums() throws {
    for seed in 0..<500 as Range<UInt64> {
      var random = SeededGenerator(seed: seed)
      let count = Int.random(in: 1...40, using: &random)
      let periods = (0..<count).map { _ in "20240\(Int.random(in: 1...5, using: &random))" }
      let batch = try BatchTests.batch(
        periods.enumerated().map { Self.line($1, $0, deleted: Int.random(in: 0..<4, using: &random) == 0) })
      var outcome = BatchOutcome()
      for index in 0..<count where Int.random(in: 0..<5, using: &random) == 0 {
        outcome.refuse(index, Refusal(message: "no \(index % 3)"), of: batch)
      }
      let counts = (0..<3).map { _ in Int.random(in: 0...count, using: &random) }
      outcome.count(try AccountTests.summary(counts[0], counts[1], counts[2]), of: batch)
      var tally = PeriodTally()
      tally.add(outcome, of: batch)
      for (period, counts) in tally.counts {
        #expect(counts.read == periods.count { $0 == period }, "seed \(seed), \(period)")
        let parts = [counts.imported, counts.updated, counts.deleted, counts.ignored, counts.refused]
        #expect(parts.allSatisfy { $0 >= 0 } && parts.reduce(0, +) == counts.read, "seed \(seed), \(period): \(counts)")
        #expect(counts.reasons.counts.values.reduce(0, +) == counts.refused)
      }
      let all = tally.counts.values
      #expect(all.reduce(0) { $0 + $1.imported } == outcome.imported, "seed \(seed)")
      #expect(all.reduce(0) { $0 + $1.updated } == outcome.updated, "seed \(seed)")
      #expect(all.reduce(0) { $0 + $1.deleted } == outcome.deleted, "seed \(seed)")
      #expect(all.reduce(0) { $0 + $1.ignored } == outcome.ignored(of: batch), "seed \(seed)")
    }
  }

  @Test(
    "the period of a value, however it is spelled",
    arguments: [
      (#"{"period":"202401","value":"1"}"#, "202401"), (#"{"value":"\"period\":\"x\"","period":"202401"}"#, "202401"),
      (#"{ "period" : "202401" }"#, "202401"), (#"{"\u0070eriod":"202401"}"#, "202401"), (#"{"value":"1"}"#, ""),
      ("no value", ""), ("", ""),
    ])
  func period(line: String, period: String) {
    #expect(Array(line.utf8).withUnsafeBytes { PeriodTally.period(in: $0) } == period)
  }
}
