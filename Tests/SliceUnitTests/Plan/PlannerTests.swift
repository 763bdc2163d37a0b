import D2Common
import D2Ledger
import D2Store
import TestSupport
import Testing

@testable import d2_slices

/// Slices of a backlog and of increments, from a store alone.
@Suite("Planner")
struct PlannerTests {
  @Test(
    "a backlog is each data set in periods of its own type, for the whole country at once",
    arguments: StoreKind.available)
  func backlog(kind: StoreKind) throws {
    let world = try SmallLedger(kind)
    let planner = try world.planner("--from", "2023-12-01", "--to", "2024-02-10")
    #expect(try world.plan(planner) == LedgerPlan.Outcome(added: 9, planned: 9))
    #expect(
      try world.slices().sorted() == [
        "monthly 202312  land", "monthly 202401  land", "monthly 202402  land", "weekly 2023W48  land",
        "weekly 2023W49..2023W52  land", "weekly 2024W1..2024W5  land", "weekly 2024W6  land", "yearly 2023  land",
        "yearly 2024  land",
      ])
    #expect(try world.plan(planner) == LedgerPlan.Outcome(added: 0, planned: 9), "again: nothing new")
    let deleted = try world.slices { "\($0.dataSet) \($0.includesDeleted)" }
    #expect(Set(deleted) == ["monthly true", "weekly false", "yearly false"])
  }

  @Test(
    "flags that count from today go by the clock that is handed in",
    arguments: [
      ([], ["202401", "202402", "202403"]), (["-c"], ["202403"]), (["-n", "20"], ["202402", "202403"]),
      (["-m", "2"], ["202402"]), (["-q", "1"], ["202401", "202402", "202403"]),
      (["--from", "2024-02-01", "--to", "2024-12-31"], ["202402", "202403"]),
    ] as [([String], [String])])
  func today(words: [String], months: [String]) throws {
    let world = try SmallLedger()
    let planner = try world.planner(words: ["--data-set", "monthly"] + words, now: "2024-03-15T12:00:00Z")
    #expect(try world.plan(planner).added == months.count)
    #expect(try world.slices { $0.periods }.sorted() == months)
  }

  @Test("some data sets and units only, in larger spans, registrations too")
  func selection() throws {
    let world = try SmallLedger()
    let planner = try world.planner(
      "-y", "2023", "--data-set", "The monthly", "--only", "east", "--span", "year", "--registrations")
    #expect(try world.plan(planner).added == 2)
    let slices = try world.slices { "\($0.kind.rawValue) \($0.periods) \($0.orgUnits) \($0.includesDeleted)" }
    #expect(
      slices.sorted() == [
        "registrations 202301..202312 [\"east\"] false", "values 202301..202312 [\"east\"] true",
      ])
  }

  @Test("the first increment brings all of all time; the next one what changed, an hour before the mark")
  func increments() throws {
    let world = try SmallLedger()
    let planner = try world.planner("-i", "--data-set", "monthly")
    #expect(try world.plan(planner, at: "2024-03-01T10:00:00Z").added == 1)
    #expect(try world.slices() == ["monthly   land"])
    #expect(try world.plan(planner, at: "2024-03-01T11:00:00Z").planned == 0, "one is under way")
    let slice = try #require(
      try world.ledger.claim(world.pair, worker: "w", token: "t", leaseSeconds: 60, order: .newest))
    #expect(try world.ledger.finish(slice.id, token: "t", status: 0, Slice.Counts(), rejects: nil))
    let mark = try DataSetTable(world.store, world.pair).all()[0].marks[.dataValues]?.through
    #expect(mark?.iso8601 == "2024-03-01T10:00:00Z")
    #expect(try world.plan(planner, at: "2024-03-02T10:00:00Z").added == 1)
    #expect(try world.slices().contains("monthly  2024-03-01T09:00:00Z land"))
  }

  @Test("an increment brings all of a unit that came since, and only what changed of the others")
  func newUnits() throws {
    let world = try SmallLedger()
    let sets = DataSetTable(world.store, world.pair)
    let set = try #require(try sets.all().first { $0.uid == "monthly" })
    #expect(try sets.mark(set, through: UTCTime("2024-03-01T10:00:00Z"), .dataValues))
    try world.add(unit: "land/east/three", since: UTCTime("2024-03-05T00:00:00Z")!.seconds * 1000)
    let planner = try world.planner("-i", "--data-set", "monthly", "--overlap", "0s")
    #expect(try world.plan(planner, at: "2024-03-06T10:00:00Z").added == 2)
    #expect(try world.slices().sorted() == ["monthly   three", "monthly  2024-03-01T10:00:00Z land"])
  }

  @Test("an increment of some units or dates leaves the mark where it is")
  func partly() throws {
    for words in [["--only", "east"], ["-y", "2024"]] {
      let world = try SmallLedger()
      let planner = try world.planner(words: ["-i", "--data-set", "yearly"] + words)
      _ = try world.plan(planner, at: "2024-03-01T10:00:00Z")
      while let slice = try world.ledger.claim(
        world.pair, worker: "w", token: "t", leaseSeconds: 60, order: .newest)
      {
        #expect(try world.ledger.finish(slice.id, token: "t", status: 0, Slice.Counts(), rejects: nil))
      }
      let marks = try DataSetTable(world.store, world.pair).all().map { $0.marks[.dataValues]?.through }
      #expect(marks == [nil, nil, nil], "\(words)")
    }
  }
}
