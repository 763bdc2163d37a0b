import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

/// A slow or blocked reader does not delay the source.
@Suite("read-ahead", .waiting)
struct ReadAheadTests {
  /// About 25 MB: more than sockets, pipes and the part in memory can store.
  private static let values = 90_123
  private static let pull =
    "d2-pull --url $SRC --data-set $DS --org-unit $ROOT --children --start-date 2018-12-01 --end-date 2023-01-31 --include-deleted --compression none"

  private static func world(_ environment: [String: String] = [:]) throws -> World {
    try World(values: values, environment: environment) { $0.years = 2019...2022 }
  }

  /// A reader that reads one line, and the rest when a condition is true.
  private static func reader(until condition: String, then: String = "cat") -> String {
    #"(read -r line; \#(condition) && say condition holds >&2; printf '%s\n' "$line"; \#(then)) > values"#
  }

  /// Waits until the source has sent everything, and is idle.
  private static let awaitSource =
    #"await '[ "$(curl -sf "$SRC/control/stats" | jq ".running == 0 and .valuesSent >= $EXPECTED")" = true ]'"#

  @Test(
    "a reader that stands still does not keep the source busy, and gets every value once",
    arguments: ["", "--spool", "--concurrency 4", "--spool --concurrency 4", "--tag-data-set --max-rate 100M"])
  func standsStill(options: String) throws {
    let world = try Self.world(["EXPECTED": "\(Self.values)"])
    let outcome = world.run(
      "\(Self.pull) \(options) --summary pull.json | \(Self.reader(until: Self.awaitSource)); say status ${PIPESTATUS[0]}; say different $(sort -u values | wc -l); say summary $(jq .values pull.json)"
    )
    #expect(outcome.errors.contains("condition=holds"), "\(outcome.errors)")
    #expect(outcome["status"] == "0", "\(outcome.errors)")
    #expect(outcome["summary"] == "\(Self.values)")
    #expect(outcome["different"] == "\(Self.values)")
    #expect(world.shell.lines(of: "values") == Self.values)
    #expect(!outcome.errors.contains("asking again"), "\(outcome.errors)")
  }

  @Test("the output is the same, byte for byte, as that into a file")
  func sameBytes() throws {
    let world = try Self.world(["EXPECTED": "\(Self.values)"])
    let outcome = world.run(
      "\(Self.pull) > direct && \(Self.pull) | \(Self.reader(until: "sleep 1")); cmp direct values && say same yes")
    #expect(outcome["same"] == "yes", "\(outcome.output)\(outcome.errors)")
  }

  @Test("beyond the bound the source waits, and nothing is lost", arguments: ["0", "1M"])
  func bound(size: String) throws {
    let world = try Self.world(["EXPECTED": "\(Self.values)"])
    let stillRuns = #"{ sleep 2; [ "$(curl -sf "$SRC/control/stats" | jq ".valuesSent < $EXPECTED")" = true ]; }"#
    let outcome = world.run(
      "\(Self.pull) --read-ahead \(size) | \(Self.reader(until: stillRuns)); say status ${PIPESTATUS[0]}; say different $(sort -u values | wc -l)"
    )
    #expect(outcome.errors.contains("condition=holds"), "\(outcome.errors)")
    #expect(outcome["status"] == "0", "\(outcome.errors)")
    #expect(outcome["different"] == "\(Self.values)")
    #expect(!outcome.errors.contains("warning") && !outcome.errors.contains("temporary file"), "\(outcome.errors)")
  }

  @Test(
    "a disk that takes no more means one warning, and every value all the same",
    arguments: ["ulimit -f 2000; exec", "TMPDIR=/nowhere/at/all"])
  func fullDisk(prefix: String) throws {
    let world = try Self.world()
    let outcome = world.run(
      "(\(prefix) \(Self.pull)) | \(Self.reader(until: "sleep 2")); say status ${PIPESTATUS[0]}; say different $(sort -u values | wc -l)"
    )
    #expect(outcome["status"] == "0", "\(outcome.errors)")
    #expect(outcome["different"] == "\(Self.values)")
    let warnings = outcome.errors.split(separator: "\n").filter { $0.contains("temporary file") }
    #expect(warnings.count == 1, "\(outcome.errors)")
    #expect(warnings.first?.contains("the server waits for the reader of the output") == true, "\(outcome.errors)")
  }

  @Test("a signal ends the output with a whole line, and says that more was read")
  func signal() throws {
    let world = try Self.world(["EXPECTED": "\(Self.values)"])
    let script = """
      mkfifo pipe
      \(Self.pull) --summary pull.json > pipe 2> errors & pid=$!
      \(Self.reader(until: Self.awaitSource, then: "kill -TERM $pid; head -c 3000000; sleep 5; cat")) < pipe
      wait $pid; say status $?; cat errors >&2
      say whole $(jq -c . values | wc -l); say summary $(jq .values pull.json)
      """
    let outcome = world.run(script)
    #expect(outcome.errors.contains("condition=holds"), "\(outcome.errors)")
    #expect(outcome["status"] == "143", "\(outcome.errors)")
    #expect(outcome.errors.contains("that were read ahead are lost"), "\(outcome.errors)")
    let lines = world.shell.lines(of: "values")
    #expect(outcome["whole"] == "\(lines)", "a broken line")
    #expect(outcome["summary"] == "\(lines)")
    #expect(lines < Self.values && lines > 1)
  }

  @Test("of an answer that breaks off all whole values reach the slow reader before status 75")
  func brokenAnswer() throws {
    let world = try Self.world()
    try world.fail(source: #"{"kind":"cut-body","after":5000000,"path":"/api/dataValueSets"}"#)
    let outcome = world.run(
      "\(Self.pull) --summary pull.json | \(Self.reader(until: "sleep 2")); say status ${PIPESTATUS[0]}; say whole $(jq -c . values | wc -l); say summary $(jq .values pull.json)"
    )
    #expect(outcome["status"] == "75", "\(outcome.errors)")
    let lines = world.shell.lines(of: "values")
    #expect(lines > 1000)
    #expect(outcome["whole"] == "\(lines)")
    #expect(outcome["summary"] == "\(lines)")
  }

  @Test("a reader that goes away ends the command as SIGPIPE does, also with much read ahead")
  func readerGone() throws {
    let world = try Self.world(["EXPECTED": "\(Self.values)"])
    let outcome = world.run(
      "\(Self.pull) | \(Self.reader(until: Self.awaitSource, then: "head -n 100 > /dev/null")); say status ${PIPESTATUS[0]}"
    )
    #expect(outcome.errors.contains("condition=holds"), "\(outcome.errors)")
    #expect(outcome["status"] == "141", "\(outcome.errors)")
  }
}
