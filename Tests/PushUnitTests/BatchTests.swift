import D2Client
import D2Common
import TestSupport
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
    "numbers and booleans are quoted, flags are booleans, followup is repeated, all is ASCII, all else stays",
    arguments: [
      (#"{"dataElement":"a","value":12}"#, #"{"dataElement":"a","value":"12"}"#),
      (#"{"value": true , "period":202401}"#, #"{"value": "true" , "period":"202401"}"#),
      (#"{"value":"1","followup":false}"#, #"{"value":"1","followup":false,"followUp":false}"#),
      (#"{"followup":true , "value":-1.50 } "#, #"{"followup":true , "value":"-1.50" ,"followUp":true} "#),
      (#"{"followup":true,"followUp":false}"#, #"{"followup":true,"followUp":false}"#),
      (#"{"value":null}"#, #"{"value":null}"#),
      (#"{"followup":"true","comment":1}"#, #"{"followup":true,"comment":"1","followUp":true}"#),
      (#"{"deleted":"true", "followUp":"false"}"#, #"{"deleted":true, "followUp":false}"#),
      (#"{"followup":"","deleted":"","followUp":""}"#, #"{"followup":null,"deleted":null,"followUp":null}"#),
      (#"{"followup":"tru\u0065"}"#, #"{"followup":true,"followUp":true}"#),
      (#"{"value":"é漢🏥\u00e9","x":"ü"}"#, #"{"value":"\u00e9\u6f22\ud83c\udfe5\u00e9","x":"\u00fc"}"#),
      (#"{"é":1,"value":2,"comment":"é"}"#, #"{"\u00e9":1,"value":"2","comment":"\u00e9"}"#),
      (#"{"value":"\u00e9 \"~\u007f"}"#, #"{"value":"\u00e9 \"~\u007f"}"#),
      (#"{"categoryOptionCombo":"","value":1}"#, #"{"categoryOptionCombo":null,"value":"1"}"#),
      (#"{"x":{"value":1},"value":{}}"#, #"{"x":{"value":1},"value":{}}"#),
      (#"{"followup":null}"#, #"{"followup":null}"#),
    ])
  func rewriting(text: String, expected: String) throws {
    #expect(Self.rewritten(text) == expected)
    #expect(try withLine(text) { ValueRewriter.isNeeded($0) } == (text != expected))
  }

  @Test("a rewritten value is the same object but for quotes and flags, is ASCII, and needs no rewriting again")
  func property() throws {
    let quoted: Set<String> = [
      "dataElement", "period", "orgUnit", "categoryOptionCombo", "attributeOptionCombo", "value",
      "comment",
    ]
    let combos: Set<String> = ["categoryOptionCombo", "attributeOptionCombo"]
    let flags: Set<String> = ["followup", "followUp"]
    var needed = 0
    for seed in 0..<3000 as Range<UInt64> {
      var values = RandomValue(seed: seed)
      let text = values.object()
      let out = Self.rewritten(text)
      var expected = try #require(try JSONValue(parsing: text).members)
      var losesQuotes = false
      for place in expected.indices where flags.contains(expected[place].key) {
        switch expected[place].value {
        case .string("true"): expected[place].value = .bool(true)
        case .string("false"): expected[place].value = .bool(false)
        case .string(""): expected[place].value = .null
        default: continue
        }
        losesQuotes = true
      }
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
      #expect(try JSONValue(parsing: out).members == expected, "seed \(seed): \(text) became \(out)")
      let isKept =
        losesQuotes || Self.isKept(text, in: out) || combos.contains { expected.contains(.init($0, .null)) }
      #expect(isKept, "seed \(seed): \(text) became \(out)")
      #expect(out.utf8.allSatisfy { $0 < 0x80 }, "seed \(seed): \(out)")
      #expect(try !withLine(out) { ValueRewriter.isNeeded($0) }, "seed \(seed): \(out)")
      let isNeeded = try withLine(text) { ValueRewriter.isNeeded($0) }
      #expect(isNeeded == (out != text), "seed \(seed)")
      needed += isNeeded ? 1 : 0
    }
    #expect(needed > 500 && needed < 2980, "\(needed)")
  }

  @Test("the header of a request is ASCII for servers from 2.43 on")
  func headers() {
    func header(_ version: String) -> String {
      let traits = DestinationTraits(version: DHIS2Version(version), namedDataSet: "Santé 🏥")
      return String(decoding: traits.header(dataSet: nil, kind: .dataValues), as: UTF8.self)
    }
    #expect(header("2.43.1") == #"{"dataSet":"Sant\u00e9 \ud83c\udfe5","dataValues":["#)
    #expect(header("2.42.5") == #"{"dataSet":"Santé 🏥","dataValues":["#)
  }

  /// Whether a text contains all ASCII bytes of another, in their order.
  static func isKept(_ text: String, in other: String) -> Bool {
    var rest = text.utf8.filter { $0 < 0x80 }[...]
    for byte in other.utf8 where byte == rest.first { rest.removeFirst() }
    return rest.isEmpty
  }

  static let header = Array(#"{"dataValues":["#.utf8)

  /// Lines as they are located, with keys that are all different.
  static func piece(_ texts: [String], fate: ValueFate = .kept) throws -> LocatedLines {
    var piece = LocatedLines()
    for (number, text) in texts.enumerated() {
      piece.lines.append(
        LocatedLines.Line(
          start: UInt32(piece.text.count), length: UInt32(text.utf8.count), number: number + 1, key: UInt64(number + 1),
          dataSet: -1, isDoubtful: false, needsRewriting: try withLine(text) { ValueRewriter.isNeeded($0) },
          fate: fate))
      piece.text += Array((text + "\n").utf8)
    }
    return piece
  }

  static func batch(
    _ texts: [String], dataSet: String? = nil, isDoubtful: Bool = false, fate: ValueFate = .kept,
    header: [UInt8] = header, keepsBlocks: Bool = false
  ) throws -> Batch {
    var batch = Batch(
      number: 1, dataSet: dataSet, isDoubtful: isDoubtful, header: header, keepsBlocks: keepsBlocks, capacity: 10)
    let lines = try piece(texts, fate: fate)
    #expect(batch.add(lines, from: 0, size: .max, bytes: .max) == texts.count)
    batch.seal()
    return batch
  }

  @Test(
    "a body of any part is the header, the values joined by commas, and the end", arguments: [false, true])
  func bodies(keepsBlocks: Bool) throws {
    let other = Array(#"{"dataSet":"S","dataValues":["#.utf8)
    for seed in 0..<300 as Range<UInt64> {
      var values = RandomValue(seed: seed)
      let texts = (0..<Int.random(in: 1...8, using: &values.random)).map { _ in values.object() }
      let batch = try Self.batch(texts, keepsBlocks: keepsBlocks)
      let indices = Array(texts.indices)
      for part in [indices, indices.filter { _ in Bool.random(using: &values.random) }] {
        for header in [Self.header, other] {
          for rewrites in [false, true] {
            let body = batch.body(of: part, header: header, rewrite: rewrites).firstBytes()
            let joined = part.map { rewrites ? Self.rewritten(texts[$0]) : texts[$0] }.joined(separator: ",")
            #expect(body == header + Array((joined + "]}").utf8), "seed \(seed), part \(part), rewrite \(rewrites)")
          }
        }
      }
      #expect(batch.values.map { String(decoding: batch.bytes(of: $0), as: UTF8.self) } == texts)
      #expect(batch.values.map(\.line) == Array(1...texts.count))
    }
  }

  @Test("a key is taken once")
  func keys() throws {
    var batch = Batch(number: 1, dataSet: "S", isDoubtful: true, header: Self.header, keepsBlocks: false, capacity: 10)
    var piece = try Self.piece(["{}", "{}", "{}"])
    for (index, key) in [7, 8, 7].enumerated() { piece.lines[index].key = UInt64(key) }
    #expect(batch.add(piece, from: 0, size: .max, bytes: .max) == 2)
    #expect(batch.add(piece, from: 2, size: .max, bytes: .max) == 2)
    #expect([7, 8, 9].map { batch.keys.contains($0) } == [true, true, false])
    #expect(batch.values.count == 2)
    batch.seal()
    #expect(String(decoding: batch.body.firstBytes(), as: UTF8.self) == #"{"dataValues":[{},{}]}"#)
    #expect(batch.dataSet == "S" && batch.isDoubtful && batch.bytes == batch.body.count)
  }

  @Test("a body whose values stay in the blocks comes out whole, in pieces of any size, from any place")
  func runs() throws {
    for seed in 0..<200 as Range<UInt64> {
      var random = SeededGenerator(seed: seed)
      var batches = [false, true].map {
        Batch(number: 1, dataSet: nil, isDoubtful: false, header: Self.header, keepsBlocks: $0, capacity: 10)
      }
      var texts: [String] = []
      for block in 0..<Int.random(in: 1...5, using: &random) {
        let lines = (0..<Int.random(in: 1...12, using: &random)).map { "{\"value\":\"\(block) \($0)\"}" }
        var piece = try Self.piece(lines)
        for index in lines.indices { piece.lines[index].key = UInt64(100 * block + index + 1) }
        // A blank line parts two runs.
        let gap = Int.random(in: 0..<lines.count, using: &random)
        piece.text.insert(0x0A, at: Int(piece.lines[gap].start))
        for index in gap..<lines.count { piece.lines[index].start += 1 }
        var index = Int.random(in: 0..<lines.count, using: &random)
        texts += lines[index...]
        while index < lines.count {
          let size = batches[0].values.count + Int.random(in: 1...12, using: &random)
          let next = batches[0].add(piece, from: index, size: size, bytes: .max)
          #expect(batches[1].add(piece, from: index, size: size, bytes: .max) == next)
          index = next
        }
      }
      for place in 0..<2 { batches[place].seal() }
      let expected = Self.header + Array((texts.joined(separator: ",") + "]}").utf8)
      for batch in batches {
        #expect(batch.values.map { String(decoding: batch.bytes(of: $0), as: UTF8.self) } == texts, "seed \(seed)")
        #expect(batch.bytes == expected.count && batch.body.count == expected.count, "seed \(seed)")
        #expect(batch.body.firstBytes() == expected, "seed \(seed)")
        for _ in 0..<20 {
          let range = Int.random(in: 0...expected.count, using: &random)..<expected.count
          var room = [UInt8](repeating: 0, count: Int.random(in: 0...40, using: &random))
          let got = room.withUnsafeMutableBytes { batch.body.copy(from: range.lowerBound, into: $0) }
          #expect(Array(room[..<got]) == Array(expected[range].prefix(room.count)), "seed \(seed), \(range)")
        }
      }
    }
  }
}
