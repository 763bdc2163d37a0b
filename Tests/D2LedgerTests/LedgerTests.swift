import D2Client
import TestSupport
import Testing
import WaitingTests

@testable import D2Common
@testable import D2Store
@testable import D2Ledger

@Suite("the ledger: leases and attempts", .waiting)
struct LedgerTests {
  typealias World = LedgerWorld
  private static let month = LedgerWorld.subject

  // MARK: Claims

  @Test("the order of claims: priority, then newest or oldest", arguments: StoreKind.available)
  func order(kind: StoreKind) throws {
    let world = try World(kind)
    func plan() throws {
      try world.plan(
        [
          Self.month("a", "202401", 10, nil, ""), Self.month("a", "202403", 30, nil, ""),
          Self.month("a", "202402", 20, nil, ""),
        ],
        units: 3, priorities: [7, nil, 2])
    }
    func claimed(_ order: Ledger.Order) throws -> [String] {
      var all: [String] = []
      while let slice = try world.claim(world.token(), order: order) {
        all.append("\(slice.orgUnits[0]) \(slice.periods)")
      }
      return all
    }
    try plan()
    let units = ["unit2", "unit0", "unit1"]
    let newest = units.flatMap { unit in ["202403", "202402", "202401"].map { "\(unit) \($0)" } }
    #expect(try claimed(.newest) == newest)
    _ = try world.ledger.reset(world.pair, SliceSelection())
    let oldest = units.flatMap { unit in ["202401", "202402", "202403"].map { "\(unit) \($0)" } }
    #expect(try claimed(.oldest) == oldest)
  }

  @Test("sixteen workers at once: each slice is claimed and done once", arguments: StoreKind.available)
  func concurrent(kind: StoreKind) async throws {
    let world = try World(kind)
    let count = 320
    try world.plan((0..<8).map { Self.month("a", "20240\($0 + 1)", $0, nil, "") }, units: count / 8)
    let (store, pair) = (world.test, world.pair)
    let executor = BlockingExecutor(threads: 16)
    let taken = try await withThrowingTaskGroup(of: [Int].self) { group in
      for worker in 0..<16 {
        group.addTask(executorPreference: executor) {
          let ledger = Ledger(try store.open())
          try ledger.hurry()
          var mine: [Int] = []
          while true {
            let token = "w\(worker)-\(mine.count)"
            guard
              let slice = try ledger.claim(pair, worker: "w\(worker)", token: token, leaseSeconds: 600, order: .newest)
            else { break }
            mine.append(slice.id)
            guard try ledger.finish(slice.id, token: token, status: 0, Slice.Counts(), rejects: nil) else {
              mine.append(-1)
              break
            }
          }
          return mine
        }
      }
      var all: [Int] = []
      for try await mine in group { all += mine }
      return all
    }
    #expect(taken.count == count && Set(taken).count == count && !taken.contains(-1), "\(taken.count) claims")
    #expect(try world.states() == ["done|\(count)"])
    #expect(try world.test.rows("SELECT count(*) FROM slices WHERE attempts <> 1") == ["0"])
  }

  // MARK: Leases

  @Test("a lease ends by the database's clock; then its token opens nothing any more", arguments: StoreKind.available)
  func expiry(kind: StoreKind) throws {
    let world = try World(kind)
    try world.plan([Self.month("a", "202401", 1, nil, "")])
    let first = try #require(try world.claim("one", lease: 600))
    #expect(first.token == "one" && first.attempts == 1)
    try world.letPass(seconds: 540)
    #expect(try world.claim("two") == nil, "somebody has it")
    try world.letPass(seconds: 60)
    let second = try #require(try world.claim("two", lease: 600))
    #expect(second.id == first.id && second.attempts == 2)
    #expect(try world.slice(first.id).lastError == "its worker was gone before the slice was done")
    #expect(try !world.ledger.renew(first.id, token: "one", leaseSeconds: 600))
    #expect(try !world.finish(first))
    #expect(try !world.fail(first))
    #expect(try !world.ledger.release(first.id, token: "one"))
    let now = try world.slice(first.id)
    #expect(now.state == .leased && now.token == "two" && now.attempts == 2)
    #expect(try world.finish(second))
    #expect(try !world.finish(second), "only once")
    #expect(try world.slice(first.id).state == .done)
  }

