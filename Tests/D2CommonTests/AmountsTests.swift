import D2Common
import Testing

@Suite("Amounts")
struct AmountsTests {
  @Test(
    "what was measured is exact while it is short", arguments: [(0.004, "0.0 s"), (1.256, "1.26 s"), (73.4, "73 s")])
  func measured(seconds: Double, text: String) { #expect(DurationText.measured(seconds) == text) }

  @Test(
    "what is estimated is told in one unit",
    arguments: [(89.0, "89 s"), (90, "2 min"), (5399, "90 min"), (5400, "2 h"), (172_799, "48 h"), (432_000, "5 days")])
  func rough(seconds: Double, text: String) { #expect(DurationText.rough(seconds) == text) }

  @Test(
    "what was counted is told in two units, the second only if there is any",
    arguments: [(59, "59 s"), (60, "1 min"), (200, "3 min 20 s"), (3600, "1 h"), (7500, "2 h 5 min")])
  func exact(seconds: Int, text: String) { #expect(DurationText.exact(seconds) == text) }

  @Test("sizes", arguments: [(9999, "9999 B"), (10_000, "10 kB"), (9_999_999, "9999 kB"), (12_000_000, "12 MB")])
  func sizes(bytes: Int, text: String) { #expect(SizeText.shown(bytes: bytes) == text) }
}
