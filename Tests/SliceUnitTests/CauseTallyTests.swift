import D2Common
import Testing

@testable import d2_slices
import D2Store

@Suite("CauseTally and Throughput")
struct CauseTallyTests {
  static func slice(_ id: Int, refused: Int = 0, reasons: String? = nil) -> Slice {
    var slice = Slice()
    slice.id = id
    slice.dataSet = "set\(id % 3)"
    slice.periods = "202401"
    slice.counts.refused = refused
    slice.counts.reasons = reasons
    return slice
  }

  @Test("texts that differ only in ids are one cause")
  func pattern() {
    let pattern = CauseTally.pattern("E7612 Organisation unit not found: `Rp268JB6Ne4` in information")
    #expect(pattern == "E7612 Organisation unit not found: `…` in information")
    #expect(CauseTally.pattern("unit Rp268JB6Ne4, \"x y\": 503") == "unit …, \"…\": 503")
    #expect(CauseTally.pattern("an open ` stays") == "an open ` stays")
  }

  @Test("reasons are counted in values; what no reason explains is counted too, and malformed ones do no harm")
  func reasons() {
    var tally = CauseTally()
    tally.add(
      reasonsOf: Self.slice(1, refused: 7, reasons: #"[{"reason":"no `a`","count":4},{"reason":"no `b`","count":1}]"#))
    tally.add(reasonsOf: Self.slice(2, refused: 3, reasons: "{"))
    tally.add(reasonsOf: Self.slice(3, refused: 0, reasons: #"[{"reason":7},{}]"#))
    let causes = tally.top(10).causes
    #expect(causes.map(\.count) == [5, 5] && tally.total == 10)
    #expect(causes[0].pattern == "no `…`" && causes[0].texts.counts == ["no `a`": 4, "no `b`": 1])
    #expect(causes[1].examples.map(\.slice.id) == [2, 1])
  }

  @Test("memory is bounded and no count is lost, however many causes there are")
  func bounded() {
    var tally = CauseTally()
    for id in 0..<2000 { tally.add("cause number \(id)", 2, of: Self.slice(id)) }
    for id in 0..<2000 { tally.add("seen `\(id)`", 1, of: Self.slice(id)) }
    let (causes, rest) = tally.top(25)
    #expect(causes.count == 25 && causes.reduce(rest) { $0 + $1.count } == 6000)
    #expect(causes.allSatisfy { $0.examples.count <= Cause.mostExamples })
  }

  @Test("bars are at most a hundred, minutes or years long, and gaps are filled")
  func stretches() {
    #expect(Throughput.length(for: 0...0) == 60_000)
    #expect(Throughput.length(for: 0...3 * Throughput.day) == Throughput.hour)
    let years = Throughput.length(for: 0...3000 * Throughput.day)
    #expect(3000 * Throughput.day / years < 97)
    let filled = Throughput.filled([.init(start: 0, slices: 1), .init(start: 4000, slices: 2)], 1000)
    #expect(filled.map(\.slices) == [1, 0, 0, 0, 2] && filled.map(\.start) == [0, 1000, 2000, 3000, 4000])
    // A clock that was wrong once does not make a page without end.
    #expect(Throughput.filled([.init(start: 0), .init(start: 1_000_000_000)], 1000).count < 400)
  }
}
