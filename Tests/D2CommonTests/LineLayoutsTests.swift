import TestSupport
import Testing
import WaitingTests

@testable import D2Common

/// Lines of one layout: the same members, each with other texts.
private struct LayoutOfLines {
  private let members: [(begin: String, isText: Bool)]
  private let end: String

  init(_ json: inout RandomJSON, spaced: Bool) {
    func space() -> String { spaced ? ["", "", " ", "\t", "  "].randomElement(using: &json.random)! : "" }
    let keys = DataValueLine.Key.allCases.map(\.name) + ["k", "p\\u0065riod", "é"]
    let count = Int.random(in: 0...9, using: &json.random)
    members = (0..<count).map { number in
      let key = keys.randomElement(using: &json.random)!
      let isText = Int.random(in: 0...4, using: &json.random) > 0
      let flag = isText ? "" : ["true", "false", "null"].randomElement(using: &json.random)!
      return ((number == 0 ? "" : "," + space()) + "\"\(key)\"" + space() + ":" + space() + flag, isText)
    }
    end = space() + "}" + space()
  }

  /// One of them; now and then a member is left out.
  func line(_ json: inout RandomJSON, leavesOut: Bool) -> String {
    var text = "{"
    for (place, member) in members.enumerated() {
      if leavesOut, place > 0, Int.random(in: 0...5, using: &json.random) == 0 { continue }
      text += member.begin
      if member.isText { text += "\"\(self.text(&json))\"" }
    }
    return text + end
  }

  private func text(_ json: inout RandomJSON) -> String {
    switch Int.random(in: 0...3, using: &json.random) {
    case 0: json.string(4)
    case 1: ""
    case 2: String(repeating: "x", count: Int.random(in: 0...130, using: &json.random))
    default: "AbCdEfGhIj1"
    }
  }
}

@Suite("LineLayouts", .waiting, .serialized)
struct LineLayoutsTests {
  /// A reader's data about a line, apart from the fields.
  private static func facts(_ text: [UInt8], _ scratch: DataValueLine.Scratch) -> [UInt32]? {
    withPadding(text) { bytes in
      (try? DataValueLine(bytes, scratch)).map { line in
        let keys = line.keys
        let kinds = [keys.present, keys.filled, keys.flags, keys.nested, keys.repeated].map(\.bits)
        return kinds + [line.isPlain ? 1 : 0, line.isASCII ? 1 : 0]
      }
    }
  }

  private static func isFollowed(_ text: [UInt8], _ scratch: DataValueLine.Scratch) -> Bool {
    var fields = [DataValueLine.Field](repeating: .init(), count: DataValueLine.Key.allCases.count + 1)
    return withPadding(text) { padded in
      let start = padded.bytes.baseAddress!.assumingMemoryBound(to: UInt8.self)
      return fields.withUnsafeMutableBufferPointer {
        scratch.layouts.follow(start, text.count, $0.baseAddress!) != nil
      }
    }
  }

  @Test(
    "lines like those before are read as the slow reader reads them, whole and damaged, on every path",
    arguments: JSONPath.all)
  func agreesWithSlowReader(path: String) {
    JSONPath.using(path) {
      var followed = 0
      var damaged = 0
      for seed in 0..<300 as Range<UInt64> {
        var json = RandomJSON(seed: seed)
        let layout = LayoutOfLines(&json, spaced: seed % 2 == 0)
        let scratch = DataValueLine.Scratch()
        for number in 0..<20 {
          var text = Array(layout.line(&json, leavesOut: seed % 3 == 0).utf8)
          if number % 3 == 2 { text = json.damage(text) }
          if Self.isFollowed(text, scratch) { followed += 1 }
          let comparison = LineComparison(text, scratch)
          damaged += comparison.isAccepted ? 0 : 1
          let shown = String(decoding: text, as: UTF8.self).debugDescription
          #expect(comparison.difference == nil, "seed \(seed), line \(number): \(shown)")
          let facts = Self.facts(text, DataValueLine.Scratch())
          #expect(Self.facts(text, scratch) == facts, "seed \(seed), line \(number): \(shown)")
          let isASCII: UInt32 = text.allSatisfy { $0 < 0x80 } ? 1 : 0
          #expect(facts.map { $0.last == isASCII } ?? true, "seed \(seed), line \(number): \(shown)")
        }
      }
      #expect(followed > 1000, "\(followed)")
      #expect(damaged > 500, "\(damaged)")
    }
  }

