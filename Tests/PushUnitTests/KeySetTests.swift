import TestSupport
import Testing

@testable import d2_push

@Suite("KeySet and KeyHash")
struct KeySetTests {
  @Test(
    "says of each hash whether it was there, as a set does, while it grows", arguments: [UInt64(10), 100_000, .max])
  func agreesWithSet(most: UInt64) {
    let keys = KeySet()
    var reference: Set<UInt64> = []
    var random = SeededGenerator(seed: most)
    var differences = 0
    for _ in 0..<30_000 {
      // 0 is a hash as any other, but the mark of a free place: it stands for 1.
      let hash = UInt64.random(in: 0...most, using: &random)
      let isNew = reference.insert(max(hash, 1)).inserted
      if keys.insert(hash) != isNew || !keys.contains(hash) { differences += 1 }
    }
    #expect(differences == 0)
    #expect(keys.count == reference.count)
    let misses = (0..<10_000).map { _ in UInt64.random(in: 0...most, using: &random) }
    #expect(misses.allSatisfy { keys.contains($0) == reference.contains(max($0, 1)) })
  }

  @Test("hashes that all fall on one place are told apart")
  func collisions() {
    let keys = KeySet()
    let hashes = (1...3000 as ClosedRange<UInt64>).map { $0 << 40 }
    #expect(hashes.allSatisfy { keys.insert($0) })
    #expect(hashes.allSatisfy { keys.contains($0) && !keys.insert($0) })
    #expect(!keys.contains(3001 << 40))
  }

  @Test("finds a key that two sets hold, in either order")
  func intersects() {
    let large = KeySet()
    for hash in 1000..<20_000 as Range<UInt64> { _ = large.insert(hash) }
    let small = KeySet()
    #expect(!small.intersects(large) && !large.intersects(small))
    _ = small.insert(5)
    #expect(!small.intersects(large) && !large.intersects(small))
    _ = small.insert(19_999)
    #expect(small.intersects(large) && large.intersects(small))
  }

  static func hash(_ fields: [String]) -> UInt64 {
    var hash = KeyHash()
    for field in fields { Array(field.utf8).withUnsafeBytes { hash.add($0) } }
    return hash.value
  }

  @Test("equal fields have equal hashes; other lengths, orders and borders have others")
  func hashes() {
    let keys = [
      [], [""], ["", ""], ["a"], ["a", ""], ["", "a"], ["ab", "c"], ["a", "bc"], ["abc"], ["abcdefgh"],
      ["abcdefgh", ""],
      ["abcdefg", "h"], ["abcd", "efgh"], ["abcdefghi"], ["abcdefgh", "i"], ["ihgfedcba"], ["202401", "202402"],
      ["202402", "202401"],
    ]
    #expect(Set(keys.map(Self.hash)).count == keys.count)
    #expect(keys.allSatisfy { Self.hash($0) == Self.hash($0) })
  }

  @Test("keys of a country's year, alike as they are, share no hash and spread over the places")
  func spread() {
    var hashes: Set<UInt64> = []
    var places: Set<UInt64> = []
    var count = 0
    for unit in 0..<60 {
      for element in 0..<40 {
        for month in 1...12 {
          let period = "2024" + (month < 10 ? "0" : "") + "\(month)"
          let hash = Self.hash(["DataElem\(element)", period, "OrgUnit\(unit)", "HllvX50cXC0", "HllvX50cXC0"])
          hashes.insert(hash)
          places.insert(hash & 0xFFFF)
          count += 1
        }
      }
    }
    #expect(hashes.count == count)
    // 28,800 balls in 65,536 boxes leave about 23,300 boxes in use.
    #expect(places.count > 22_500)
  }
}
