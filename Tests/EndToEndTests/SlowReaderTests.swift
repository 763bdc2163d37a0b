import D2Common
import TestSupport
import Testing

@testable import StandInServer

/// A connection that the server closes because nobody read from it says nothing about the answer.
@Suite("slow readers", .serialized)
struct SlowReaderTests {
  private static let pull =
    "d2-pull --url $SRC --data-set ${DS%%,*} --org-unit $ROOT --children --start-date 2019-01-01 --end-date 2022-12-31"

  private static func exports(_ two: TwoServers) -> Int {
    (two.source.statistics["recent"]?.array ?? []).filter {
      $0["target"]?.string?.hasPrefix("/api/dataValueSets") == true
    }
    .count
  }

  @Test(
    "what a slow reader made the server close is not read twice",
    arguments: ["sleep 3; cat", "for ((i = 0; i < 40; i++)); do head -c 100000; sleep 0.1; done; cat"],
    ["gzip", "none"])
  func slow(reader: String, compression: String) throws {
    let two = try TwoServers(values: 90_123) { options in
      options.years = 2019...2022
      options.keepAliveSeconds = 1
    }
    let outcome = two.shell.run(
      "\(Self.pull) --compression \(compression) | (\(reader)) > values; echo ${PIPESTATUS[0]}; wc -l < values; sort -u values | wc -l"
    )
    #expect(outcome.lines[0] == "0" && outcome.lines[1] == outcome.lines[2], "\(outcome.output)\(outcome.errors)")
    #expect((Int(outcome.lines[1]) ?? 0) > 10_000)
    #expect(!outcome.errors.contains("asking again") && Self.exports(two) == 1, "\(outcome.errors)")
  }

  @Test("a short answer is found by a fast reader all the same", arguments: ["gzip", "none"], ["", "--spool"])
  func short(compression: String, spool: String) throws {
    let two = try TwoServers(values: 30_000) { $0.keepAliveSeconds = 1 }
    // No multiple of 1,000: the closed connection is the only mark.
    try two.fail(source: #"{"kind":"short-answer","values":4777,"path":"/api/dataValueSets"}"#)
    let outcome = two.shell.run(
      "\(Self.pull) --compression \(compression) \(spool) | cat > values; echo ${PIPESTATUS[0]}; wc -l < values")
    #expect(
      outcome.errors.contains("4777 values, and the server closed the connection unannounced"), "\(outcome.errors)")
    #expect(outcome.lines.first == (spool.isEmpty ? "75" : "0"), "\(outcome.output)\(outcome.errors)")
    #expect(Self.exports(two) >= 2)
  }
}
