import D2Common
import Testing

@testable import d2_push

@Suite("Batch and ValueRewriter")
struct BatchTests {
  static func rewritten(_ text: String) -> String {
    var body: [UInt8] = []
    ValueRewriter.append(ArraySlice(Array(text.utf8)), to: &body, DataValueLine.Scratch())
    return String(decoding: body, as: UTF8.self)
  }

  @Test(
    "numbers and booleans are quoted, followup is repeated, all else stays",
    arguments: [
      (#"{"dataElement":"a","value":12}"#, #"{"dataElement":"a","value":"12"}"#),
      (#"{"value": true , "period":202401}"#, #"{"value": "true" , "period":"202401"}"#),
      (#"{"value":"1","followup":false}"#, #"{"value":"1","followup":false,"followUp":false}"#),
      (#"{"followup":true , "value":-1.50 } "#, #"{"followup":true , "value":"-1.50" ,"followUp":true} "#),
      (#"{"followup":true,"followUp":false}"#, #"{"followup":true,"followUp":false}"#),
      (#"{"value":null}"#, #"{"value":null}"#),
      (#"{"followup":"true","comment":1}"#, #"{"followup":"true","comment":"1"}"#),
      (#"{"categoryOptionCombo":"","value":1}"#, #"{"categoryOptionCombo":null,"value":"1"}"#),
      (#"{"x":{"value":1},"value":{}}"#, #"{"x":{"value":1},"value":{}}"#),
      (#"{"followup":null}"#, #"{"followup":null}"#),
    ])
  func rewriting(text: String, expected: String) throws {
    #expect(Self.rewritten(text) == expected)
    #expect(try withLine(text) { ValueRewriter.isNeeded($0) } == (text != expected))
  }

  @Test("a rewritten value is the same object but for quotes and followUp, and needs no rewriting again")
  func property() throws {
    let quoted: Set<String> = [
      "dataElement", "period", "orgUnit", "categoryOptionCombo", "attributeOptionCombo", "value",
      "comment",
    ]
    let combos: Set<String> = ["categoryOptionCombo", "attributeOptionCombo"]
    var needed = 0
    for seed in 0..<3000 as Range<UInt64> {
      var values = RandomValue(seed: seed)
      let text = values.object()
      let out = Self.rewritten(text)
      var expected = try #require(try JSONValue(parsing: text).members)
      for place in expected.indices where quoted.contains(expected[place].key) {
        switch expected[place].value {
        case .number, .bool: expected[place].value = .string(expected[place].value.scalarText!)
        case .string("") where combos.contains(expected[place].key): expected[place].value = .null
        default: break
        }
      }
      let followup = expected.first { $0.key == "followup" }?.value
      if followup?.bool != nil, followup?.string == nil, !expected.contains(where: { $0.key == "followUp" }) {
        expected.append(.init("followUp", followup!))
      }
      let same = try JSONValue(parsing: out).members == expected
      #expect(same, "seed \(seed): \(text) became \(out)")
      let isKept = Self.isKept(text, in: out) || combos.contains { expected.contains(.init($0, .null)) }
      #expect(isKept, "seed \(seed): \(text) became \(out)")
      #expect(try !withLine(out) { ValueRewriter.isNeeded($0) }, "seed \(seed): \(out)")
      let isNeeded = try withLine(text) { ValueRewriter.isNeeded($0) }
      #expect(isNeeded == (out != text), "seed \(seed)")
      needed += isNeeded ? 1 : 0
    }
    #expect(needed > 500 && needed < 2900)
  }

  /// Whether all bytes of a text stand in another, in their order.
  static func isKept(_ text: String, in other: String) -> Bool {
    var rest = Array(text.utf8)[...]
    for byte in other.utf8 where byte == rest.first { rest.removeFirst() }
    return rest.isEmpty
  }

  static let header = Array(#"{"dataValues":["#.utf8)

  static func batch(_ texts: [String], header: [UInt8] = header) throws -> Batch {
    let open = OpenBatch(number: 1, dataSet: nil, isDoubtful: false, header: header, capacity: 10)
    for (number, text) in texts.enumerated() {
      let needsRewriting = try withLine(text) { ValueRewriter.isNeeded($0) }
      let isAdded = Array(text.utf8).withUnsafeBytes {
        open.add($0, line: number + 1, key: UInt64(number + 1), needsRewriting: needsRewriting)
      }
      #expect(isAdded)
    }
    return open.sealed()
  }

  @Test("a body of any part is the header, the values joined by commas, and the end")
  func bodies() throws {
    let other = Array(#"{"dataSet":"S","dataValues":["#.utf8)
    for seed in 0..<300 as Range<UInt64> {
      var values = RandomValue(seed: seed)
      let texts = (0..<Int.random(in: 1...8, using: &values.random)).map { _ in values.object() }
      let batch = try Self.batch(texts)
      let indices = Array(texts.indices)
      for part in [indices, indices.filter { _ in Bool.random(using: &values.random) }] {
        for header in [Self.header, other] {
          for rewrites in [false, true] {
            let body = batch.body(of: part, header: header, rewrite: rewrites)
            let joined = part.map { rewrites ? Self.rewritten(texts[$0]) : texts[$0] }.joined(separator: ",")
            let same = body == header + Array((joined + "]}").utf8)
            #expect(same, "seed \(seed), part \(part), rewrite \(rewrites)")
          }
        }
      }
      #expect(batch.values.map { String(decoding: batch.bytes(of: $0), as: UTF8.self) } == texts)
      #expect(batch.values.map(\.line) == Array(1...texts.count))
    }
  }

  @Test("a key is taken once")
  func keys() {
    let open = OpenBatch(number: 1, dataSet: "S", isDoubtful: true, header: Self.header, capacity: 10)
    let added = [7, 8, 7].map { key in
      Array("{}".utf8).withUnsafeBytes { open.add($0, line: 1, key: key, needsRewriting: false) }
    }
    #expect(added == [true, true, false])
    #expect(open.contains(8) && !open.contains(9) && open.count == 2)
    let batch = open.sealed()
    #expect(String(decoding: batch.text, as: UTF8.self) == #"{"dataValues":[{},{}]}"#)
    #expect(batch.dataSet == "S" && batch.isDoubtful && batch.bytes == open.bytes)
  }
}
