import D2Common
import Testing

@testable import D2Client
@testable import d2_pull

@Suite("AnalyticsParts")
struct AnalyticsPartsTests {
  private static func options() throws -> AnalyticsOptions {
    let words = [
      "--analytics", "--data-element", "a", "--org-unit", "b", "--period", "202401", "--part-time", "10s",
    ]
    return try #require(try AnalyticsOptions(Arguments(words, Pull.description)))
  }

  /// This many items, months and units; each cell may have a value.
  private static func grid(_ items: Int, _ periods: Int, _ units: Int) -> AnalyticsGrid {
    AnalyticsGrid(
      items: (0..<items).map { ("item\($0)", 1) }, periods: (0..<periods).map { "p\($0)" },
      units: (0..<units).map { "u\($0)" })
  }

  private static func answer(_ items: Int, _ seconds: Double) -> ExportAnswer {
    ExportAnswer(items: items, closedUnannounced: false, firstByteSeconds: seconds, seconds: seconds)
  }

  @Test(
    "parts become as large as the server answers in the time that is wanted", arguments: [200.0, 2500, 9000],
    [1.0, 0.05])
  func sizes(cellsPerSecond: Double, fill: Double) throws {
    let grid = Self.grid(20, 60, 400)
    let parts = AnalyticsParts([grid], try Self.options(), dataSet: nil)
    var seconds: [Double] = []
    var cells = 0
    while let request = parts.next() {
      let weight = parts.weight(of: request)
      cells += weight
      seconds.append(0.05 + Double(weight) / cellsPerSecond)
      parts.answered(request, Self.answer(Int(Double(weight) * fill), seconds.last!))
    }
    #expect(cells == 20 * 60 * 400)
    // The first request to a slow server takes longer, because its speed is not known yet.
    #expect(seconds.dropFirst(4).allSatisfy { $0 < 15 }, "\(seconds)")
    #expect(parts.planned == seconds.count)
    if cellsPerSecond > 2000 { #expect(seconds.contains { $0 > 5 }, "\(seconds)") }
  }

  @Test("no part brings more values than servers allow, however quick they are")
  func limit() throws {
    let parts = AnalyticsParts([Self.grid(50, 60, 300)], try Self.options(), dataSet: nil)
    var most = 0
    while let request = parts.next() {
      let weight = parts.weight(of: request)
      most = max(most, weight)
      parts.answered(request, Self.answer(weight, 0.01))
    }
    #expect(most <= 90_000 && most > 20_000)
  }

  @Test("what failed is halved, and the parts behind it are smaller")
  func failure() throws {
    let parts = AnalyticsParts([Self.grid(5, 12, 100)], try Self.options(), dataSet: nil)
    let first = try #require(parts.next())
    #expect(parts.canDivide(first))
    let halves = try parts.parts(of: first)
    #expect(halves.count == 2 && halves.reduce(0) { $0 + parts.weight(of: $1) } == parts.weight(of: first))
    let next = try #require(parts.next())
    #expect(parts.weight(of: next) <= parts.weight(of: first) / 2)
  }
}
