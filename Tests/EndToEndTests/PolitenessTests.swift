import D2Common
import TestSupport
import Testing

@testable import StandInServer

@Suite("Politeness: --concurrency auto, --max-rate", .serialized)
struct PolitenessTests {
  @Test("auto asks a calm server for more at a time, and all comes once")
  func grows() throws {
    let two = try TwoServers(values: 1200)
    try two.fail(source: #"{"kind":"latency","seconds":0.15,"times":0,"path":"/api/dataValueSets"}"#)
    let selection =
      "--data-set $DS --org-unit $ROOT --children --start-date 2021-12-01 --end-date 2023-01-31 --include-deleted"
    let outcome = two.shell.run(
      """
      d2-pull --url $SRC \(selection) --quiet | sort > one
      d2-pull --url $SRC \(selection) --concurrency auto --quiet | sort | cmp - one; echo $?; wc -l < one
      """)
    #expect(
      outcome.lines.first == "0" && (Int(outcome.lines.last ?? "") ?? 0) > 500, "\(outcome.output)\(outcome.errors)")
    let most = two.source.statistics["maxConcurrentRequests"]?.int ?? 0
    #expect((2...8).contains(most), "\(most)")
  }

  @Test("auto pushes with more requests at a time, but not into a server that says 429")
  func push() throws {
    let two = try TwoServers(values: 2000)
    _ = two.shell.run("\(TwoServers.pullAll) --quiet > values")
    try two.fail(destination: #"{"kind":"latency","seconds":0.1,"times":0,"path":"/api/dataValueSets"}"#)
    let calm = two.shell.run(
      "d2-push --url $DST --concurrency auto --batch-size 50 < values > /dev/null; echo $?")
    #expect(calm.lines == ["0"], "\(calm.errors)")
    let most = two.destination.statistics["maxConcurrentRequests"]?.int ?? 0
    #expect((2...8).contains(most), "\(most)")
    two.destination.clearFaults()
    #expect(TwoServers.content(two.destination) == TwoServers.content(two.source))

    two.destination.resetStatistics()
    try two.fail(destination: #"{"kind":"latency","seconds":0.1,"times":0,"path":"/api/dataValueSets"}"#)
    // Every third request is too many.
    for skip in stride(from: 2, to: 30, by: 3) {
      try two.fail(
        destination: #"{"kind":"status","status":429,"times":1,"skip":\#(skip),"path":"/api/dataValueSets"}"#)
    }
    let strained = two.shell.run(
      "d2-push --url $DST --concurrency auto --batch-size 50 < values > /dev/null; echo $?")
    #expect(strained.lines == ["0"], "\(strained.errors)")
    let fewer = two.destination.statistics["maxConcurrentRequests"]?.int ?? 99
    #expect(fewer < most, "\(fewer), \(most)")
    #expect(TwoServers.content(two.destination) == TwoServers.content(two.source))
  }

  @Test("--max-rate is kept, in both directions")
  func rate() throws {
    let two = try TwoServers(values: 3000)
    let outcome = two.shell.run(
      """
      \(TwoServers.pullAll) --quiet > values; wc -c < values
      \(TwoServers.pullAll) --compression none --max-rate 200K --summary pull | cmp - values; echo $?; jq .seconds pull
      d2-push --url $DST --compression none --max-rate 200K --summary push < values > /dev/null; echo $?; jq .seconds push
      """)
    let lines = outcome.lines
    #expect(lines.count == 5 && lines[1] == "0" && lines[3] == "0", "\(outcome.output)\(outcome.errors)")
    guard lines.count == 5, let bytes = Double(lines[0]), let pull = Double(lines[2]), let push = Double(lines[4])
    else {
      return
    }
    // The first moment may go unbraked.
    let least = bytes / 204_800 * 0.9
    #expect(bytes > 500_000 && pull >= least && push >= least, "\(bytes) bytes in \(pull) s and \(push) s")
  }
}
