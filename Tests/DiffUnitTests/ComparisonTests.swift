import D2Common
import D2Hash
import Glibc
import TestSupport
import Testing

@testable import d2_diff

@Suite("Comparison")
struct ComparisonTests {
  /// A value of a random stream, and its line.
  private struct Value {
    let key: String
    let value: String
    let isDeleted: Bool
    let line: String
  }

  private static func value(_ random: inout SeededGenerator) -> Value {
    let element = "e\(Int.random(in: 0..<40, using: &random))"
    let period = "2024\(Int.random(in: 10...12, using: &random))"
    let unit = "u\(Int.random(in: 0..<30, using: &random))"
    let combo = ["", "HllvX50cXC0", "c1"].randomElement(using: &random)!
    let value = "\(Int.random(in: 0..<3, using: &random))"
    let isDeleted = Int.random(in: 0..<10, using: &random) == 0
    // Spellings of the same.
    let spelled = Bool.random(using: &random) ? "\"\(element)\"" : "\"\\u0065\(element.dropFirst())\""
    let number = Bool.random(using: &random) ? value : "\"\(value)\""
    var line = "{\"dataElement\":\(spelled),\"period\":\"\(period)\",\"orgUnit\":\"\(unit)\","
    if !combo.isEmpty { line += "\"categoryOptionCombo\":\"\(combo)\"," }
    line += "\"value\":\(number)\(isDeleted ? ", \"deleted\": true" : "")}"
    return Value(
      key: "\(element) \(period) \(unit) \(combo == "c1" ? combo : "")", value: value, isDeleted: isDeleted, line: line)
  }

  private static func side(
    _ values: [Value], _ settings: Side.Settings, _ key: ValueHasher.Key, pipes: Bool
  ) throws -> Side {
    let folder = Folder()
    let path = folder.file("values", values.map { $0.line + "\n" }.joined().utf8)
    let descriptor = open(path, O_RDONLY)
    defer { close(descriptor) }
    let side = Side(name: "values", settings)
    guard pipes else {
      try side.readAll(descriptor, key, stop: StopSign())
      return side
    }
    let stream = popen("cat \(path)", "r")!
    defer { pclose(stream) }
    try side.readAll(fileno(stream), key, stop: StopSign())
    return side
  }

  /// With so little memory, everything goes to files, and partitions are split again.
  @Test(
    "finds what a dictionary finds, in memory, in files and in parts of parts",
    arguments: [(64 << 20, false), (64 << 20, true), (4096, false), (4096, true)])
  func property(memoryBytes: Int, pipes: Bool) async throws {
    var random = SeededGenerator(seed: UInt64(memoryBytes) + (pipes ? 1 : 0))
    var settings = Side.Settings()
    settings.defaultCombos = ["HllvX50cXC0"]
    settings.memoryBytes = memoryBytes / 8
    let values = (0..<2).map { _ in (0..<Int.random(in: 4000...6000, using: &random)).map { _ in Self.value(&random) } }
    let key = ValueHasher.Key()
    let sides = try values.map { try Self.side($0, settings, key, pipes: pipes) }
    let comparison = Comparison(
      source: sides[0], destination: sides[1], includesExtras: true, countsGroups: false, memoryBytes: memoryBytes,
      environment: [:])
    let findings = try await comparison.run(BlockingExecutor(threads: 2))
    var counts = DifferenceCounts()
    for found in findings { counts += found.counts }

    // The last value of a key counts.
    let last = values.map { $0.reduce(into: [String: Value]()) { $0[$1.key] = $1 } }
    var expected = DifferenceCounts()
    var lines: Set<String> = []
    for key in Set(last[0].keys).union(last[1].keys) {
      let (source, destination) = (last[0][key], last[1][key])
      switch (source.map { !$0.isDeleted } ?? false, destination.map { !$0.isDeleted } ?? false) {
      case (true, true) where source!.value == destination!.value: expected.equal += 1
      case (true, true):
        expected.different += 1
        lines.insert(source!.line)
      case (true, false):
        expected.missing += 1
        lines.insert(source!.line)
      case (false, true):
        expected.extra += 1
        if source != nil { expected.deleted += 1 }
        lines.insert((source ?? destination!).line)
      case (false, false): break
      }
    }
    #expect(counts == expected)
    #expect(expected.missing > 50 && expected.different > 50 && expected.extra > 50 && expected.deleted > 5)
    let folder = Folder()
    let output = open("\(folder.path)/out", O_RDWR | O_CREAT, 0o600)
    try DifferenceWriter(comparison, findings).writeLines(
      to: LineOutput(descriptor: output, name: "out"), deletesExtras: false)
    close(output)
    let written = String(decoding: try FileBytes.read("\(folder.path)/out"), as: UTF8.self).split(separator: "\n")
    let isSame = Set(written.map(String.init)) == lines
    #expect(isSame && written.count == expected.missing + expected.different + expected.extra)
  }

  @Test(
    "a deletion is the line itself, deleted, without its times",
    arguments: [
      (#"{"dataElement":"a","value":"1"}"#, #"{"dataElement":"a","value":"1","deleted":true}"#),
      (#"{"dataElement":"a", "deleted": false, "value":"1"} "#, #"{"dataElement":"a", "deleted": true, "value":"1"} "#),
      (#"{"deleted":"false","comment":"}"}"#, #"{"deleted":true,"comment":"}"}"#),
      (#"{"comment":"a } b" }"#, #"{"comment":"a } b" ,"deleted":true}"#),
      (
        #"{"dataElement":"a","created":"x","lastUpdated":"y","value":"1"}"#,
        #"{"dataElement":"a","value":"1","deleted":true}"#
      ),
      (
        #"{"lastUpdated" : "y", "created":null ,"value":"1","deleted":false}"#,
        #"{ "value":"1","deleted":true}"#
      ),
      (#"{"deleted":"false" , "comment":"a, b" , "lastUpdated":"y"}"#, #"{"deleted":true , "comment":"a, b" }"#),
    ])
  func deletion(line: String, deleted: String) throws {
    try PaddedLine.copying(line.utf8) { text in
      let located = try DataValueLine(text, DataValueLine.Scratch())
      #expect(String(decoding: located.deletion, as: UTF8.self) == deleted)
    }
  }
}
