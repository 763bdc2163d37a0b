import D2Common
import TestSupport
import Testing

@testable import d2_push

@Suite("RequestGrouper and RequestKey")
struct RequestGrouperTests {
  private struct Value {
    let key: RequestKey
    /// Of the data value, in which the data set has no part.
    let identity: String
    let text: String
  }

  /// Random values: of few keys, so that they meet.
  private func values(_ count: Int, _ random: inout SeededGenerator) -> [Value] {
    (0..<count).map { number in
      let key = RequestKey(
        dataSet: "s\(Int.random(in: 0...2, using: &random))", period: "20240\(Int.random(in: 1...3, using: &random))",
        unit: "u\(Int.random(in: 0...4, using: &random))")
      let element = "e\(Int.random(in: 0...40, using: &random))"
      let text =
        #"{"dataElement":"\#(element)","period":"\#(key.period)","orgUnit":"\#(key.unit)","value":"\#(number)","dataSet":"\#(key.dataSet)"}"#
      return Value(key: key, identity: "\(element) \(key.period) \(key.unit)", text: text)
    }
  }

  private func requests(
    _ values: [Value], blockLines: Int, mostValues: Int = 50_000, mostBytes: Int = 1 << 20, window: Int = 1 << 24
  ) throws -> [Batch] {
    let options = try PushOptions(
      Arguments(["--url", "http://127.0.0.1:9"], Push.description), Log(command: "test", least: .error))
    let locator = LineLocator(options, DestinationTraits(version: nil))
    var grouper = RequestGrouper(mostValues: mostValues, mostBytes: mostBytes, windowBytes: window)
    var made: [Batch] = []
    var lines = 0
    for start in stride(from: 0, to: values.count, by: blockLines) {
      let texts = values[start..<min(start + blockLines, values.count)].map(\.text)
      let padding = [UInt8](repeating: 0x0A, count: PaddedLine.paddingBytes)
      var piece = locator.locate(Array((texts.joined(separator: "\n") + "\n").utf8) + padding)
      piece.linesBefore = lines
      lines += piece.lineCount
      piece.findRequests(dataSet: nil)
      grouper.add(piece)
      while let request = grouper.next() { made.append(request) }
    }
    grouper.end()
    while let request = grouper.next() { made.append(request) }
    #expect(grouper.made == values.count)
    return made
  }

  @Test("random input: every value in a request of its own kind, in its order, no key twice, the last of a key last")
  func agreesWithDictionary() throws {
    for seed in 0..<200 as Range<UInt64> {
      var random = SeededGenerator(seed: seed)
      let values = values(Int.random(in: 1...400, using: &random), &random)
      let mostValues = Int.random(in: 1...60, using: &random)
      let made = try requests(
        values, blockLines: Int.random(in: 1...90, using: &random), mostValues: mostValues,
        mostBytes: [300, 2000, 1 << 20].randomElement(using: &random)!,
        window: [1, 900, 9000, 1 << 24].randomElement(using: &random)!)
      // The obvious way: a dictionary of lists.
      var expected: [RequestKey: [String]] = [:]
      var last: [String: String] = [:]
      for value in values {
        expected[value.key, default: []].append(value.text)
        last[value.identity] = value.text
      }
      var sent: [RequestKey: [String]] = [:]
      var lastSent: [String: String] = [:]
      var faults = 0
      for (number, batch) in made.enumerated() {
        let texts = batch.values.map { String(decoding: batch.bytes(of: $0), as: UTF8.self) }
        sent[RequestKey(of: batch), default: []] += texts
        let body = String(decoding: batch.body.firstBytes(), as: UTF8.self)
        if body != "{\"dataValues\":[" + texts.joined(separator: ",") + "]}" { faults += 1 }
        if texts.isEmpty || texts.count > mostValues || batch.number != number + 1 { faults += 1 }
        var keys: Set<String> = []
        for (value, text) in zip(batch.values, texts) {
          let identity = values[value.line - 1].identity
          if values[value.line - 1].text != text || !keys.insert(identity).inserted { faults += 1 }
          lastSent[identity] = text
        }
      }
      let isSame = sent == expected
      let isLastLast = lastSent == last
      #expect(isSame && isLastLast && faults == 0, "seed \(seed): \(faults)")
    }
  }

  @Test("within one window there is one request for each data set, period and unit, whatever the order")
  func fewest() throws {
    var random = SeededGenerator(seed: 7)
    var seen: Set<String> = []
    let values = values(3000, &random).filter { seen.insert($0.identity).inserted }
    let made = try requests(values, blockLines: 100)
    #expect(made.count == Set(values.map(\.key)).count)
  }

  @Test("--data-set stands for that of every value; without either a value has no request")
  func dataSets() throws {
    let options = try PushOptions(
      Arguments(["--url", "http://127.0.0.1:9"], Push.description), Log(command: "test", least: .error))
    let lines = [
      #"{"dataElement":"e","period":"2024","orgUnit":"u","dataSet":"s"}"#,
      #"{"dataElement":"e","period":2024,"orgUnit":"u"}"#,
      #"{"dataElement":"e","period":"2024","orgUnit":"u","dataSet":""}"#,
      #"{"dataElement":"e","period":"2024","orgUnit":"u","dataSet":null}"#,
    ]
    let padding = [UInt8](repeating: 0x0A, count: PaddedLine.paddingBytes)
    let piece = LineLocator(options, DestinationTraits(version: nil)).locate(
      Array((lines.joined(separator: "\n") + "\n").utf8) + padding)
    var named = piece
    named.findRequests(dataSet: nil)
    #expect(named.lines.map(\.dataSet) == [0])
    #expect(named.lines.map(\.number) == [1])
    #expect(named.faults.map(\.number) == [2, 3, 4])
    var all = piece
    all.findRequests(dataSet: "t")
    #expect(all.lines.map(\.dataSet) == [0, 0, 0, 0])
    #expect(all.requests == [RequestKey(dataSet: "t", period: "2024", unit: "u")])
    #expect(all.faults.isEmpty)
  }

  @Test(
    "year, month and week where the period id has them",
    arguments: [
      ("2024", "2024 - -"), ("202401", "2024 1 -"), ("202412", "2024 12 -"), ("202413", "2024 - -"),
      ("20240131", "2024 - -"), ("2024W1", "2024 - 1"), ("2024W53", "2024 - 53"), ("2024W54", "2024 - -"),
      ("2024WedW7", "2024 - 7"), ("2024SunW12", "2024 - 12"), ("2024BiW3", "2024 - -"), ("2024Q1", "2024 - -"),
      ("202401B", "2024 - -"), ("2024April", "2024 - -"), ("2024S1", "2024 - -"), ("abc", "- - -"), ("", "- - -"),
      ("202", "- - -"),
    ])
  func calendar(period: String, expected: String) {
    let calendar = RequestKey(dataSet: "s", period: period, unit: "u").calendar
    #expect("\(calendar.year ?? "-") \(calendar.month ?? "-") \(calendar.week ?? "-")" == expected)
  }
}
