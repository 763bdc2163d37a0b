import TestSupport
import Testing

@testable import d2_diff

@Suite("KeyTable")
struct KeyTableTests {
  @Test("knows each key once, however many there are and however they collide")
  func property() {
    var random = SeededGenerator(seed: 11)
    var table = KeyTable<Int>(capacity: 0)
    var slow: [ValueHash: Int] = [:]
    for _ in 0..<20_000 {
      // Few low halves: many keys want the same slot.
      let key = ValueHash(
        high: UInt64.random(in: 0..<100, using: &random), low: UInt64.random(in: 0..<40, using: &random))
      let place = table.place(of: key) { 0 }
      table.values[place] += 1
      slow[key, default: 0] += 1
    }
    #expect(table.values.count == slow.count)
    let same = slow.allSatisfy { key, count in table.values[table.place(of: key) { -1 }] == count }
    #expect(same)
  }
}

@Suite("ValueHasher")
struct ValueHasherTests {
  @Test("is SipHash-2-4 of 128 bits: a vector of its authors")
  func vector() {
    // vectors.h of the reference implementation: the key 00 … 0f, the text 00 … 0e.
    let hasher = ValueHasher(ValueHasher.Key(bytes: Array(0..<16)))
    let hash = hasher.hash(Array(0..<15))
    let bytes = withUnsafeBytes(of: hash) { Array($0) }
    #expect(bytes == [0x54, 0x93, 0xE9, 0x99, 0x33, 0xB0, 0xA8, 0x11, 0x7E, 0x08, 0xEC, 0x0F, 0x97, 0xCF, 0xC3, 0xD9])
  }

  @Test("parts do not run into each other, and each run has its own key")
  func parts() {
    let key = ValueHasher.Key()
    func hash(_ parts: [String], _ key: ValueHasher.Key) -> ValueHash {
      var hasher = ValueHasher(key)
      for part in parts { hasher.add(part.utf8) }
      return hasher.finish()
    }
    #expect(hash(["ab", "c"], key) != hash(["a", "bc"], key))
    #expect(hash(["ab", "", "c"], key) != hash(["ab", "c", ""], key))
    #expect(hash(["ab", "c"], key) == hash(["ab", "c"], key))
    #expect(hash(["ab", "c"], key) != hash(["ab", "c"], ValueHasher.Key()))
  }
}
