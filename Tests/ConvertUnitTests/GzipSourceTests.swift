import D2Common
import TestSupport
import Testing

@testable import D2Convert

@Suite("GzipSource")
struct GzipSourceTests {
  private static let line = Array("dataelement,period,orgunit,value\nf7n9E0hX8qk,202401,DiszpKrYNg8,1\n".utf8)

  /// Text that deflates to something that is not short.
  static func text(_ seed: UInt64, _ count: Int) -> [UInt8] {
    var random = SeededGenerator(seed: seed)
    return (0..<count).map { _ in UInt8(ascii: "0") + UInt8.random(in: 0...9, using: &random) }
  }

  @Test(
    "inflates members that follow each other, whatever the pieces in which they come", arguments: 0..<8 as Range<UInt64>
  )
  func members(seed: UInt64) throws {
    let texts = [Self.line, [], Self.text(seed, 700_000 >> Int(seed)), Self.line]
    let padding = [UInt8](repeating: 0, count: Int(seed) * 100)
    let packed = texts.flatMap { gzip($0, level: Int32(seed)) } + padding
    for most in [Int.max, 1000, 7] where most > 7 || seed > 3 {
      let found = try GzipSource(BytesSource(packed, most: most)).all(room: seed == 0 ? 4096 : 1 << 16)
      #expect(firstDifference(found, from: texts.joined()) == nil, "in pieces of \(most)")
    }
  }

  @Test("a file that is cut off anywhere ends early")
  func cut() {
    let packed = gzip(Self.line)
    for length in 0..<packed.count {
      let problem = length == 0 ? "the file is empty" : "the file is cut off"
      #expect(
        failure { _ = try GzipSource(BytesSource(Array(packed[..<length]), name: "export.csv.gz")).all() }
          == "65 export.csv.gz: the gzip data ends early: \(problem)", "cut at \(length)")
    }
  }

  @Test("a byte that is wrong is found, wherever it is")
  func damaged() {
    let packed = gzip(Self.line)
    // Four bytes of time, the flags of compression and the system do not matter.
    for place in packed.indices where !(4..<10).contains(place) {
      var damaged = packed
      damaged[place] ^= 0x11
      let message = failure { _ = try GzipSource(BytesSource(damaged)).all() }
      #expect(message.hasPrefix("65 test: the gzip data "), "byte \(place): \(message)")
    }
  }

  @Test("nothing but members and zeros may follow")
  func garbage() {
    for rest in ["x", "\0x", "\n"] {
      #expect(
        failure { _ = try GzipSource(BytesSource(gzip(Self.line) + rest.utf8)).all() }
          == "65 test: something else follows the gzip data", "behind it \(rest)")
    }
  }
}
