import D2Common
import TestSupport
import Testing

@testable import d2_push
import D2Client

@Suite("LineLocator and Batcher")
struct LineLocatorTests {
  private let server = DestinationTraits(version: DHIS2Version("2.42"))

  private func options(_ words: String...) throws -> PushOptions {
    try PushOptions(
      Arguments(["--url", "http://127.0.0.1:9"] + words, Push.description), Log(command: "test", least: .error))
  }

  /// Batches of a text given in blocks that end at line ends, as the reader makes them.
  private func batches(_ text: String, blockLines: Int, size: Int) throws -> [Batch] {
    let options = try options()
    let locator = LineLocator(options, server)
    var input = InputOrder()
    var batcher = Batcher(options, server, BatchSizer(size...size, longestSeconds: 20))
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    var blocks: [String] = []
    for start in stride(from: 0, to: lines.count, by: blockLines) {
      let isLast = start + blockLines >= lines.count
      blocks.append(lines[start..<min(start + blockLines, lines.count)].joined(separator: "\n") + (isLast ? "" : "\n"))
    }
    let padding = [UInt8](repeating: 0x0A, count: PaddedLine.paddingBytes)
    let begun = blocks.filter { !$0.isEmpty }.compactMap { input.began(.success(Array($0.utf8) + padding)) }
    _ = input.began(.success(nil))
    // Located in any order, delivered in the input's.
    for block in begun.reversed() { input.finished(locator.locate(block.bytes), block.order) }
    while let piece = input.next() { batcher.add(piece) }
    #expect(input.isComplete)
    batcher.end()
    var made: [Batch] = []
    while let batch = batcher.next() { made.append(batch) }
    return made
  }

  @Test("random input in random blocks: every value in its order, no key twice in a batch, bodies that are JSON")
  func agreesWithNaive() throws {
    for seed in 0..<60 as Range<UInt64> {
      var random = SeededGenerator(seed: seed)
      var naive: [(line: Int, text: String)] = []
      var text = ""
      for number in 1...Int.random(in: 1...200, using: &random) {
        let value =
          #"{"dataElement":"e\#(Int.random(in: 0...9, using: &random))","period":"2024","orgUnit":"u\#(Int.random(in: 0...3, using: &random))","value":"\#(number)"\#(seed % 3 == 0 ? #","dataSet":"s\#(Int.random(in: 0...2, using: &random))""# : "")}"#
        let ending = ["\n", "\n", "\n", "\r\n", "\n\n"].randomElement(using: &random)!
        naive.append((1 + text.split(separator: "\n", omittingEmptySubsequences: false).count - 1, value))
        text += value + ending
      }
      if seed % 2 == 0 { while text.last?.isNewline == true { text.removeLast() } }
      // CRLF is one character to Swift: lines are counted in bytes.
      let bytesText = text.replacing("\r\n", with: "\r\u{0}").replacing("\u{0}", with: "\n")
      let made = try batches(
        bytesText, blockLines: Int.random(in: 1...50, using: &random), size: Int.random(in: 1...60, using: &random))
      let sent = made.flatMap { batch in batch.values.map { String(decoding: batch.bytes(of: $0), as: UTF8.self) } }
      #expect(sent.sorted() == naive.map(\.text).sorted(), "seed \(seed)")
      for batch in made {
        let body = try JSONValue(parsing: batch.body.firstBytes())
        #expect(body["dataValues"]?.array?.count == batch.values.count, "seed \(seed)")
        let keys = (body["dataValues"]?.array ?? []).map { "\($0["dataElement"]!.string!) \($0["orgUnit"]!.string!)" }
        #expect(Set(keys).count == keys.count, "seed \(seed)")
      }
      // The last of a key in the input is the last that is sent.
      func last(_ values: [String]) throws -> [String: String] {
        var last: [String: String] = [:]
        for value in values {
          let json = try JSONValue(parsing: value)
          last["\(json["dataElement"]!.string!) \(json["orgUnit"]!.string!)"] = json["value"]!.string!
        }
        return last
      }
      #expect(try last(sent) == last(naive.map(\.text)), "seed \(seed)")
    }
  }

  @Test("line numbers are those of the input, over blocks and blank lines")
  func numbers() throws {
    let value = #"{"dataElement":"e","period":"2024","orgUnit":"u","value":"1"}"#
    let made = try batches("\n\(value)\n\n\(value)\n\(value)", blockLines: 2, size: 10)
    #expect(made.flatMap { $0.values.map(\.line) } == [2, 4, 5])
  }

  @Test("two spellings of one key are one key: they never share a batch")
  func spellings() throws {
    func value(_ element: String, _ period: String, _ more: String = "") -> String {
      #"{"dataElement":"\#(element)","period":"\#(period)","orgUnit":"u"\#(more),"value":"1"}"#
    }
    let pairs = [
      (value("e", "2024W5"), value("e", "2024W05")), (value("e", "202401"), value("e", "2024-01")),
      (value("e", "20240131"), value("e", "2024-01-31")), (value("e", "2024"), value("\\u0065", "2024")),
      (value("e", "2024"), value("e", "2024", #","categoryOptionCombo":"HllvX50cXC0""#)),
      (value("e", "2024BiW2"), value("e", "2024BiW02")),
    ]
    for (one, other) in pairs {
      #expect(try batches("\(one)\n\(other)", blockLines: 2, size: 10).map(\.values.count) == [1, 1], "\(other)")
    }
    for (one, other) in [("2024W5", "2024W50"), ("202401", "202410"), ("2024Q1", "2024")] {
      #expect(
        try batches("\(value("e", one))\n\(value("e", other))", blockLines: 2, size: 10).map(\.values.count) == [2])
    }
  }
}
