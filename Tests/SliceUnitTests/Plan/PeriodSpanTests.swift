import D2Common
import TestSupport
import Testing

@testable import d2_slices

/// Which periods share a slice.
@Suite("PeriodSpan")
struct PeriodSpanTests {
  private static func text(_ groups: [[Period]]) -> [String] {
    groups.map { $0.count == 1 ? $0[0].id : "\($0[0].id)..\($0.last!.id)" }
  }

  private static func periods(_ type: PeriodType, _ from: String, _ to: String) -> [Period] {
    type.periods(overlapping: CalendarDate(iso8601: from)!...CalendarDate(iso8601: to)!)
  }

  @Test(
    "periods that begin in the same span go together",
    arguments: [
      (PeriodSpan.month, PeriodType.monthly, ["202401", "202402", "202403", "202404"]),
      (.quarter, .monthly, ["202401..202403", "202404"]), (.year, .monthly, ["202401..202404"]),
      (.month, .daily, ["20240101..20240131", "20240201..20240229", "20240301..20240331", "20240401..20240410"]),
      (.year, .yearly, ["2024"]),
    ] as [(PeriodSpan, PeriodType, [String])])
  func examples(span: PeriodSpan, type: PeriodType, expected: [String]) {
    #expect(Self.text(span.groups(Self.periods(type, "2024-01-01", "2024-04-10"))) == expected)
  }

  @Test("a gap ends a group")
  func gap() {
    let days = Self.periods(.daily, "2024-01-01", "2024-01-05") + Self.periods(.daily, "2024-01-08", "2024-01-09")
    #expect(Self.text(PeriodSpan.month.groups(days)) == ["20240101..20240105", "20240108..20240109"])
  }

  @Test(
    "each period is in one group, groups are whole, and none could be joined with the next",
    arguments: PeriodSpan.allCases)
  func properties(span: PeriodSpan) {
    var random = SeededGenerator(seed: 41)
    for type in PeriodType.allCases {
      let start = CalendarDate(iso8601: "2019-03-05")!
      let all = type.periods(overlapping: start...start.adding(days: 900))
      let periods = all.filter { _ in Int.random(in: 0...9, using: &random) > 0 }
      let groups = span.groups(periods)
      #expect(groups.flatMap { $0 }.map(\.id) == periods.map(\.id), "\(type)")
      for group in groups {
        for (one, next) in zip(group, group.dropFirst()) {
          #expect(one.end.adding(days: 1) == next.start && span.groups([one, next]).count == 1)
        }
      }
      for (one, next) in zip(groups, groups.dropFirst()) {
        #expect(span.groups([one.last!, next.first!]).count == 2)
      }
    }
  }
}
