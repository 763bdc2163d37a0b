import Testing

@testable import D2Common
@testable import D2Split

@Suite("TopLevelReader")
struct TopLevelReaderTests {
  /// Reads a document; an array that opens is skipped to its first `]`.
  static func read(_ text: String) -> (
    members: [String: String], opened: Int, isComplete: Bool, sawArray: Bool, problem: SplitProblem?
  ) {
    var reader = TopLevelReader(arrayKey: "dataValues")
    var opened = 0
    var inArray = false
    var problem: SplitProblem?
    do throws(SplitProblem) {
      for byte in text.utf8 {
        if inArray {
          if byte == UInt8(ascii: "]") {
            inArray = false
            reader.arrayClosed()
          }
        } else if try reader.take(byte) == .arrayOpened {
          opened += 1
          inArray = true
        }
      }
    } catch { problem = error }
    var members: [String: String] = [:]
    for (key, value) in reader.members {
      members[String(decoding: key, as: UTF8.self)] = String(decoding: value, as: UTF8.self)
    }
    return (members, opened, reader.isComplete, reader.sawArray, problem)
  }

  @Test("keeps the members around the array, raw, without white space between tokens")
  func members() {
    let read = Self.read(
      """
       { "a" : 1.50 , "b":"x\\"}]," ,
      "c": { "d" : [ 1, {"e": "f g"} ] }, "dataValues" : [ ] , "g":true,"h":null}
      """)
    #expect(read.problem == nil && read.isComplete && read.sawArray && read.opened == 1)
    let expected = ["a": "1.50", "b": #""x\"}],""#, "c": #"{"d":[1,{"e":"f g"}]}"#, "g": "true", "h": "null"]
    #expect(read.members == expected)
  }

  @Test(
    "a key only opens the array where it is the array's own, at the top",
    arguments: [
      #"{"dataValues2":[1],"x":{"dataValues":[1]},"y":["dataValues",[2]]}"#,
      #"{"a":"dataValues"}"#,
    ])
  func otherKeys(text: String) {
    let read = Self.read(text)
    #expect(read.problem == nil && read.opened == 0 && read.isComplete && !read.sawArray)
  }

  @Test(
    "any other value in place of the array is a fault, not an answer without values",
    arguments: [#""[""#, #"{"a":[1]}"#, "0", "true", "nul", "none", "nulL"])
  func notAnArray(value: String) {
    #expect(Self.read(#"{"a":1,"dataValues":\#(value),"b":2}"#).problem == .notAnArray)
  }

  @Test("null in place of the array is an array without values")
  func null() {
    let read = Self.read(#"{"dataValues":null}"#)
    #expect(read.isComplete && read.sawArray && read.opened == 0)
  }

  @Test(
    "refuses what cannot be",
    arguments: [
      ("[", SplitProblem.notAnObject), ("\u{FEFF}{", .notAnObject), ("{]", .unexpected(0x5D)),
      ("{,", .unexpected(0x2C)),
      (#"{"a"1"#, .unexpected(0x31)), (#"{"a":1,}"#, .unexpected(0x7D)), (#"{"a":[1}"#, .unexpected(0x7D)),
      (#"{"a":1}x"#, .trailingBytes), (#"{"a":1}{"#, .trailingBytes), (#"{"a":<b"#, .htmlInside),
      ("{\"a\u{1}", .controlByte), ("{\"a\":\"\u{1}", .controlByte), ("{\"a\":1\u{1}", .controlByte),
      (#"{"dataValues":[],"dataValues":["#, .arrayTwice), (#"{"a":1 2"#, .unexpected(0x32)),
      (#"{"a":}"#, .unexpected(0x7D)), (#"{"a":,"b":1}"#, .unexpected(0x2C)), (#"{"a":\n"#, .unexpected(0x5C)),
      (#"{"a":x"y""#, .unexpected(0x22)), (#"{"dataValues":0[{}]"#, .notAnArray),
      (#"{"dataValues":null[{}]"#, .unexpected(0x5B)), (#"{"a":é"#, .unexpected(0xC3)),
      (#"{"a":b:"#, .unexpected(0x3A)),
      ("{\"a\":" + String(repeating: "[", count: 65), .tooDeep),
    ])
  func faults(text: String, problem: SplitProblem) {
    #expect(Self.read(text).problem == problem)
  }

  @Test("a document cut anywhere is not complete")
  func cut() {
    let text = #"{"a":{"b":[1,"}"]},"dataValues":[],"c":-1.5}"#
    for length in 0..<text.utf8.count {
      let read = Self.read(String(text.prefix(length)))
      #expect(read.problem == nil && !read.isComplete, "\(length)")
    }
    #expect(Self.read(text + " \r\n\t").isComplete)
  }

  @Test("keys and members may be long, but not without end")
  func long() {
    let long = String(repeating: "k", count: 100_000)
    #expect(Self.read("{\"\(long)\":1}").problem == .tooLarge)
    let read = Self.read("{\"a\":\"\(long)\",\"b\":2}")
    #expect(read.problem == nil && read.isComplete && read.members["b"] == "2")
  }
}
