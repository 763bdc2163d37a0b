import D2Common
import TestSupport
import Testing
import WaitingTests

@testable import StandInServer

@Suite("Politeness: --concurrency auto, --max-rate", .waiting)
struct PolitenessTests {
  @Test("auto asks a calm server for more at a time, and all comes once")
  func grows() throws {
    let world = try World(values: 1200)
    try world.fail(source: #"{"kind":"latency","seconds":0.5,"times":0,"path":"/api/dataValueSets"}"#)
    let selection =
      "--data-set $DS --org-unit $ROOT --children --start-date 2021-12-01 --end-date 2023-01-31 --include-deleted"
    let outcome = world.run(
      """
      d2-pull --url $SRC \(selection) --quiet | sort > one
      d2-pull --url $SRC \(selection) --concurrency auto --quiet | sort | cmp - one; echo $?; wc -l < one
      """)
    #expect(
      outcome.lines.first == "0" && (Int(outcome.lines.last ?? "") ?? 0) > 500, "\(outcome.output)\(outcome.errors)")
    let most = world.source.statistics["maxConcurrentRequests"]?.int ?? 0
    #expect((2...8).contains(most), "\(most)")
  }

  /// How many requests at once a push of the file `values` made to a destination that needs so many seconds for each.
  private func mostRequests(_ world: World, latency seconds: Double) throws -> Int {
    try world.fail(destination: #"{"kind":"latency","seconds":\#(seconds),"times":0,"path":"/api/dataValueSets"}"#)
    let outcome = world.run("d2-push --url $DST --concurrency auto --batch-size 50 < values > /dev/null; echo $?")
    #expect(outcome.lines == ["0"], "\(outcome.errors)")
    return world.destination.statistics["maxConcurrentRequests"]?.int ?? 0
  }

  @Test("auto pushes with more requests at a time, but not into a server that says 429")
  func push() throws {
    let world = try World(values: 2000)
    _ = world.run("\(World.pullAll) --quiet > values")
    let most = try mostRequests(world, latency: 0.5)
    #expect((2...8).contains(most), "\(most)")
    world.destination.clearFaults()
    #expect(World.content(world.destination) == World.content(world.source))

    world.destination.resetStatistics()
    try world.fail(destination: #"{"kind":"latency","seconds":0.1,"times":0,"path":"/api/dataValueSets"}"#)
    // Every third request is too many.
    for skip in stride(from: 2, to: 30, by: 3) {
      try world.fail(
        destination: #"{"kind":"status","status":429,"times":1,"skip":\#(skip),"path":"/api/dataValueSets"}"#)
    }
    let strained = world.run(
      "d2-push --url $DST --concurrency auto --batch-size 50 < values > /dev/null; echo $?")
    #expect(strained.lines == ["0"], "\(strained.errors)")
    let fewer = world.destination.statistics["maxConcurrentRequests"]?.int ?? 99
    #expect(fewer < most, "\(fewer), \(most)")
    #expect(World.content(world.destination) == World.content(world.source))
  }

  @Test("auto begins with half of the cores that the destination reports", arguments: [(2, 1...4), (16, 7...8)])
  func cores(number: Int, most: ClosedRange<Int>) throws {
    let world = try World(.v43, .v43, values: 400) { $0.costCores = number }
    _ = world.run("\(World.pullAll) --quiet > all; head -n 400 all > values")
    let requests = try mostRequests(world, latency: 1)
    #expect(most.contains(requests), "\(requests)")
  }

  @Test("--max-rate is kept, in both directions")
  func rate() throws {
    let world = try World(values: 3000)
    let outcome = world.run(
      """
      \(World.pullAll) --quiet > values; say bytes $(wc -c < values)
      \(World.pullAll) --compression none --max-rate 200K --summary pull | cmp - values; say pull $?
      d2-push --url $DST --compression none --max-rate 200K --summary push < values > /dev/null; say push $?
      say pull-seconds $(jq .seconds pull); say push-seconds $(jq .seconds push)
      """)
    #expect(outcome["pull"] == "0", "\(outcome.errors)")
    #expect(outcome["push"] == "0", "\(outcome.errors)")
    let bytes = try #require(outcome["bytes"].flatMap(Double.init))
    #expect(bytes > 500_000)
    // The first moment may go unbraked.
    let least = bytes / 204_800 * 0.9
    #expect(try #require(outcome["pull-seconds"].flatMap(Double.init)) >= least)
    #expect(try #require(outcome["push-seconds"].flatMap(Double.init)) >= least)
  }
}