  @Test("a line cut anywhere is refused, whatever stands behind it", arguments: JSONPath.all)
  func cutEverywhere(path: String) {
    JSONPath.using(path) {
      let scratch = DataValueLine.Scratch()
      let text = Array(
        (#"{"dataElement":"a","period":"","comment":"é\u00e9\"","k":""# + String(repeating: "y", count: 70)
          + #"","followup":false}"#).utf8)
      #expect(LineComparison(text, scratch).isAccepted)
      #expect(Self.isFollowed(text, scratch))
      for cut in 0..<text.count {
        text.withUnsafeBytes { whole in
          let padded = Array(whole) + [UInt8](repeating: 0, count: PaddedLine.paddingBytes)
          padded.withUnsafeBytes { bytes in
            #expect((try? DataValueLine(PaddedLine(0..<cut, of: bytes), scratch)) == nil, "cut at \(cut)")
          }
        }
      }
    }
  }

  @Test("the first of several lines is read up to its line end, if its layout is known", arguments: JSONPath.all)
  func leading(path: String) {
    JSONPath.using(path) {
      var found = 0
      for seed in 0..<300 as Range<UInt64> {
        var json = RandomJSON(seed: seed)
        let layout = LayoutOfLines(&json, spaced: seed % 2 == 0)
        let scratch = DataValueLine.Scratch()
        for number in 0..<10 {
          var text = Array(layout.line(&json, leavesOut: false).utf8)
          if number % 4 == 3 { text = json.damage(text) }
          let first = Array(text.prefix { $0 != UInt8(ascii: "\n") })
          let ending = ["", "\n", "\r\n", "\n{\"a\":\"b\"}", "\r\n\r\n", "\r", "x"].randomElement(using: &json.random)!
          let facts = Self.facts(first, scratch)
          let isFollowed = Self.isFollowed(first, scratch)
          let length = withPadding(text + Array(ending.utf8)) { DataValueLine(leading: $0, scratch)?.length }
          let shown = String(decoding: text + Array(ending.utf8), as: UTF8.self).debugDescription
          guard let length else {
            let isClear = first.count == text.count && !["\r", "x"].contains(ending)
            #expect(!isClear || !isFollowed, "seed \(seed), line \(number): \(shown)")
            continue
          }
          found += 1
          #expect(facts != nil, "seed \(seed), line \(number): \(shown)")
          let whole = first.last == UInt8(ascii: "\r") ? first.count - 1 : first.count
          #expect(length == whole, "seed \(seed), line \(number): \(shown)")
        }
      }
      #expect(found > 1000, "\(found)")
    }
  }

  @Test("a layout that is not finished, for want of room, reads no line")
  func room() {
    let scratch = DataValueLine.Scratch()
    // Each takes a literal more, until there is no room for the last ones.
    for number in 0..<400 {
      let members = (0...number % 40).map { "\"k\($0 * (number / 40 + 1))\":\"\"," }.joined()
      let text = Array((#"{"a":"x","# + members + #""b":"x"}"#).utf8)
      for cut in [0, 1, 2, 3] {
        let comparison = LineComparison(Array(text.dropLast(cut)), scratch)
        #expect(comparison.difference == nil, "line \(number), without \(cut)")
      }
    }
  }

  @Test("fields of a line in another layout are not left over")
  func leftOver() throws {
    let scratch = DataValueLine.Scratch()
    let lines = [
      #"{"dataElement":"a","comment":"c","deleted":true}"#, #"{"dataElement":"a","period":"p"}"#, #"{"orgUnit":1}"#,
    ]
    for text in lines + lines + lines.reversed() + ["{", "{}"] + lines {
      #expect(LineComparison(Array(text.utf8), scratch).difference == nil, "\(text)")
    }
  }
}
