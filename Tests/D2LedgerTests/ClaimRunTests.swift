import TestSupport
import Testing

@testable import D2Client
@testable import D2Ledger
@testable import D2Store

/// Neighbouring slices that one worker takes at once.
@Suite("Ledger: several slices at once")
struct ClaimRunTests {
  private static let months = (1...12).map { month in
    LedgerWorld.subject("set", month < 10 ? "20240\(month)" : "2024\(month)", newest: month)
  }

  private static func claim(
    _ world: LedgerWorld, _ token: String, most: Int, order: Ledger.Order = .newest, plan: String? = nil
  ) throws -> [Slice] {
    try world.ledger.claimRun(
      world.pair, worker: "w", token: token, leaseSeconds: 600, order: order, most: most, plan: plan)
  }

  @Test("periods that follow each other, of one unit, in their order", arguments: StoreKind.available)
  func neighbours(kind: StoreKind) throws {
    let world = try LedgerWorld(kind)
    try world.plan(Self.months, units: 3)
    let newest = try Self.claim(world, "a", most: 5)
    #expect(newest.map(\.periods) == ["202412", "202411", "202410", "202409", "202408"])
    #expect(Set(newest.map(\.orgUnits)).count == 1)
    #expect(newest.allSatisfy { $0.token == "a" && $0.state == .leased && $0.attempts == 1 })
    let oldest = try Self.claim(world, "b", most: 4, order: .oldest)
    #expect(oldest.map(\.periods) == ["202401", "202402", "202403", "202404"])
    #expect(oldest[0].orgUnits == newest[0].orgUnits, "the first unit's: it has the lowest numbers")
    // The rest of that unit's slices, and no others.
    let rest = try Self.claim(world, "c", most: 100, order: .oldest)
    #expect(rest.map(\.periods) == Self.months.map(\.periods))
    #expect(rest[0].orgUnits != newest[0].orgUnits)
    #expect(try Self.claim(world, "d", most: 1).count == 1)
  }

  @Test("only slices that one pipeline can move go together", arguments: StoreKind.available)
  func alike(kind: StoreKind) throws {
    let world = try LedgerWorld(kind)
    var deleted = LedgerWorld.subject("set", "202403", newest: 3)
    deleted.includesDeleted = true
    var registrations = LedgerWorld.subject("set", "202402", newest: 2)
    registrations.kind = .registrations
    try world.plan([
      LedgerWorld.subject("set", "202405", newest: 5), LedgerWorld.subject("other", "202404", newest: 4), deleted,
      registrations, LedgerWorld.subject("set", "202401", newest: 1, since: "2024-01-01T00:00:00Z"),
      LedgerWorld.subject("set", "202312", newest: 0),
    ])
    #expect(try Self.claim(world, "a", most: 9).map(\.periods) == ["202405", "202312"])
    #expect(try Self.claim(world, "b", most: 9).map(\.periods) == ["202404"])
    #expect(try Self.claim(world, "c", most: 9).map(\.periods) == ["202403"])
    #expect(try Self.claim(world, "d", most: 9).map(\.periods) == ["202402"])
    #expect(try Self.claim(world, "e", most: 9).map(\.periods) == ["202401"])
    #expect(try Self.claim(world, "f", most: 9).isEmpty)
  }

  @Test("a plan's slices go with those of the plan", arguments: StoreKind.available)
  func plans(kind: StoreKind) throws {
    let world = try LedgerWorld(kind)
    try world.plan(Array(Self.months[..<6]))
    try world.plan(Array(Self.months[3..<9]), name: "mine")
    #expect(
      try Self.claim(world, "a", most: 20, plan: "mine").map(\.periods)
        == ["202409", "202408", "202407", "202406", "202405", "202404"])
    #expect(try Self.claim(world, "b", most: 20).map(\.periods) == ["202403", "202402", "202401"])
  }

  @Test("what ended its workers before goes with fewer each time, and at last alone", arguments: StoreKind.available)
  func deaths(kind: StoreKind) throws {
    let world = try LedgerWorld(kind)
    try world.plan(Self.months)
    var sizes: [Int] = []
    for attempt in 1...4 {
      let slices = try world.ledger.claimRun(
        world.pair, worker: "w", token: "t\(attempt)", leaseSeconds: 0, order: .newest, most: 12)
      sizes.append(slices.count)
    }
    #expect(sizes[0] == 12 && sizes[1] == 3 && sizes[2] > 0)
    #expect(sizes[3] <= 9, "\(sizes)")
  }

  @Test(
    "one token renews all, and all are finished at once, but for those that were taken away",
    arguments: StoreKind.available)
  func finish(kind: StoreKind) throws {
    let world = try LedgerWorld(kind)
    try world.plan(Self.months)
    let slices = try Self.claim(world, "a", most: 4)
    #expect(try world.ledger.renewAll(token: "a", leaseSeconds: 600) == 4)
    #expect(try world.ledger.release(slices[1].id, token: "a"))
    #expect(try world.ledger.renewAll(token: "a", leaseSeconds: 600) == 3)
    var counts = Slice.Counts()
    counts.pulled = 7
    let noted = try world.ledger.finish(
      slices.map { Ledger.End($0.id, status: 0, counts, rejects: nil, refusal: $0.id == slices[3].id ? "E1" : nil) },
      token: "a")
    #expect(noted == [slices[0].id, slices[2].id, slices[3].id])
    #expect(try world.slice(slices[0].id).state == .done && world.slice(slices[0].id).counts.pulled == 7)
    #expect(try world.slice(slices[1].id).state == .waiting)
    #expect(try world.slice(slices[3].id).state == .refused && world.slice(slices[3].id).lastError == "E1")
  }

  @Test("workers that claim at the same time never share a slice", arguments: StoreKind.available)
  func rivals(kind: StoreKind) async throws {
    let world = try LedgerWorld(kind)
    try world.plan(Self.months, units: 20)
    let (store, pair) = (world.test, world.pair)
    let claimed = try await withThrowingTaskGroup(of: [Int].self) { group in
      for worker in 0..<4 {
        group.addTask {
          let ledger = Ledger(try store.open())
          var ids: [Int] = []
          while true {
            let slices = try ledger.claimRun(
              pair, worker: "w\(worker)", token: "\(worker)-\(ids.count)", leaseSeconds: 600, order: .newest, most: 5)
            if slices.isEmpty { return ids }
            ids += slices.map(\.id)
          }
        }
      }
      return try await group.reduce(into: []) { $0 += $1 }
    }
    #expect(claimed.count == 240 && Set(claimed).count == 240, "\(claimed.count), \(Set(claimed).count)")
  }
}
