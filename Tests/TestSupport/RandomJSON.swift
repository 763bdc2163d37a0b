/// Random documents in the form of DHIS2 answers. They depend on a seed, so that a failure can be reproduced.
package struct RandomJSON {
  package var random: SeededGenerator

  package init(seed: UInt64) { random = SeededGenerator(seed: seed) }

  /// A document with `dataValues` among other members, with or without white space.
  package mutating func document(spaced: Bool, elements: Int) -> String {
    var members = (0..<Int.random(in: 0...2, using: &random)).map { "\"k\($0)\":\(value(depth: 1))" }
    let values = (0..<elements).map { _ in element() }.joined(separator: ",")
    members.insert("\"dataValues\":[\(values)]", at: Int.random(in: 0...members.count, using: &random))
    let compact = "{" + members.joined(separator: ",") + "}"
    return spaced ? self.spaced(compact) : compact
  }

  package mutating func element() -> String {
    let members = (0..<Int.random(in: 0...8, using: &random)).map { "\"m\($0)\(string(4))\":\(value(depth: 2))" }
    return "{" + members.joined(separator: ",") + "}"
  }

  package mutating func value(depth: Int) -> String {
    switch Int.random(in: 0...(depth > 4 ? 3 : 5), using: &random) {
    case 0: "null"
    case 1: String(Int.random(in: -99999...99999, using: &random))
    case 2: "true"
    case 4:
      "[" + (0..<Int.random(in: 0...3, using: &random)).map { _ in value(depth: depth + 1) }.joined(separator: ",")
        + "]"
    case 5:
      "{"
        + (0..<Int.random(in: 0...3, using: &random)).map { "\"o\($0)\":\(value(depth: depth + 1))" }.joined(
          separator: ",") + "}"
    default: "\"" + string(40) + "\""
    }
  }

  /// The inside of a string: brackets, escapes in odd and even runs, quotes, text of several scripts.
  package mutating func string(_ most: Int) -> String {
    let pieces = [
      "a", "B7", "{", "}", "[", "]", ",", ":", " ", "<", "\\\\", "\\\"", "\\n", "\\u00e9", "\\u0000", "é", "ቁጥር", "😀",
      "\\\\\\\"",
    ]
    return (0..<Int.random(in: 0...most, using: &random)).map { _ in pieces.randomElement(using: &random)! }.joined()
  }

  /// White space between tokens of a compact document.
  private mutating func spaced(_ compact: String) -> String {
    var out = ""
    var inString = false
    var escaped = false
    for character in compact.unicodeScalars {
      if !inString, "{}[]:,\"".unicodeScalars.contains(character) { out += space() }
      out.unicodeScalars.append(character)
      if inString {
        if escaped {
          escaped = false
        } else if character == "\\" {
          escaped = true
        } else if character == "\"" {
          inString = false
        }
      } else if character == "\"" {
        inString = true
      }
      if !inString, "{}[]:,\"".unicodeScalars.contains(character) { out += space() }
    }
    return out + space()
  }

  private mutating func space() -> String { ["", "", " ", "\n  ", "\r\n", "\t"].randomElement(using: &random)! }
}
