import TestSupport
import Testing
import WaitingTests

@testable import D2Common
@testable import D2Split

/// Splits a text given in chunks of the sizes that `nextSize` draws.
func split(
  _ bytes: [UInt8], completion: ValueCompletion = ValueCompletion(hoistedKeys: []), nextSize: () -> Int
) -> (sink: CollectingSink, error: SplitError?) {
  var splitter = DataValueSplitter(completion: completion)
  var sink = CollectingSink()
  var rest = bytes[...]
  do {
    while !rest.isEmpty {
      var chunk = Array(rest.prefix(max(1, nextSize())))
      rest = rest.dropFirst(chunk.count)
      try chunk.withUnsafeMutableBytes { try splitter.consume($0, into: &sink) }
    }
    try splitter.finish()
    return (sink, nil)
  } catch {
    return (sink, error as? SplitError)
  }
}

@Suite("DataValueSplitter", .waiting, .serialized)
struct DataValueSplitterTests {
  @Test(
    "agrees with the byte-by-byte reference on random documents in random chunks, on every path",
    arguments: JSONPath.all)
  func agreesWithReference(path: String) {
    JSONPath.using(path) {
      for seed in 0..<400 as Range<UInt64> {
        var json = RandomJSON(seed: seed)
        let text = Array(json.document(spaced: seed % 3 == 0, elements: Int(seed % 23)).utf8)
        let reference = ReferenceSplitter(text)
        #expect(reference.problem == nil, "seed \(seed)")
        let most = [1, 7, 64, 300, 100_000][Int(seed % 5)]
        var random = SeededGenerator(seed: seed)
        let (sink, error) = split(text) { Int.random(in: 1...most, using: &random) }
        #expect(error == nil, "seed \(seed)")
        #expect(sink.lines == reference.lines, "seed \(seed)")
      }
    }
  }

  @Test(
    "agrees with the reference on damaged documents: the same whole values, and a fault where the reference has one",
    arguments: JSONPath.all)
  func agreesOnDamage(path: String) {
    JSONPath.using(path) {
      for seed in 0..<1500 as Range<UInt64> {
        var json = RandomJSON(seed: seed)
        var text = Array(json.document(spaced: seed % 2 == 0, elements: 5).utf8)
        let damage: [UInt8] = Array("{}[],:\"\\<\u{1}x ".utf8)
        let position = Int.random(in: 0..<text.count, using: &json.random)
        let byte = damage.randomElement(using: &json.random)!
        if seed % 3 == 0 { text.insert(byte, at: position) } else { text[position] = byte }
        let reference = ReferenceSplitter(text)
        var random = SeededGenerator(seed: seed)
        let (sink, error) = split(text) { Int.random(in: 1...90, using: &random) }
        if reference.problem != nil { #expect(error != nil, "seed \(seed) byte \(byte) at \(position)") }
        let same = sink.lines == reference.lines
        if error == nil { #expect(same, "seed \(seed)") }
        // Whatever was written is whole: each line is one of the reference's, in its order.
        #expect(sink.lines == Array(reference.lines.prefix(sink.lines.count)), "seed \(seed)")
        #expect(sink.bytes.isEmpty || sink.bytes.last == UInt8(ascii: "\n"), "seed \(seed)")
      }
    }
  }

  @Test("a document cut at every byte: the whole values that arrived, and always a fault", arguments: [false, true])
  func cutEverywhere(spaced: Bool) {
    var json = RandomJSON(seed: 42)
    let text = Array(json.document(spaced: spaced, elements: 6).utf8)
    let end = text.lastIndex(of: UInt8(ascii: "}"))!
    for cut in 0...end {
      let (sink, error) = split(Array(text[..<cut])) { 13 }
      #expect(error?.isCutOff == true, "cut at \(cut)")
      #expect(sink.lines == ReferenceSplitter(Array(text[..<cut])).lines, "cut at \(cut)")
    }
  }

  @Test("gives hoisted keys back to the values that lack them, and to no other")
  func hoisted() {
    let text =
      #"{"dataSet":"S","period":"202401","orgUnit":null,"dataValues":[{"dataElement":"a"},{"dataElement":"b","period":"202402","c":"\"period\":"},{}]}"#
    let (sink, error) = split(Array(text.utf8), completion: ValueCompletion(dataSet: "S\"1")) { 10 }
    #expect(error == nil)
    #expect(
      sink.lines == [
        #"{"dataElement":"a","period":"202401","dataSet":"S\"1"}"#,
        #"{"dataElement":"b","period":"202402","c":"\"period\":","dataSet":"S\"1"}"#,
        #"{"period":"202401","dataSet":"S\"1"}"#,
      ])
  }

  @Test(
    "faults carry the offset of the first byte that cannot be",
    arguments: [
      (#"[1]"#, SplitProblem.notAnObject, 0), (#"{"dataValues":[{}]} x"#, .trailingBytes, 20),
      (#"{"dataValues":[{"a":[}]}"#, .unbalanced, 21), (#"{"dataValues":[1]}"#, .elementNotAnObject, 15),
      ("{\"dataValues\":[{\"a\":\"\u{7}\"}]}", .controlByte, 21), (#"{"dataValues":[{},<html>]}"#, .htmlInside, 18),
      (#"{"dataValues":[{}{}]}"#, .unexpected(0x7B), 17), (#"{"dataValues":[{},]}"#, .unexpected(0x5D), 18),
      ("{\"dataValues\":[{}\"\u{1}\"]}", .unexpected(0x22), 17),
      ("{\"dataValues\":[ {} ,x \\]}", .elementNotAnObject, 20),
      (#"{"dataValues":[{"a":1"#, .endsEarly, 21), ("", .endsEarly, 0),
    ])
  func offsets(text: String, problem: SplitProblem, offset: Int) {
    for size in [1, 3, 1000] {
      let (_, error) = split(Array(text.utf8)) { size }
      #expect(error == SplitError(problem: problem, offset: offset), "chunks of \(size)")
    }
  }

  @Test("what is counted is handed on, also where a fault follows behind the array", arguments: [1, 3, 1000])
  func faultBehind(size: Int) {
    let late = #"{"dataValues":[{"a":1},{}],"period":"202401"}"#
    let (lines, error) = split(Array(late.utf8), completion: ValueCompletion(dataSet: "S")) { size }
    #expect(error?.problem == .hoistedKeyBehindValues("period"))
    #expect(lines.lines == [#"{"a":1,"dataSet":"S"}"#, #"{"dataSet":"S"}"#])
    #expect(split(Array(#"{"dataValues":[ {} ]} x"#.utf8)) { size }.sink.lines == ["{}"])
  }

  @Test("nesting beyond 64 levels and elements beyond 16 MiB are refused")
  func limits() {
    let deep = #"{"dataValues":[{"a":"# + String(repeating: "[", count: 64) + String(repeating: "]", count: 64) + "}]}"
    #expect(split(Array(deep.utf8)) { 50 }.error?.problem == .tooDeep)
    let large = #"{"dataValues":[{"a":""# + String(repeating: "x", count: 17 << 20)
    #expect(split(Array(large.utf8)) { 1 << 20 }.error?.problem == .tooLarge)
  }

  @Test(
    "no array, an empty one and null are answers without values",
    arguments: [
      "{}", #"{"dataValues":[]}"#, "{\"dataValues\":[ \n ]}", #"{"dataSet":"a","n":12,"dataValues":null}"#,
    ])
  func empty(text: String) {
    let (sink, error) = split(Array(text.utf8)) { 2 }
    #expect(error == nil && sink.bytes.isEmpty)
  }
}
