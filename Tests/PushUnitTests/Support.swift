import D2Common
import TestSupport

@testable import d2_push

/// Random data values, from a seed.
struct RandomValue {
  var random: SeededGenerator

  init(seed: UInt64) { random = SeededGenerator(seed: seed) }

  /// Members with ids and values of every JSON type, white space, other keys, nothing twice.
  mutating func object() -> String {
    let keys = [
      "dataElement", "period", "orgUnit", "categoryOptionCombo", "attributeOptionCombo", "value", "followup",
      "followUp", "comment",
      "created", "x",
    ]
    let chosen = keys.filter { _ in Int.random(in: 0...2, using: &random) > 0 }.shuffled(using: &random)
    let members = chosen.map { space() + "\"\($0)\"" + space() + ":" + space() + json() + space() }
    return space() + "{" + (members.isEmpty ? space() : members.joined(separator: ",")) + "}" + space()
  }

  private mutating func json() -> String {
    [
      "12", "-0.50", "1e3", "true", "false", "null", "\"true\"", "\"a\\\"}b\"", "\"\"", "\"é\\u00e9\"", "\"followup\"",
      "[1,{\"value\":2}]",
      "{\"period\":202401}", "{}",
    ].randomElement(using: &random)!
  }

  private mutating func space() -> String { ["", "", "", " ", "\t ", "  "].randomElement(using: &random)! }
}

/// Reads a line whose bytes must outlive it only while `body` runs.
func withLine<Result>(_ text: String, _ body: (DataValueLine) throws -> Result) throws -> Result {
  let scratch = DataValueLine.Scratch()
  return try withExtendedLifetime(scratch) {
    try PaddedLine.copying(text.utf8) { try body(DataValueLine($0, scratch)) }
  }
}
