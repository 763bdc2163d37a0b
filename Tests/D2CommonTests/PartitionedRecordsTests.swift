import D2Common
import TestSupport
import Testing

@Suite("PartitionedRecords")
struct PartitionedRecordsTests {
  @Test("what is put in comes out, in its order, from memory and from the file", arguments: [0, 1000, 1 << 30])
  func property(memoryBytes: Int) throws {
    var random = SeededGenerator(seed: 5)
    let records = PartitionedRecords<Int>(
      partitions: 7, memoryBytes: memoryBytes, bufferBytes: 7 * 8 * 20, environment: [:])
    var slow: [[Int]] = Array(repeating: [], count: 7)
    for number in 0..<5000 {
      let partition = Int.random(in: 0..<6, using: &random)
      try records.append(number, to: partition)
      slow[partition].append(number)
    }
    #expect(records.count == 5000)
    for partition in 0..<7 {
      var found: [Int] = []
      try records.forEach(in: partition) { found.append($0) }
      let isSame = found == slow[partition]
      #expect(isSame && records.count(partition) == slow[partition].count, "partition \(partition)")
    }
  }

  @Test("a folder where nothing can be written is an error")
  func noFolder() throws {
    let records = PartitionedRecords<Int>(
      partitions: 1, memoryBytes: 0, bufferBytes: 0, environment: ["TMPDIR": "/nowhere/at/all"])
    #expect {
      for number in 0..<100 { try records.append(number, to: 0) }
    } throws: { error in
      (error as? CommandFailure)?.exitStatus == .cannotWrite
    }
  }
}
