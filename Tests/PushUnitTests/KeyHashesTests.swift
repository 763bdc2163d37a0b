import TestSupport
import Testing

@testable import d2_push

@Suite("KeyHashes")
struct KeyHashesTests {
  private static func entered(_ hashes: [UInt64], into keys: inout KeyHashes) -> [Bool] {
    var answers: [Bool] = []
    keys.entering(atMost: hashes.count) { isNew in answers = hashes.map(isNew) }
    return answers
  }

  @Test("knows which hashes are in, as a set does", arguments: [UInt64(10), 100_000, .max])
  func agreesWithSet(most: UInt64) {
    var random = SeededGenerator(seed: most)
    var keys = KeyHashes(capacity: 100)
    var reference: Set<UInt64> = []
    for round in 0..<200 {
      let count = Int.random(in: 0...200, using: &random)
      let hashes = (0..<count).map { _ in UInt64.random(in: 1...most, using: &random) }
      #expect(Self.entered(hashes, into: &keys) == hashes.map { reference.insert($0).inserted }, "round \(round)")
    }
    let sought = (0..<10_000).map { _ in UInt64.random(in: 1...most, using: &random) }
    #expect(sought.map(keys.contains) == sought.map(reference.contains))
  }

  @Test("hashes that all want one slot are told apart, and 0 is one")
  func collisions() {
    var keys = KeyHashes(capacity: 10)
    let hashes = [0] + (1...3000 as ClosedRange<UInt64>).map { $0 << 40 }
    #expect(Self.entered(hashes, into: &keys).allSatisfy { $0 })
    #expect(Self.entered(hashes, into: &keys).allSatisfy { !$0 })
    #expect(keys.contains(0) && !keys.contains(3001 << 40))
  }

  @Test("finds a hash that two have, in either order")
  func intersects() {
    var large = KeyHashes(capacity: 0)
    _ = Self.entered(Array(1000..<20_000), into: &large)
    var small = KeyHashes(capacity: 100)
    #expect([small.intersects(large), large.intersects(small)] == [false, false])
    _ = Self.entered([5], into: &small)
    #expect([small.intersects(large), large.intersects(small)] == [false, false])
    _ = Self.entered([19_999], into: &small)
    #expect([small.intersects(large), large.intersects(small)] == [true, true])
  }
}
