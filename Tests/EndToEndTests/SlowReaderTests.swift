import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// A connection that the server closes as idle, because nobody read from it, says nothing about the answer.
@Suite("slow readers", .waiting)
struct SlowReaderTests {
  private static let pull =
    "d2-pull --url $SRC --data-set ${DS%%,*} --org-unit $ROOT --children --start-date 2019-01-01 --end-date 2022-12-31"

  private static func exports(_ world: World) -> Int {
    (world.source.statistics["recent"]?.array ?? []).filter {
      $0["target"]?.string?.hasPrefix("/api/dataValueSets") == true
    }
    .count
  }

  @Test(
    "what a slow reader made the server close is not read twice",
    arguments: ["sleep 3; cat", "for ((i = 0; i < 40; i++)); do head -c 100000; sleep 0.1; done; cat"],
    ["gzip", "none"])
  func slow(reader: String, compression: String) throws {
    let world = try World(values: 90_123) { options in
      options.years = 2019...2022
      options.keepAliveSeconds = 1
    }
    let outcome = world.run(
      "\(Self.pull) --compression \(compression) | (\(reader)) > values; say status ${PIPESTATUS[0]}; say different $(sort -u values | wc -l)"
    )
    #expect(outcome["status"] == "0", "\(outcome.errors)")
    let lines = world.shell.lines(of: "values")
    #expect(outcome["different"] == "\(lines)")
    #expect(lines > 10_000)
    #expect(!outcome.errors.contains("asking again"), "\(outcome.errors)")
    #expect(Self.exports(world) == 1)
  }

  @Test("a short answer is found by a fast reader all the same", arguments: ["gzip", "none"], ["", "--spool"])
  func short(compression: String, spool: String) throws {
    let world = try World(values: 30_000) { $0.keepAliveSeconds = 1 }
    // No multiple of 1,000: the closed connection is the only mark.
    try world.fail(source: #"{"kind":"short-answer","values":4777,"path":"/api/dataValueSets"}"#)
    let outcome = world.run(
      "\(Self.pull) --compression \(compression) \(spool) | cat > values; echo ${PIPESTATUS[0]}; wc -l < values")
    #expect(
      outcome.errors.contains("4777 values, and the server closed the connection unannounced"), "\(outcome.errors)")
    #expect(outcome.lines.first == (spool.isEmpty ? "75" : "0"), "\(outcome.output)\(outcome.errors)")
    #expect(Self.exports(world) >= 2)
  }
}
