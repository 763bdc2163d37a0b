import D2Common
import D2Store
import Glibc
import TestSupport
import Testing

@testable import d2_slices

/// The summaries of a pipeline for each of its slices.
@Suite("RunReading, SharedRejects and RunSize")
struct RunReadingTests {
  private static func slices(_ periods: String...) -> [Slice] {
    periods.enumerated().map { place, periods in
      var slice = Slice()
      slice.id = place + 1
      slice.periods = periods
      return slice
    }
  }

  private static let months = slices("202401", "202402", "20230101..20230103")

  private static func push(_ periods: String, read: Int) throws -> JSONValue {
    try JSONValue(parsing: "{\"status\":1,\"read\":\(read),\"byPeriod\":[\(periods)]}")
  }

  private static func pull(_ values: Int, wireBytes: Int = 100) -> JSONValue {
    ["status": 0, "values": .int(values), "wireBytes": .int(wireBytes)]
  }

  @Test("each slice has the counts and reasons of its own periods; together they are all")
  func counts() throws {
    let push = try Self.push(
      """
      {"period":"202401","read":5,"imported":3,"updated":1,"refused":1,"reasons":[{"reason":"E1","count":1}]},
      {"period":"20230101","read":2,"imported":2},{"period":"20230103","read":3,"ignored":2,"refused":1,
      "reasons":[{"reason":"E2","count":1}]}
      """, read: 10)
    let reading = try #require(RunReading(of: Self.months, pull: Self.pull(10, wireBytes: 7), push: push))
    let counts = reading.summaries.map { Slice.Counts(pull: $0.pull, push: $0.push) }
    #expect(counts.map(\.pulled) == [5, 0, 5] && counts.map(\.pushed) == [5, 0, 5])
    #expect(counts.map(\.imported) == [3, 0, 2] && counts.map(\.updated) == [1, 0, 0])
    #expect(counts.map(\.ignored) == [0, 0, 2] && counts.map(\.refused) == [1, 0, 1])
    #expect(counts.compactMap(\.wireBytes).reduce(0, +) == 7, "\(counts.map(\.wireBytes))")
    #expect(
      reading.summaries.map { Slice.refusal(pull: $0.pull, push: $0.push) } == ["E1", nil, "E2"])
  }

  @Test("figures that do not tell which slice they belong to are not taken")
  func doubtful() throws {
    let own = #"{"period":"202401","read":5}"#
    #expect(RunReading(of: Self.months, pull: Self.pull(5), push: try Self.push(own, read: 5)) != nil)
    // A period of none of them; values that vanished between the commands; no figures at all.
    let other = #"{"period":"202403","read":5}"#
    #expect(RunReading(of: Self.months, pull: Self.pull(5), push: try Self.push(other, read: 5)) == nil)
    #expect(RunReading(of: Self.months, pull: Self.pull(6), push: try Self.push(own, read: 5)) == nil)
    #expect(RunReading(of: Self.months, pull: Self.pull(5), push: ["status": 0, "read": 5]) == nil)
    #expect(RunReading(of: Self.months, pull: nil, push: try Self.push(own, read: 5)) == nil)
    // A period that two slices have.
    let twice = Self.slices("202401", "202401")
    #expect(RunReading(of: twice, pull: Self.pull(5), push: try Self.push(own, read: 5)) == nil)
  }

  @Test("one slice has the summaries as they are")
  func single() throws {
    let push: JSONValue = ["status": 0, "read": 3]
    let reading = try #require(RunReading(of: Self.slices("202401"), pull: nil, push: push))
    #expect(reading.summaries.count == 1 && reading.summaries[0].push == push && reading.summaries[0].pull == nil)
  }

  private static func line(_ period: String, _ number: Int) -> String {
    #"{"value":{"dataElement":"a","period":"\#(period)","value":"1"},"line":\#(number),"message":"about \"period\":\"202402\""}"#
  }

  @Test("each slice gets the rejects of its own periods, verbatim")
  func rejects() throws {
    let test = try TestStore(.sqlite)
    let rejects = SharedRejects(Self.months, folder: test.folder, token: "t")
    let lines = [("20230102", 1), ("202401", 2), ("20230101", 3), ("202401", 4)].map { Self.line($0.0, $0.1) }
    try Self.write(lines, to: rejects.attempt)
    #expect(try rejects.deal(Self.months))
    #expect(try Self.read(rejects.files[0].attempt) == [lines[1], lines[3]])
    #expect(access(rejects.files[1].attempt, F_OK) != 0)
    #expect(try Self.read(rejects.files[2].attempt) == [lines[0], lines[2]])
    #expect(access(rejects.attempt, F_OK) != 0)
  }

  @Test("a reject of no slice's period: nothing is left, and the slices are moved apart")
  func strayReject() throws {
    let test = try TestStore(.sqlite)
    let rejects = SharedRejects(Self.months, folder: test.folder, token: "t")
    try Self.write([Self.line("202401", 1), #"{"text":"no value","line":2}"#], to: rejects.attempt)
    #expect(try !rejects.deal(Self.months))
    for path in rejects.files.map(\.attempt) + [rejects.attempt] { #expect(access(path, F_OK) != 0, "\(path)") }
  }

  private static func write(_ lines: [String], to path: String) throws {
    let file = try ReplacedFile(path, mode: 0o600)
    try file.write(Array(lines.map { $0 + "\n" }.joined().utf8))
    try file.finish()
  }

  private static func read(_ path: String) throws -> [String] {
    String(decoding: try FileBytes.read(path), as: UTF8.self).split(separator: "\n").map(String.init)
  }

  @Test("as many slices as pay, and a share for each worker")
  func size() {
    let size = RunSize()
    #expect(size.next(left: 500, of: 500, workers: 2, sharesStore: false) == 60)
    #expect(size.next(left: 10, of: 20, workers: 4, sharesStore: false) == 5)
    #expect(size.next(left: 80, of: 80, workers: 4, sharesStore: true) == 5)
    #expect(size.next(left: 0, of: 0, workers: 2, sharesStore: false) == 1)
    // A second each: not more than a minute's, not less than ten seconds' where they are shared.
    size.took(10, seconds: 10)
    #expect(size.next(left: 10_000, of: 10_000, workers: 2, sharesStore: false) == 60)
    #expect(size.next(left: 8, of: 10_000, workers: 2, sharesStore: false) == 10)
    // So slow that one is enough; so quick that the address is the bound.
    for _ in 0..<20 { size.took(1, seconds: 600) }
    #expect(size.next(left: 100, of: 100, workers: 2, sharesStore: false) == 1)
    for _ in 0..<40 { size.took(100, seconds: 0) }
    #expect(size.next(left: 500_000, of: 500_000, workers: 2, sharesStore: false) == RunSize.most)
  }
}
