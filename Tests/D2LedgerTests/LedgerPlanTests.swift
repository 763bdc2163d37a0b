import D2Client
import TestSupport
import Testing
import WaitingTests

@testable import D2Common
@testable import D2Store
@testable import D2Ledger

@Suite("the ledger: plans", .waiting)
struct LedgerPlanTests {
  typealias World = LedgerWorld
  private static let month = LedgerWorld.subject

  @Test(
    "a plan is written once; what is done waits again only when asked, and when nothing is open",
    arguments: StoreKind.available)
  func plan(kind: StoreKind) throws {
    let world = try World(kind)
    let subjects = [Self.month("a", "202401", 10, nil, ""), Self.month("a", "202402", 20, nil, "")]
    #expect(try world.plan(subjects, units: 3) == .init(added: 6, planned: 6, again: 0))
    #expect(try world.plan(subjects, units: 3) == .init(added: 0, planned: 6, again: 0))
    #expect(
      try world.plan(subjects + [Self.month("b", "202401", 10, nil, "")], units: 4)
        == .init(added: 6, planned: 12, again: 0))

    let first = try #require(try world.claim("x"))
    #expect(try world.finish(first))
    #expect(try world.plan(subjects, units: 3, again: true).again == 0, "five are open")
    while let slice = try world.claim(world.token()) { #expect(try world.finish(slice)) }
    #expect(try world.states() == ["done|12"])
    #expect(try world.plan(subjects, units: 3) == .init(added: 0, planned: 6, again: 0), "not unless asked")
    #expect(try world.states() == ["done|12"])
    #expect(try world.plan(subjects, units: 3, again: true) == .init(added: 0, planned: 6, again: 6))
    #expect(try world.states() == ["done|6", "waiting|6"])

    // Parked ones too, and their attempts count from zero.
    while let slice = try world.claim(world.token()) { #expect(try world.fail(slice, most: 1)) }
    #expect(try world.states() == ["done|6", "failed|6"])
    #expect(try world.plan(subjects, units: 3, again: true).again == 6)
    let anew = try #require(try world.claim("y"))
    #expect(anew.attempts == 1 && anew.lastError == nil)
  }

  @Test(
    "planning again refreshes what is not yet done: deletions, priority and age", arguments: StoreKind.available)
  func refreshed(kind: StoreKind) throws {
    let world = try World(kind)
    var subject = Self.month("a", "202401", 10, nil, "")
    let other = Self.month("b", "202401", 30, nil, "")
    try world.plan([subject, other], units: 3)
    #expect(try world.finish(#require(try world.claim("x"))))
    subject.includesDeleted = true
    subject.newest = 20
    #expect(
      try world.plan([subject, other], units: 3, priorities: [nil, 7, 5]) == .init(added: 0, planned: 6, again: 0))
    #expect(try world.states() == ["done|1", "waiting|5"], "what is done stays so")
    var claimed: [String] = []
    while let slice = try world.claim(world.token()) {
      claimed.append("\(slice.dataSet) \(slice.orgUnits[0]) \(slice.includesDeleted)")
    }
    #expect(
      claimed == ["b unit2 false", "a unit2 true", "b unit1 false", "a unit1 true", "a unit0 true"], "\(claimed)")
    #expect(try world.test.rows("SELECT DISTINCT newest FROM slices WHERE dataset_id = 'a'") == ["20"])
  }

  @Test("a plan's name is its slices' alone; a new plan of the name replaces it", arguments: StoreKind.available)
  func names(kind: StoreKind) throws {
    let world = try World(kind)
    try world.plan([Self.month("a", "202401", 10, nil, ""), Self.month("b", "202401", 10, nil, "")])
    try world.plan([Self.month("a", "202402", 20, nil, ""), Self.month("a", "202401", 10, nil, "")], name: "mine")
    #expect(try world.ledger.open(world.pair, plan: "mine").waiting == 2)
    #expect(try world.ledger.open(world.pair).waiting == 3)
    #expect(try world.claim("x", plan: "others") == nil)
    try world.plan([Self.month("b", "202401", 10, nil, "")], name: "mine")
    let slice = try #require(try world.claim("y", plan: "mine"))
    #expect(slice.dataSet == "b")
    #expect(try world.claim("z", plan: "mine") == nil)
    #expect(try world.ledger.progress(world.pair, plan: "mine").map(\.dataSet) == ["b"])
  }

  @Test(
    "what makes a slice another one: data set, periods, units, children, since, kind", arguments: StoreKind.available)
  func identity(kind: StoreKind) throws {
    let world = try World(kind)
    var plan = LedgerPlan()
    let whole = plan.add(places: [.init(units: ["u"], children: true, priority: nil)])
    let alone = plan.add(places: [.init(units: ["u"], children: false, priority: nil)])
    for places in [whole, alone] {
      for since in ["", "2024-01-01T00:00:00Z"] {
        for sort in DataKind.allCases {
          for periods in ["202401", ""] {
            var subject = LedgerPlan.Subject(dataSet: "a", periods: periods, newest: 1, places: places)
            subject.since = since
            subject.kind = sort
            plan.add(subject)
          }
        }
      }
    }
    #expect(try plan.write(world.pair, to: world.ledger).added == 16)
    #expect(try plan.write(world.pair, to: world.ledger).added == 0)
  }

  @Test("single units share slices of fifty, subtrees are one each", arguments: StoreKind.available)
  func places(kind: StoreKind) throws {
    let world = try World(kind)
    var plan = LedgerPlan()
    let units = (0..<120).map { "u\($0)" }
    let list = plan.add(places: [
      .init(units: units, children: false, priority: nil),
      .init(units: ["s1", "s2", "s3"], children: true, priority: 1),
    ])
    plan.add(LedgerPlan.Subject(dataSet: "a", periods: "2024", newest: 1, places: list))
    #expect(try plan.write(world.pair, to: world.ledger).added == 6)
    var sizes: [Int] = []
    var all: [String] = []
    try world.ledger.forEach(world.pair, SliceSelection()) {
      sizes.append($0.orgUnits.count)
      all += $0.orgUnits
    }
    #expect(sizes == [1, 1, 1, 50, 50, 20])
    #expect(all.sorted() == (units + ["s1", "s2", "s3"]).sorted())
  }
}
