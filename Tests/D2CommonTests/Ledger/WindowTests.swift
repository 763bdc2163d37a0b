import TestSupport
import Testing

@testable import D2Common

@Suite("the ledger: windows and marks")
struct WindowTests {
  typealias World = LedgerWorld
  private static let since = "2024-01-01T00:00:00Z"

  /// Opens a window of a data set with so many slices of its increment.
  private func window(
    _ world: World, _ set: String = "a", until: String, units: Int = 2, isWhole: Bool = true, since: String = since
  ) throws -> Int {
    let window = try world.openWindow(set, until: until, isWhole: isWhole)
    try world.plan([World.subject(set, "", newest: 1, window: window, since: since)], units: units)
    return window
  }

  private func world(_ kind: StoreKind, _ sets: [String] = ["a"]) throws -> World {
    let world = try World(kind)
    for set in sets { try world.addSet(set) }
    return world
  }

  private func mark(_ world: World, _ set: String = "a") throws -> String? {
    try world.set(set)?.syncedThrough?.iso8601
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
    let covered = try #require(try world.set("a")?.coveredAt)
    #expect(try covered >= before && covered <= world.ledger.databaseTime())
    #expect(try world.test.rows("SELECT state FROM sync_windows") == ["done"])
  }

  @Test("a window that is not whole moves nothing", arguments: StoreKind.available)
  func partial(kind: StoreKind) throws {
    let world = try world(kind)
    _ = try window(world, until: "2024-03-01T10:00:00Z", isWhole: false)
    try finishAll(world)
    #expect(try mark(world) == nil && world.set("a")?.coveredAt == nil)
    _ = try window(world, until: "2024-03-02T10:00:00Z")
    try finishAll(world)
    #expect(try mark(world) == "2024-03-02T10:00:00Z")
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
    let first = try #require(try world.claim("1"))
    let second = try #require(try world.claim("2"))
    let third = try #require(try world.claim("3"))
    #expect(try world.finish(first))
    #expect(try world.fail(second, most: 1))
    #expect(try world.fail(third, pause: 0))
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
    let first = try #require(try world.claim("1"))
    let second = try #require(try world.claim("2"))
    #expect(try world.finish(first))
    var selection = SliceSelection()
    // What is done may go.
    selection.ids = [first.id]
    #expect(try world.ledger.remove(world.pair, selection) == 1)
    #expect(try world.finish(second))
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
        return try await group.reduce(into: true) { $0 = $0 && $1 }
      }
      #expect(done)
      #expect(try mark(world) == until, "round \(round)")
    }
  }

  @Test("a later window takes over what an earlier one left undone", arguments: StoreKind.available)
  func superseded(kind: StoreKind) throws {
    let world = try world(kind)
    _ = try window(world, until: "2024-03-01T10:00:00Z", units: 2)
    let parked = try #require(try world.claim("1"))
    #expect(try world.fail(parked, most: 1))
    #expect(try world.finish(#require(try world.claim("2"))))
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
    let old = try #require(try world.claim("1"))
    #expect(try world.finish(old))
    try world.ledger.database.execute("UPDATE slices SET finished = 1000 WHERE id = $1", [.int(old.id)])
    #expect(try world.finish(#require(try world.claim("2"))))
    #expect(try world.fail(#require(try world.claim("3")), most: 1))
    try world.plan([World.subject("a", "202401", newest: 1)])
    #expect(try world.fail(#require(try world.claim("4")), most: 1))
    _ = try world.openWindow("a", until: "2024-03-02T10:00:00Z")
    // The recent one, and the backlog's own.
    #expect(try world.states() == ["done|1", "failed|1"])
  }
}
