import D2Common
import CZlib

/// The two forms of a personal access token, each with its own checksum.
enum TokenForm {
  private static let digits62 = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")

  static func make(_ version: ServerVersion, random: inout Random) -> String {
    if version.issuesShortTokenPrefix {
      let secret = random.alphanumerics(44)
      return "d2p_" + secret + base62(sum(secret))
    }
    let secret = random.alphanumerics(32)
    return "d2pat_" + secret + Day.padded(Int(sum(secret)), 10)
  }

  /// Whether 2.42 and later look the token up. They refuse every unknown token of the old form, whatever its checksum.
  static func sumIsRight(_ token: String) -> Bool {
    if token.hasPrefix("d2p_"), token.count == 54 {
      let secret = String(token.dropFirst(4).dropLast(6))
      return String(token.suffix(6)) == base62(sum(secret))
    }
    return false
  }

  private static func sum(_ text: String) -> UInt32 {
    let bytes = Array(text.utf8)
    return UInt32(crc32(0, bytes, UInt32(bytes.count)))
  }

  private static func base62(_ number: UInt32) -> String {
    var rest = number
    var text = ""
    for _ in 0..<6 {
      text = String(digits62[Int(rest % 62)]) + text
      rest /= 62
    }
    return text
  }
}

/// A small generator (SplitMix64) that depends only on its seed.
struct Random: RandomNumberGenerator, Sendable {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  private static let letters = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)
  private static let all = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789".utf8)

  mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }

  mutating func pick(_ alphabet: [UInt8], _ count: Int) -> String {
    String(decoding: (0..<count).map { _ in alphabet[below(alphabet.count)] }, as: UTF8.self)
  }

  mutating func uid() -> String { pick(Random.letters, 1) + pick(Random.all, 10) }
  mutating func alphanumerics(_ count: Int) -> String { pick(Random.all, count) }
  mutating func letters(_ count: Int) -> String { pick(Array(Random.letters.prefix(26)), count) }
  mutating func hex(_ count: Int) -> String { pick(Array("0123456789ABCDEF".utf8), count) }
}
