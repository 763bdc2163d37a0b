import TestSupport
import Testing

@testable import D2Common
@testable import D2Client

/// Decodes a body given in chunks of the sizes that `nextSize` draws.
func decode(_ body: [UInt8], nextSize: () -> Int) -> (output: [UInt8], problem: GzipProblem?) {
  var decoder = BodyDecoder()
  var output: [UInt8] = []
  var rest = body[...]
  do {
    while !rest.isEmpty {
      var chunk = Array(rest.prefix(max(1, nextSize())))
      rest = rest.dropFirst(chunk.count)
      try chunk.withUnsafeMutableBytes { try decoder.consume($0) { output += $0 } }
    }
    try decoder.finish { output += $0 }
    return (output, nil)
  } catch {
    return (output, error as? GzipProblem)
  }
}

@Suite("BodyDecoder")
struct BodyDecoderTests {
  static func text(_ elements: Int, seed: UInt64 = 1) -> [UInt8] {
    var json = RandomJSON(seed: seed)
    return Array(json.document(spaced: false, elements: elements).utf8)
  }

  @Test("inflates gzip in chunks of any size", arguments: [1, 2, 3, 17, 4096, 1 << 20], [Int32(0), 1, 6, 9])
  func inflates(chunk: Int, level: Int32) {
    for elements in [0, 1, 60] {
      let text = Self.text(elements)
      let (output, problem) = decode(gzip(text, level: level)) { chunk }
      #expect(problem == nil)
      let same = output == text
      #expect(same, "\(elements) elements")
    }
  }

  @Test("inflates what is many times larger than its window")
  func large() {
    let text = [UInt8](repeating: UInt8(ascii: "x"), count: 5_000_000)
    let (output, problem) = decode(gzip(text)) { 1000 }
    #expect(problem == nil && output.count == text.count)
  }

  @Test(
    "hands on what is not gzip as it is", arguments: [1, 2, 1000],
    [
      [], [0x7B], [0x1F], [0x1F, 0x7B, 0x22], [0x8B, 0x1F], Array(#"{"dataValues":[]}"#.utf8), [0x00, 0x1F, 0x8B],
    ] as [[UInt8]])
  func plain(chunk: Int, body: [UInt8]) {
    let (output, problem) = decode(body) { chunk }
    #expect(problem == nil)
    #expect(output == body)
  }

  @Test("members behind each other are one body; zeros behind the last are padding", arguments: [1, 7, 100_000])
  func concatenated(chunk: Int) {
    let parts = [Self.text(3), [], Self.text(9, seed: 4)]
    let body = parts.flatMap { gzip($0) }
    for padding in [0, 1, 700] {
      let (output, problem) = decode(body + [UInt8](repeating: 0, count: padding)) { chunk }
      #expect(problem == nil)
      #expect(firstDifference(output, from: parts.flatMap { $0 }) == nil, "padding \(padding)")
    }
  }

  @Test("two layers are both taken off, in chunks of any size", arguments: [1, 2, 5, 64, 100_000], [Int32(0), 6])
  func twoLayers(chunk: Int, level: Int32) {
    let text = Self.text(20)
    let (output, problem) = decode(gzip(gzip(text, level: level), level: level)) { chunk }
    #expect(problem == nil)
    #expect(firstDifference(output, from: text) == nil)
  }

  @Test("a first mark of gzip inside a layer that no second follows is text", arguments: [1, 100])
  func halfMark(chunk: Int) {
    for inner in [[0x1F], [0x1F, 0x00], [0x1F, 0x8C, 0x8B]] as [[UInt8]] {
      let (output, problem) = decode(gzip(inner, level: 0)) { chunk }
      #expect(problem == nil)
      #expect(output == inner)
    }
  }

  @Test("cut at any byte is never whole, and what comes out is the beginning of the text", arguments: [1, 50])
  func truncated(chunk: Int) {
    let text = Self.text(5)
    for body in [gzip(text), gzip(gzip(text))] {
      for cut in 2..<body.count {
        let (output, problem) = decode(Array(body[..<cut])) { chunk }
        #expect(problem == .endsEarly, "cut at \(cut) of \(body.count)")
        let isBeginning = text.starts(with: output)
        #expect(isBeginning, "cut at \(cut)")
      }
    }
  }

  @Test("damage at any byte is found, or changes nothing")
  func corrupted() {
    let text = Self.text(5)
    let body = gzip(text)
    for position in 2..<body.count {
      for bit in 0..<8 {
        var damaged = body
        damaged[position] ^= 1 << UInt8(bit)
        let (output, problem) = decode(damaged) { 64 }
        let isUnharmed = problem == nil && output == text
        // Time, level and system in the header may be anything, and the bits after the last code.
        let isFree = position < 10 || position == body.count - 9
        #expect(problem != nil || (isUnharmed && isFree), "bit \(bit) of byte \(position)")
      }
    }
  }

  @Test("text behind a member is damage, behind padding too, however it is cut", arguments: [1, 10, 100_000])
  func trailing(chunk: Int) {
    for tail in [Array("{}".utf8), [0, 0x7B], [0, 0] + gzip(Self.text(1))] as [[UInt8]] {
      #expect(decode(gzip(Self.text(1)) + tail) { chunk }.problem == .corrupt)
      #expect(decode(gzip(gzip(Self.text(1)) + tail)) { chunk }.problem == .corrupt)
    }
  }
}
