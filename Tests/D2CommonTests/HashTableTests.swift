import D2Common
import TestSupport
import Testing

@Suite("HashTable")
struct HashTableTests {
  @Test("numbers hashes in the order in which they come, as a dictionary does", arguments: [UInt64(10), 100_000, .max])
  func agreesWithDictionary(most: UInt64) {
    var table = HashTable()
    var reference: [UInt64: Int] = [:]
    var random = SeededGenerator(seed: most)
    for _ in 0..<30_000 {
      let hash = UInt64.random(in: 0...most, using: &random)
      let number = reference[hash] ?? reference.count
      let isNew = reference.updateValue(number, forKey: hash) == nil
      let entered = table.enter(hash)
      guard entered == (number, isNew) else {
        Issue.record("\(hash) got \(entered), not \((number, isNew))")
        return
      }
    }
    #expect(table.count == reference.count)
    let sought = (0..<10_000).map { _ in UInt64.random(in: 0...most, using: &random) }
    #expect(sought.map { table.number($0) } == sought.map { reference[$0] })
  }

  @Test("hashes that all want one slot are told apart")
  func collisions() {
    var table = HashTable()
    let hashes = (1...3000 as ClosedRange<UInt64>).map { $0 << 40 }
    #expect(hashes.map { table.enter($0).isNew } == hashes.map { _ in true })
    #expect(hashes.map { table.enter($0).number } == Array(0..<3000))
    #expect(table.number(3001 << 40) == nil)
  }

  @Test("keys that share a hash are told apart by whoever has them")
  func sharedHashes() {
    var random = SeededGenerator(seed: 11)
    var table = HashTable()
    var keys: [UInt64] = []
    var counts: [Int] = []
    var reference: [UInt64: Int] = [:]
    for _ in 0..<20_000 {
      let key = UInt64.random(in: 0..<4000, using: &random)
      let (number, isNew) = table.enter(key % 40) { keys[$0] == key }
      if isNew {
        keys.append(key)
        counts.append(0)
      }
      counts[number] += 1
      reference[key, default: 0] += 1
    }
    #expect(Dictionary(uniqueKeysWithValues: zip(keys, counts)) == reference)
  }
}
