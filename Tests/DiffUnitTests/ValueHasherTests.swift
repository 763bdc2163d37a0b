import D2Hash
import Testing

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