  @Test("an attempt whose worker died is none of those that park a slice", arguments: StoreKind.available)
  func deathsAndFailures(kind: StoreKind) throws {
    let world = try World(kind)
    try world.plan([Self.month("a", "202401", 1, nil, "")])
    for death in 1...6 {
      _ = try #require(try world.claim("dead \(death)"))
      try world.ledger.database.execute("UPDATE slices SET lease_until = 1")
    }
    #expect(try world.fail(#require(try world.claim("first")), most: 2))
    let once = try world.slice(1)
    #expect(once.state == .retry && once.attempts == 7 && once.failures == 1, "\(once)")
    #expect(try world.fail(#require(try world.claim("not its fault")), counts: false, most: 2))
    #expect(try world.slice(1).state == .retry && world.slice(1).failures == 1)
    #expect(try world.fail(#require(try world.claim("second")), most: 2))
    let twice = try world.slice(1)
    #expect(twice.state == .failed && twice.failures == 2, "\(twice)")
    #expect(try world.ledger.reset(world.pair, SliceSelection()) == 1)
    #expect(try world.slice(1).failures == 0 && world.slice(1).attempts == 0)
  }

  @Test("a lease that ended and that nobody claimed is lost all the same", arguments: StoreKind.available)
  func expiredUnclaimed(kind: StoreKind) throws {
    let world = try World(kind)
    try world.plan([Self.month("a", "202401", 1, nil, "")])
    let slice = try #require(try world.claim("one", lease: 0.05))
    let end = try world.ledger.databaseTime() + 50
    // This once the time really passes.
    #expect(try eventually { try world.ledger.databaseTime() > end })
    #expect(try !world.ledger.renew(slice.id, token: "one", leaseSeconds: 60))
    #expect(try !world.finish(slice) && world.slice(slice.id).state == .leased)
  }

  @Test("renewing keeps a slice beyond its first lease", arguments: StoreKind.available)
  func renew(kind: StoreKind) throws {
    let world = try World(kind)
    try world.plan([Self.month("a", "202401", 1, nil, "")])
    let slice = try #require(try world.claim("one", lease: 30))
    let until = try #require(Int(try world.test.rows("SELECT lease_until FROM slices")[0]))
    #expect(try world.ledger.renew(slice.id, token: "one", leaseSeconds: 600))
    let later = try #require(Int(try world.test.rows("SELECT lease_until FROM slices")[0]))
    #expect((565_000...600_000).contains(later - until), "\(later - until)")
    #expect(try !world.ledger.renew(slice.id, token: "other", leaseSeconds: 600))
    #expect(try world.claim("two") == nil)
    #expect(try world.finish(slice))
  }

  @Test("a slice that was given back counts no attempt", arguments: StoreKind.available)
  func release(kind: StoreKind) throws {
    let world = try World(kind)
    try world.plan([Self.month("a", "202401", 1, nil, "")])
    for round in 0..<30 {
      let slice = try #require(try world.claim("t\(round)"))
      #expect(slice.attempts == 1)
      #expect(try world.ledger.release(slice.id, token: "t\(round)"))
      #expect(try !world.ledger.release(slice.id, token: "t\(round)"))
    }
    #expect(try world.states() == ["waiting|1"])
  }

  // MARK: Failures

