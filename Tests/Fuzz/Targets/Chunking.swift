import TestSupport

/// Divides an input into chunks. The input itself is the seed of random chunks, so that a failure can be reproduced.
enum Chunking: CaseIterable {
  case whole, singleBytes, random

  func chunks(_ input: [UInt8]) -> [[UInt8]] {
    switch self {
    case .whole: return input.isEmpty ? [] : [input]
    case .singleBytes: return input.map { [$0] }
    case .random:
      var random = SeededGenerator(input)
      var chunks: [[UInt8]] = []
      var rest = input[...]
      let longest = Int.random(in: 1...max(2, input.count), using: &random)
      while !rest.isEmpty {
        chunks.append(Array(rest.prefix(Int.random(in: 1...longest, using: &random))))
        rest = rest.dropFirst(chunks.last!.count)
      }
      return chunks
    }
  }
}

extension SeededGenerator {
  /// A generator that depends only on an input.
  init(_ input: [UInt8]) {
    self.init(seed: input.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 })
  }
}
