import TestSupport
import Testing
import WaitingTests

@testable import D2Common
@testable import D2Store
@testable import D2Ledger

/// Random operations on slices, compared with a model of the ledger.
@Suite("the ledger against a model", .waiting)
struct LedgerModelTests {
  /// A ledger in memory, in which time passes only on request.
  private struct Model {
    struct Entry: Equatable {
      var rank: Int
      var newest: Int
      var state = Slice.State.waiting
      var attempts = 0
      var failures = 0
      var token: String?
      /// Its lease, or its pause, has ended.
      var isDue = false
    }

    /// In the order of their numbers.
    var entries: [Int: Entry]

    mutating func claim(_ token: String, _ order: Ledger.Order) -> Int? {
      for (id, entry) in entries where entry.isDue {
        if entry.state == .retry { entries[id]!.state = .waiting }
        if entry.state == .leased {
          entries[id]!.state = entry.attempts - entry.failures >= 20 ? .failed : .waiting
          entries[id]!.token = nil
        }
        entries[id]!.isDue = false
      }
      let first = entries.filter { $0.value.state == .waiting }.min { a, b in
        if a.value.rank != b.value.rank { return a.value.rank < b.value.rank }
        if a.value.newest != b.value.newest {
          return order == .newest ? a.value.newest > b.value.newest : a.value.newest < b.value.newest
        }
        return a.key < b.key
      }
      guard let id = first?.key else { return nil }
      entries[id]!.state = .leased
      entries[id]!.token = token
      entries[id]!.attempts += 1
      return id
    }

    func holds(_ id: Int, _ token: String) -> Bool {
      entries[id]!.state == .leased && entries[id]!.token == token && !entries[id]!.isDue
    }

    mutating func end(_ id: Int, _ token: String, _ change: (inout Entry) -> Void) -> Bool {
      guard holds(id, token) else { return false }
      change(&entries[id]!)
      entries[id]!.token = nil
      return true
    }
  }

  @Test("random claims, renewals, ends, failures, deaths and resets", arguments: StoreKind.available, 0..<6)
  func random(kind: StoreKind, seed: Int) throws {
    var life = try Life(kind, seed: UInt64(seed))
    for step in 0..<400 { try life.act("seed \(seed), step \(step)") }
    try life.checkTotals()
  }

  /// A ledger and its model, to which the same happens.
  private struct Life {
    private var random: SeededGenerator
    private let world: LedgerWorld
    private var model = Model(entries: [:])
    private let ids: [Int]
    private var given: [(id: Int, token: String)] = []

    init(_ kind: StoreKind, seed: UInt64) throws {
      var random = SeededGenerator(seed: seed)
      world = try LedgerWorld(kind)
      let priorities: [Int?] = (0..<4).map { _ in [nil, 1, 2].randomElement(using: &random)! }
      try world.plan(
        (1...5).map { LedgerWorld.subject("a", "20240\($0)", newest: Int.random(in: 1...3, using: &random)) }, units: 4,
        priorities: priorities)
      var entries: [Int: Model.Entry] = [:]
      try world.ledger.database.execute("SELECT id, rank, newest FROM slices", []) { row in
        entries[row.int(0)!] = .init(rank: row.int(1)!, newest: row.int(2)!)
      }
      #expect(entries.count == 20)
      model.entries = entries
      ids = entries.keys.sorted()
      self.random = random
    }

    /// One thing happens.
    mutating func act(_ place: String) throws {
      let some = given.randomElement(using: &random) ?? (ids[0], "nobody's")
      let current = given.last { $0.id == some.id } ?? some
      // Mostly tokens whose lease may still be valid.
      let (id, token) = Int.random(in: 0...3, using: &random) == 0 ? some : current
      let action = Int.random(in: 0...14, using: &random)
      let place = "\(place), action \(action)"
      switch action {
      case 0...5: try claim(place)
      case 12, 13: try passTime()
      case 14: try reset()
      default:
        let (got, expected) = try change(id, token, action)
        #expect(got == expected, "\(place), slice \(id)")
      }
      try compare(place)
    }

    private mutating func claim(_ place: String) throws {
      let token = world.token()
      let order = Ledger.Order.allCases.randomElement(using: &random)!
      let claimed = try world.claim(token, order: order)
      let modelled = model.claim(token, order)
      #expect(claimed?.id == modelled, "\(place)")
      if let modelled { given.append((modelled, token)) }
      guard let claimed else { return }
      #expect(claimed.attempts == model.entries[claimed.id]?.attempts, "\(place)")
      #expect(claimed.token == token, "\(place)")
    }

    /// An operation of a worker on its slice: whether the ledger, and the model, accept it.
    private mutating func change(_ id: Int, _ token: String, _ action: Int) throws -> (got: Bool, expected: Bool) {
      switch action {
      case 6, 7:
        let refusal = Bool.random(using: &random) ? "E1" : nil
        let expected = model.end(id, token) { $0.state = refusal == nil ? .done : .refused }
        let got = try world.ledger.finish(id, token: token, status: 0, Slice.Counts(), rejects: nil, refusal: refusal)
        return (got, expected)
      case 8, 9:
        let (counts, most) = (Int.random(in: 0...3, using: &random) > 0, Int.random(in: 1...6, using: &random))
        let expected = model.end(id, token) {
          if counts { $0.failures += 1 } else { $0.attempts -= 1 }
          $0.state = counts && $0.failures >= most ? .failed : .retry
        }
        let got = try world.ledger.fail(
          id, token: token, status: 1, error: "e", counts: counts, pauseSeconds: 6000, mostAttempts: most)
        return (got, expected)
      case 10:
        let expected = model.end(id, token) {
          $0.state = .waiting
          $0.attempts -= 1
        }
        return (try world.ledger.release(id, token: token), expected)
      default:
        return (try world.ledger.renew(id, token: token, leaseSeconds: 6000), model.holds(id, token))
      }
    }

    /// Time passes for one slice.
    private mutating func passTime() throws {
      let which = ids.randomElement(using: &random)!
      if [.leased, .retry].contains(model.entries[which]!.state) { model.entries[which]!.isDue = true }
      try world.ledger.database.execute(
        """
        UPDATE slices SET lease_until = CASE WHEN state = 'leased' THEN 1 ELSE lease_until END,
          next_attempt = CASE WHEN state = 'retry' THEN 1 ELSE next_attempt END WHERE id = $1
        """, [.int(which)])
    }

    private mutating func reset() throws {
      let which = ids.randomElement(using: &random)!
      var selection = SliceSelection()
      selection.ids = [which]
      #expect(try world.ledger.reset(world.pair, selection) == 1)
      let old = model.entries[which]!
      model.entries[which] = .init(rank: old.rank, newest: old.newest)
    }

    private func compare(_ place: String) throws {
      var difference = ""
      try world.ledger.forEach(world.pair, SliceSelection()) { slice in
        let entry = model.entries[slice.id]!
        let isSame =
          slice.state == entry.state && slice.attempts == entry.attempts && slice.failures == entry.failures
          && slice.token == entry.token
        if !isSame { difference = "slice \(slice.id): \(slice.state) \(slice.attempts), not \(entry)" }
      }
      try #require(difference.isEmpty, "\(place): \(difference)")
    }

    func checkTotals() throws {
      let open = try world.ledger.open(world.pair)
      func count(_ state: Slice.State) -> Int { model.entries.values.count { $0.state == state } }
      #expect([open.waiting, open.leased, open.retry] == [count(.waiting), count(.leased), count(.retry)])
    }
  }
}