  @Test("a failure waits for its pause; the last attempt parks it", arguments: StoreKind.available)
  func attempts(kind: StoreKind) throws {
    let world = try World(kind)
    try world.plan([Self.month("a", "202401", 1, nil, "")])
    for attempt in 1...3 {
      let slice = try #require(try world.claim("t\(attempt)"))
      #expect(slice.attempts == attempt)
      #expect(
        try world.fail(slice, pause: 600, most: 3, error: "nul \0 and a long \(String(repeating: "é", count: 5000))"))
      if attempt < 3 {
        let open = try world.ledger.open(world.pair)
        #expect(open.retry == 1 && open.waiting == 0)
        let due = try #require(open.nextMilliseconds)
        #expect((540_000...600_000).contains(due), "\(due)")
        #expect(try world.claim("early") == nil)
        try world.letPass(seconds: 600)
      }
    }
    #expect(try world.states() == ["failed|1"])
    var parked = Slice()
    try world.ledger.forEach(world.pair, SliceSelection()) { parked = $0 }
    #expect(parked.lastStatus == 75 && parked.lastError?.count == 2000 && parked.attempts == 3)
    #expect(try world.claim("never") == nil)
    let open = try world.ledger.open(world.pair)
    #expect(open.waiting + open.leased + open.retry == 0 && open.nextMilliseconds == nil)
  }

  @Test("a failure that is the server's counts no attempt", arguments: StoreKind.available)
  func uncounted(kind: StoreKind) throws {
    let world = try World(kind)
    try world.plan([Self.month("a", "202401", 1, nil, "")])
    for round in 0..<10 {
      let slice = try #require(try world.claim("t\(round)"))
      #expect(slice.attempts == 1)
      #expect(try world.fail(slice, counts: false, most: 1))
    }
    #expect(try world.states() == ["retry|1"])
  }

  @Test("a slice whose workers died twenty times is parked", arguments: StoreKind.available)
  func deaths(kind: StoreKind) throws {
    let world = try World(kind)
    try world.plan([Self.month("a", "202401", 1, nil, "")])
    for death in 1...20 {
      let slice = try #require(try world.claim("t\(death)"), "death \(death)")
      #expect(slice.attempts == death)
      // As time would.
      try world.ledger.database.execute("UPDATE slices SET lease_until = 1")
    }
    #expect(try world.claim("last") == nil)
    #expect(try world.states() == ["failed|1"])
  }

  @Test("figures of an attempt are kept, of failures too", arguments: StoreKind.available)
  func figures(kind: StoreKind) throws {
    let world = try World(kind)
    try world.plan([Self.month("a", "202401", 1, nil, "")], units: 2)
    let push = try JSONValue(
      parsing:
        #"{"status":1,"read":10,"imported":4,"updated":3,"deleted":1,"ignored":1,"refused":1,"notSent":0,"queued":0,"reasons":[{"code":"E1","count":1,"text":"it's \"odd\" 🏥"}]}"#
    )
    let counts = Slice.Counts(pull: try JSONValue(parsing: #"{"status":0,"values":10,"wireBytes":500}"#), push: push)
    let done = try #require(try world.claim("a"))
    #expect(try world.ledger.finish(done.id, token: "a", status: 1, counts, rejects: "/r/x.ndjson"))
    let failed = try #require(try world.claim("b"))
    #expect(
      try world.ledger.fail(
        failed.id, token: "b", status: 1, error: "e", counts: true, pauseSeconds: 0, mostAttempts: 1, counts,
        rejects: "/r/y"))
    for (id, rejects) in [(done.id, "/r/x.ndjson"), (failed.id, "/r/y")] {
      let slice = try world.slice(id)
      #expect(slice.counts == counts && slice.rejects == rejects && slice.lastStatus == 1)
    }
    let progress = try world.ledger.progress(world.pair)
    #expect(
      progress.count == 1 && progress[0].counts == ["done": 1, "failed": 1] && progress[0].pulled == 20
        && progress[0].refused == 2)
  }

  @Test(
    "what is done with refusals rests with its reason until it is reset or planned again",
    arguments: StoreKind.available)
  func refused(kind: StoreKind) throws {
    let world = try World(kind)
    let subject = Self.month("a", "202401", 1, nil, "")
    try world.plan([subject], units: 2)
    let slice = try #require(try world.claim("a"))
    var counts = Slice.Counts()
    counts.refused = 3
    #expect(
      try world.ledger.finish(slice.id, token: "a", status: 1, counts, rejects: "/r/x.ndjson", refusal: "E7612 no unit")
    )
    let other = try #require(try world.claim("b"))
    #expect(try other.id != slice.id && world.finish(other))
    #expect(try world.claim("c") == nil)
    let noted = try world.slice(slice.id)
    #expect(noted.state == .refused && noted.lastError == "E7612 no unit" && noted.rejects == "/r/x.ndjson")
    #expect(noted.lastStatus == 1 && noted.attempts == 1 && noted.counts.refused == 3)
    let progress = try world.ledger.progress(world.pair)
    #expect(progress[0].counts == ["done": 1, "refused": 1] && progress[0].open == 0)
    let delivery = try #require(try world.ledger.deliveries(world.pair).first)
    #expect(delivery.refused == 1 && delivery.parked == 0 && delivery.open == 0)
    #expect(try world.ledger.verify(world.pair, SliceSelection()) == 1, "what was refused cannot be verified")

    #expect(try world.plan([subject], units: 2).again == 0)
    #expect(try world.claim("d") == nil, "a plan alone does not take it again")
    #expect(try world.plan([subject], units: 2, again: true).again == 2)
    #expect(try world.slice(slice.id).lastError == nil)
    while let slice = try world.claim(world.token()) {
      #expect(try world.ledger.finish(slice.id, token: slice.token!, status: 1, counts, rejects: nil, refusal: "E1"))
    }
    var selection = SliceSelection()
    selection.states = [.refused]
    #expect(try world.ledger.reset(world.pair, selection) == 2)
    #expect(try world.states() == ["waiting|2"])
  }

  // MARK: Selections

  @Test("reset and remove by state, data set, period, number and plan", arguments: StoreKind.available)
  func selections(kind: StoreKind) throws {
    let world = try World(kind)
    let subjects = ["a", "b"].flatMap { set in ["202401", "202402", "202403"].map { Self.month(set, $0, 1, nil, "") } }
    try world.plan(subjects)
    try world.plan([subjects[0], subjects[3]], name: "mine")
    while let slice = try world.claim(world.token()) { #expect(try world.finish(slice)) }
    func select(_ change: (inout SliceSelection) -> Void) -> SliceSelection {
      var selection = SliceSelection()
      change(&selection)
      return selection
    }
    #expect(try world.ledger.reset(world.pair, select { $0.plan = "mine" }) == 2)
    #expect(
      try world.ledger.reset(
        world.pair,
        select {
          $0.states = [.done]; $0.dataSets = ["a"]
        }) == 2)
    #expect(try world.states() == ["done|2", "waiting|4"])
    #expect(
      try world.ledger.reset(
        world.pair,
        select {
          $0.periods = ["202402", "202403"]; $0.dataSets = ["b"]
        }) == 2)
    #expect(try world.states() == ["waiting|6"])
    let held = try #require(try world.claim("held"))
    #expect(try world.ledger.reset(world.pair, select { $0.ids = [held.id] }) == 1)
    #expect(try !world.finish(held), "what was reset is taken from its worker")
    #expect(try world.slice(held.id).attempts == 0)
    #expect(try world.ledger.remove(world.pair, select { $0.ids = [held.id] }) == 1)
    #expect(try world.ledger.remove(world.pair, select { $0.states = [.failed, .retry] }) == 0)
    let again = try #require(try world.claim("again"))
    #expect(try world.finish(again))
    #expect(try world.ledger.verify(world.pair, SliceSelection()) == 1)
    #expect(try world.ledger.verify(world.pair, SliceSelection()) == 0)
    let shown = try world.ledger.progress(world.pair).reduce(into: [:]) { $0.merge($1.counts) { $0 + $1 } }
    #expect(shown == ["verified": 1, "waiting": 4])
    #expect(try world.ledger.remove(world.pair, select { $0.onlyVerified = true }) == 1)
    #expect(try world.ledger.remove(world.pair, SliceSelection()) == 4)
    #expect(try world.states().isEmpty)
  }

  @Test("a pair goes with its slices and windows; another's stay", arguments: StoreKind.available)
  func pairs(kind: StoreKind) throws {
    let world = try World(kind)
    let store = world.ledger.store
    let other = try store.add(
      name: "other", source: world.pair.source,
      destination: ConfiguredServer(name: "c", settings: .object([.init("api_url", "https://c.example/api")])),
      isActive: true)
    var plan = LedgerPlan()
    let places = plan.add(places: [.init(units: ["u"], children: true, priority: nil)])
    plan.add(LedgerPlan.Subject(dataSet: "a", periods: "2024", newest: 1, places: places))
    for pair in [world.pair, other] { #expect(try plan.write(pair, to: world.ledger).added == 1) }
    try world.addSet("a")
    _ = try world.openWindow("a", until: "2024-01-01T00:00:00Z")
    #expect(try world.ledger.claim(other, worker: "w", token: "o", leaseSeconds: 600, order: .newest) != nil)
    #expect(try world.ledger.claim(other, worker: "w", token: "p", leaseSeconds: 600, order: .newest) == nil)
    try store.remove(world.pair)
    #expect(try world.test.rows("SELECT count(*) FROM slices") == ["1"])
    #expect(try world.ledger.open(other).leased == 1)
  }

  @Test("the rate is of what was done lately", arguments: StoreKind.available)
  func rate(kind: StoreKind) throws {
    let world = try World(kind)
    #expect(try world.ledger.rate(world.pair, within: 900) == nil)
    try world.plan([Self.month("a", "202401", 1, nil, "")], units: 30)
    for _ in 0..<20 { _ = try world.finish(#require(try world.claim(world.token()))) }
    #expect(try world.ledger.rate(world.pair, within: 900) == nil, "nobody works")
    let held = try #require(try world.claim(world.token()))
    let now = try world.ledger.databaseTime()
    try world.ledger.database.execute(
      "UPDATE slices SET started = $1, finished = $2 WHERE state = 'done'", [.int(now - 100_000), .int(now - 1000)])
    let rate = try #require(try world.ledger.rate(world.pair, within: 900))
    #expect(abs(rate - 0.2) < 0.02, "twenty in a hundred seconds: \(rate)")
    try world.ledger.database.execute("UPDATE slices SET lease_until = 1 WHERE id = $1", [.int(held.id)])
    #expect(try world.ledger.rate(world.pair, within: 900) == nil, "whoever has a lease is dead")
    try world.ledger.database.execute(
      "UPDATE slices SET lease_until = $2 WHERE id = $1", [.int(held.id), .int(now + 600_000)])
    #expect(try world.ledger.rate(world.pair, within: 900) != nil)
    try world.ledger.database.execute("UPDATE slices SET finished = $1 WHERE state = 'done'", [.int(now - 901_000)])
    #expect(try world.ledger.rate(world.pair, within: 900) == nil)
  }
}
