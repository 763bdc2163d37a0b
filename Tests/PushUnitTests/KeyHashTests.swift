import Testing

@testable import d2_push

@Suite("KeyHash")
struct KeyHashTests {
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
