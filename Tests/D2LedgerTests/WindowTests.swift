import D2Client
import TestSupport
import Testing
import WaitingTests

@testable import D2Common
@testable import D2Store
@testable import D2Ledger

@Suite("the ledger: windows and marks", .waiting)
struct WindowTests {
  typealias World = LedgerWorld
  private static let since = "2024-01-01T00:00:00Z"

  /// Opens a window of a data set, with this many slices of its increment.
  private func window(
    _ world: World, _ set: String = "a", _ kind: DataKind = .dataValues, until: String, planned: Int? = nil,
    units: Int = 2, isWhole: Bool = true, since: String = since
  ) throws -> Int {
    let window = try world.openWindow(set, kind, until: until, planned: planned, isWhole: isWhole)
    var subject = World.subject(set, "", newest: 1, window: window, since: since)
    subject.kind = kind
    try world.plan([subject], units: units)
    return window
  }

  private func world(_ kind: StoreKind, _ sets: [String] = ["a"]) throws -> World {
    let world = try World(kind)
    for set in sets { try world.addSet(set) }
    return world
  }

  private func mark(_ world: World, _ set: String = "a") throws -> String? {
    try world.set(set)?.marks[.dataValues]?.through?.iso8601
  }

  /// Claims this many slices, with the tokens 1, 2, ….
  private func claims(_ world: World, _ count: Int) throws -> [Slice] {
    try (1...count).map { try #require(try world.claim("\($0)")) }
  }

  private func finishAll(_ world: World) throws {
    while let slice = try world.claim(world.token()) { #expect(try world.finish(slice)) }
  }

  @Test("the mark moves with the last slice of the window, to the source's time", arguments: StoreKind.available)
  func moves(kind: StoreKind) throws {
    let world = try world(kind, ["a", "b"])
    let before = try world.ledger.databaseTime()
    _ = try window(world, until: "2024-03-01T10:00:00Z", units: 3)
    // A backlog of the same data set has nothing to do with it.
    try world.plan([World.subject("a", "202401", newest: 99)])
    #expect(try world.ledger.hasWindowUnderWay(world.pair, "a"))
    #expect(try !world.ledger.hasWindowUnderWay(world.pair, "b"))
    var left = 3
    while let slice = try world.claim(world.token()) {
      if !slice.since.isEmpty { left -= 1 }
      #expect(try world.finish(slice))
      #expect(try mark(world) == (left == 0 ? "2024-03-01T10:00:00Z" : nil), "\(left) left")
    }
    #expect(try !world.ledger.hasWindowUnderWay(world.pair, "a"))
    #expect(try mark(world, "b") == nil)
    let covered = try #require(try world.set("a")?.marks[.dataValues]?.coveredAt)
    #expect(try covered >= before && covered <= world.ledger.databaseTime())
    #expect(try world.test.rows("SELECT state FROM sync_windows") == ["done"])
  }

  @Test("a window that is not whole moves nothing", arguments: StoreKind.available)
  func partial(kind: StoreKind) throws {
    let world = try world(kind)
    _ = try window(world, until: "2024-03-01T10:00:00Z", isWhole: false)
    try finishAll(world)
    #expect(try mark(world) == nil && world.set("a")?.marks[.dataValues]?.coveredAt == nil)
    _ = try window(world, until: "2024-03-02T10:00:00Z")
    try finishAll(world)
    #expect(try mark(world) == "2024-03-02T10:00:00Z")
  }

  @Test(
    "the mark does not move over refusals, and they do not keep the next window waiting", arguments: StoreKind.available
  )
  func refusals(kind: StoreKind) throws {
    func refuse(_ world: World, _ slice: Slice) throws {
      #expect(
        try world.ledger.finish(slice.id, token: slice.token!, status: 1, Slice.Counts(), rejects: nil, refusal: "E1"))
    }
    let world = try world(kind)
    _ = try window(world, until: "2024-03-01T10:00:00Z")
    let slices = try claims(world, 2)
    try refuse(world, slices[0])
    #expect(try world.finish(slices[1]))
    #expect(try mark(world) == nil)
    #expect(try !world.ledger.hasWindowUnderWay(world.pair, "a"))

    // Taken again and accepted, or without refusals, the mark moves.
    var selection = SliceSelection()
    selection.states = [.refused]
    #expect(try world.ledger.reset(world.pair, selection) == 1)
    #expect(try world.ledger.hasWindowUnderWay(world.pair, "a"))
    try finishAll(world)
    #expect(try mark(world) == "2024-03-01T10:00:00Z")

    // The next window reads the refused values of the previous one again.
    _ = try window(world, until: "2024-03-02T10:00:00Z", since: "2024-02-01T00:00:00Z")
    for slice in try claims(world, 2) { try refuse(world, slice) }
    _ = try window(world, until: "2024-03-03T10:00:00Z", since: "2024-02-02T00:00:00Z")
    #expect(try world.states() == ["done|2", "waiting|2"])
    try finishAll(world)
    #expect(try mark(world) == "2024-03-03T10:00:00Z")
  }

  /// Both marks of a kind, as text.
  private func marks(_ world: World, _ kind: DataKind) throws -> String {
    let mark = try #require(try world.set("a")).marks[kind] ?? DataSet.Mark()
    return "\(mark.through?.iso8601 ?? "never") \(mark.coveredAt.map { String($0) } ?? "never")"
  }

  @Test(
    "values and registrations have marks of their own, and neither moves the other's", arguments: StoreKind.available,
    DataKind.allCases)
  func kinds(kind: StoreKind, first: DataKind) throws {
    let second: DataKind = first == .dataValues ? .registrations : .dataValues
    let world = try world(kind)
    _ = try window(world, "a", first, until: "2024-03-01T10:00:00Z", planned: 1_700_000_000_001)
    _ = try window(world, "a", second, until: "2024-03-02T10:00:00Z", planned: 1_700_000_000_002)
    #expect(
      try world.test.rows("SELECT state FROM sync_windows") == ["open", "open"], "one is not the other's successor")
    var slices: [Slice] = []
    while let slice = try world.claim(world.token()) { slices.append(slice) }
    #expect(slices.count == 4)
    for slice in slices where slice.kind == first { #expect(try world.finish(slice)) }
    #expect(try marks(world, first) == "2024-03-01T10:00:00Z 1700000000001")
    #expect(try marks(world, second) == "never never")
    #expect(try !world.ledger.hasWindowUnderWay(world.pair, "a", first))
    #expect(try world.ledger.hasWindowUnderWay(world.pair, "a", second))
    for slice in slices where slice.kind == second { #expect(try world.finish(slice)) }
    #expect(try marks(world, first) == "2024-03-01T10:00:00Z 1700000000001")
    #expect(try marks(world, second) == "2024-03-02T10:00:00Z 1700000000002")
    // Failures in a window of one kind are not forgotten by a window of the other.
    _ = try window(world, "a", second, until: "2024-03-03T10:00:00Z", units: 1)
    #expect(try world.fail(#require(try world.claim("parked")), most: 1))
    _ = try world.openWindow("a", first, until: "2024-03-04T10:00:00Z")
    #expect(try world.states() == ["done|3", "failed|1"])
  }

  @Test("a window that is done covers the units that were active when it was planned", arguments: StoreKind.available)
  func covers(kind: StoreKind) throws {
    let world = try world(kind)
    _ = try window(world, until: "2024-03-01T10:00:00Z", planned: 1_234_567_890_123)
    try finishAll(world)
    #expect(try marks(world, .dataValues) == "2024-03-01T10:00:00Z 1234567890123", "not when it was done")
  }

  @Test(
    "values that were only queued finish their slice, but do not move the mark: the next window asks for them again",
    arguments: StoreKind.available, [0, 1])
  func queued(kind: StoreKind, position: Int) throws {
    let world = try world(kind)
    _ = try window(world, until: "2024-03-01T10:00:00Z", units: 2)
    for number in 0..<2 {
      let slice = try #require(try world.claim(world.token()))
      var counts = Slice.Counts()
      counts.queued = number == position ? 3 : 0
      #expect(try world.ledger.finish(slice.id, token: slice.token ?? "", status: 0, counts, rejects: nil))
    }
    #expect(try world.states() == ["done|2"])
    #expect(try marks(world, .dataValues) == "never never")
    #expect(try world.test.rows("SELECT state FROM sync_windows") == ["done"])
    #expect(try !world.ledger.hasWindowUnderWay(world.pair, "a"), "another one may follow")
    _ = try window(world, until: "2024-03-02T10:00:00Z", units: 2)
    #expect(try world.states() == ["waiting|2"])
    // This time they are delivered.
    try finishAll(world)
    #expect(try mark(world) == "2024-03-02T10:00:00Z")
  }

  @Test(
    "a sync that writes a data set leaves its marks, also those that moved meanwhile", arguments: StoreKind.available)
  func writes(kind: StoreKind) throws {
    let world = try world(kind)
    let table = DataSetTable(world.ledger.store, world.pair)
    var read = try #require(try world.set("a"))
    // Workers end windows between the reading and the writing.
    for (kind, planned) in [(DataKind.dataValues, 1_700_000_000_001), (.registrations, 1_700_000_000_002)] {
      _ = try window(world, "a", kind, until: "2024-03-01T10:00:00Z", planned: planned)
      try finishAll(world)
    }
    #expect(try !table.write(read), "nothing but the marks differs")
    read.name = "renamed"
    read.isActive = false
    read.isRemoved = true
    #expect(try table.write(read))
    #expect(try world.set("a")?.name == "renamed")
    #expect(try marks(world, .dataValues) == "2024-03-01T10:00:00Z 1700000000001")
    #expect(try marks(world, .registrations) == "2024-03-01T10:00:00Z 1700000000002")
  }

  @Test(
    "a mark by hand is of one kind, covers the units of its time, and can be taken back", arguments: StoreKind.available
  )
  func byHand(kind: StoreKind) throws {
    let world = try world(kind)
    let table = DataSetTable(world.ledger.store, world.pair)
    let set = try #require(try world.set("a"))
    let time = try #require(UTCTime("2024-03-01T10:00:00Z"))
    #expect(try table.mark(set, through: time, .dataValues))
    #expect(try !table.mark(set, through: time, .dataValues), "nothing changes")
    #expect(try marks(world, .dataValues) == "2024-03-01T10:00:00Z \(time.seconds * 1000)")
    #expect(try marks(world, .registrations) == "never never")
    #expect(try table.mark(set, through: time, .registrations) && table.mark(set, through: nil, .dataValues))
    #expect(try marks(world, .dataValues) == "never never")
    #expect(try marks(world, .registrations) == "2024-03-01T10:00:00Z \(time.seconds * 1000)")
  }

  @Test("a mark never goes back", arguments: StoreKind.available)
  func monotonous(kind: StoreKind) throws {
    let world = try world(kind)
    for (until, expected) in [
      ("2024-03-02T00:00:00Z", "2024-03-02T00:00:00Z"), ("2024-03-01T00:00:00Z", "2024-03-02T00:00:00Z"),
    ] {
      _ = try window(world, until: until)
      try finishAll(world)
      #expect(try mark(world) == expected)
    }
  }

  @Test("what is parked, retried or leased keeps the mark", arguments: StoreKind.available)
  func keeps(kind: StoreKind) throws {
    let world = try world(kind)
    _ = try window(world, until: "2024-03-01T10:00:00Z", units: 3)
    let slices = try claims(world, 3)
    #expect(try world.finish(slices[0]))
    #expect(try world.fail(slices[1], most: 1))
    #expect(try world.fail(slices[2], pause: 0))
    #expect(try mark(world) == nil)
    #expect(try world.finish(#require(try world.claim("4"))))
    #expect(try mark(world) == nil, "one is parked")
    #expect(try !world.ledger.hasWindowUnderWay(world.pair, "a"), "nothing of it moves any more")
    var selection = SliceSelection()
    selection.states = [.failed]
    #expect(try world.ledger.reset(world.pair, selection) == 1)
    #expect(try world.ledger.hasWindowUnderWay(world.pair, "a"))
    try finishAll(world)
    #expect(try mark(world) == "2024-03-01T10:00:00Z")
  }

  @Test("a slice that is removed before it was done keeps the mark", arguments: StoreKind.available)
  func removed(kind: StoreKind) throws {
    let world = try world(kind)
    _ = try window(world, until: "2024-03-01T10:00:00Z", units: 3)
    let slices = try claims(world, 2)
    #expect(try world.finish(slices[0]))
    var selection = SliceSelection()
    // Slices that are done may be deleted.
    selection.ids = [slices[0].id]
    #expect(try world.ledger.remove(world.pair, selection) == 1)
    #expect(try world.finish(slices[1]))
    selection.ids = []
    selection.states = [.waiting]
    let third = try #require(try world.claim("3"))
    #expect(try world.ledger.release(third.id, token: "3"))
    #expect(try world.ledger.remove(world.pair, selection) == 1)
    #expect(try mark(world) == nil)
    _ = try window(world, until: "2024-03-02T10:00:00Z", units: 2)
    let last = try #require(try world.claim("4"))
    #expect(try world.ledger.remove(world.pair, selection) == 1)
    #expect(try world.finish(last))
    #expect(try mark(world) == nil, "its other half was never delivered")
    _ = try window(world, until: "2024-03-03T10:00:00Z")
    try finishAll(world)
    #expect(try mark(world) == "2024-03-03T10:00:00Z")
  }

  @Test("the last two slices are finished at the same moment: the mark moves", arguments: StoreKind.available)
  func together(kind: StoreKind) async throws {
    let world = try world(kind)
    let (store, pair) = (world.test, world.pair)
    let executor = BlockingExecutor(threads: 4)
    for round in 1...15 {
      let until = "2024-03-\(round < 10 ? "0" : "")\(round)T10:00:00Z"
      _ = try window(world, until: until, units: 4, since: until)
      let done = try await withThrowingTaskGroup(of: Bool.self) { group in
        for number in 0..<4 {
          group.addTask(executorPreference: executor) {
            let ledger = Ledger(try store.open())
            let token = "r\(round)-\(number)"
            guard let slice = try ledger.claim(pair, worker: "w", token: token, leaseSeconds: 600, order: .newest)
            else { return false }
            return try ledger.finish(slice.id, token: token, status: 0, Slice.Counts(), rejects: nil)
          }
        }
        return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
      }
      #expect(done == 4, "round \(round)")
      #expect(try mark(world) == until, "round \(round)")
    }
  }

  @Test(
    "a window that nothing refers to goes after thirty days; one that is open, young, referred to or another's stays",
    arguments: StoreKind.available)
  func pruned(kind: StoreKind) throws {
    let world = try world(kind, ["a", "b"])
    let day = 86_400_000
    let now = try world.ledger.databaseTime()
    // Windows of a without slices of their own: they were taken over.
    let old = try world.openWindow("a", until: "2024-03-01T10:00:00Z", planned: now - 31 * day)
    let other = try world.openWindow("b", until: "2024-03-01T10:00:00Z", planned: now - 31 * day)
    let registrations = try world.openWindow(
      "a", .registrations, until: "2024-03-01T10:00:00Z", planned: now - 31 * day)
    let young = try world.openWindow("a", until: "2024-03-02T10:00:00Z", planned: now - 29 * day)
    func windows() throws -> [String] { try world.test.rows("SELECT id FROM sync_windows ORDER BY id") }
    #expect(try windows() == [old, other, registrations, young].map(String.init))
    let used = try window(world, until: "2024-03-03T10:00:00Z", planned: now - 40 * day, units: 1)
    try finishAll(world)
    #expect(try windows() == [old, other, registrations, young, used].map(String.init), "not yet thirty days by then")
    let next = try world.openWindow("a", until: "2024-03-04T10:00:00Z", planned: now)
    #expect(try windows() == [other, registrations, young, used, next].map(String.init))
    #expect(try world.test.rows("SELECT window_id FROM slices") == ["\(used)"])
    #expect(try mark(world) == "2024-03-03T10:00:00Z")
    // When its slice is old enough to go, so does the window.
    _ = try world.test.rows("UPDATE slices SET finished = finished - \(31 * day)")
    let last = try world.openWindow("a", until: "2024-03-05T10:00:00Z", planned: now)
    #expect(try windows() == [other, registrations, young, next, last].map(String.init))
  }

  @Test("a later window takes over what an earlier one left undone", arguments: StoreKind.available)
  func superseded(kind: StoreKind) throws {
    let world = try world(kind)
    _ = try window(world, until: "2024-03-01T10:00:00Z", units: 2)
    let slices = try claims(world, 2)
    #expect(try world.fail(slices[0], most: 1))
    #expect(try world.finish(slices[1]))
    let second = try window(world, until: "2024-03-02T10:00:00Z", units: 2, since: Self.since)
    #expect(try world.test.rows("SELECT state FROM sync_windows ORDER BY id") == ["superseded", "open"])
    #expect(try world.test.rows("SELECT DISTINCT window_id FROM slices") == ["\(second)"])
    #expect(try world.states() == ["waiting|2"], "what was done is wanted anew")
    try finishAll(world)
    #expect(try mark(world) == "2024-03-02T10:00:00Z")
    #expect(try world.test.rows("SELECT state FROM sync_windows ORDER BY id") == ["superseded", "done"])
  }

  @Test("who has a slice of a superseded window loses it to the new one", arguments: StoreKind.available)
  func takenOver(kind: StoreKind) throws {
    let world = try world(kind)
    _ = try window(world, until: "2024-03-01T10:00:00Z", units: 1)
    let old = try #require(try world.claim("1"))
    _ = try window(world, until: "2024-03-02T10:00:00Z", units: 1)
    #expect(try !world.finish(old))
    #expect(try mark(world) == nil)
    try finishAll(world)
    #expect(try mark(world) == "2024-03-02T10:00:00Z")
  }

  @Test("the history of a new window is done again, though a backlog had it", arguments: StoreKind.available)
  func history(kind: StoreKind) throws {
    let world = try world(kind)
    try world.plan([World.subject("a", "", newest: 1)], units: 2)
    try finishAll(world)
    _ = try window(world, until: "2024-03-01T10:00:00Z", units: 2, since: "")
    #expect(try world.states() == ["waiting|2"])
    #expect(try mark(world) == nil)
    try finishAll(world)
    #expect(try mark(world) == "2024-03-01T10:00:00Z")
  }

  @Test("what old windows failed at is forgotten, and what they did after thirty days", arguments: StoreKind.available)
  func forgotten(kind: StoreKind) throws {
    let world = try world(kind)
    _ = try window(world, until: "2024-03-01T10:00:00Z", units: 3)
    let slices = try claims(world, 3)
    #expect(try world.finish(slices[0]))
    try world.ledger.database.execute("UPDATE slices SET finished = 1000 WHERE id = $1", [.int(slices[0].id)])
    #expect(try world.finish(slices[1]))
    #expect(try world.fail(slices[2], most: 1))
    try world.plan([World.subject("a", "202401", newest: 1)])
    #expect(try world.fail(#require(try world.claim("4")), most: 1))
    _ = try world.openWindow("a", until: "2024-03-02T10:00:00Z")
    // The recent one, and the backlog's own.
    #expect(try world.states() == ["done|1", "failed|1"])
  }
}
