/// The error for a text that is not JSON, with its offset.
public struct JSONSyntaxError: Error, Equatable, CustomStringConvertible {
  /// The problem, as the end of a sentence.
  public let problem: String
  /// The offset of the first wrong byte, counted from 0.
  public let offset: Int

  /// An error at a byte offset.
  public init(_ problem: String, offset: Int) {
    self.problem = problem
    self.offset = offset
  }

  /// `problem at byte N`.
  public var description: String { "\(problem) at byte \(offset)" }
}

extension JSONValue {
  /// Parses one JSON document (RFC 8259): strict grammar, valid UTF-8, at most 64 levels deep.
  ///
  /// - Throws: `JSONSyntaxError` with the offset of the fault.
  public init(parsing bytes: some Collection<UInt8>) throws(JSONSyntaxError) {
    var parser = JSONParser(bytes: ContiguousArray(bytes))
    self = try parser.document()
  }

  /// Parses one JSON document from a text.
  public init(parsing text: String) throws(JSONSyntaxError) {
    try self.init(parsing: Array(text.utf8))
  }
}

/// A recursive-descent parser of one document.
private struct JSONParser {
  /// Deeper than anything DHIS2 writes, shallow enough for any stack.
  static let deepest = 64

  let bytes: ContiguousArray<UInt8>
  var at = 0

  mutating func document() throws(JSONSyntaxError) -> JSONValue {
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { at = 3 }
    let value = try self.value(depth: 0)
    skipSpace()
    guard at == bytes.count else { throw fault("there is something after the end of the JSON") }
    return value
  }

  func fault(_ problem: String) -> JSONSyntaxError { JSONSyntaxError(problem, offset: at) }

  /// Consumes the byte if it comes next.
  private mutating func take(_ byte: Unicode.Scalar) -> Bool {
    guard at < bytes.count, bytes[at] == UInt8(ascii: byte) else { return false }
    at += 1
    return true
  }

  mutating func skipSpace() {
    while at < bytes.count, bytes[at] == 0x20 || bytes[at] == 0x0A || bytes[at] == 0x0D || bytes[at] == 0x09 { at += 1 }
  }

  mutating func value(depth: Int) throws(JSONSyntaxError) -> JSONValue {
    skipSpace()
    guard at < bytes.count else { throw fault("the JSON ends early") }
    switch bytes[at] {
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      guard depth < Self.deepest else { throw fault("JSON nested deeper than \(Self.deepest) levels") }
      return bytes[at] == UInt8(ascii: "{") ? try object(depth: depth) : try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try literal("true", .bool(true))
    case UInt8(ascii: "f"): return try literal("false", .bool(false))
    case UInt8(ascii: "n"): return try literal("null", .null)
    default: return .number(try number())
    }
  }

  mutating func literal(_ word: StaticString, _ value: JSONValue) throws(JSONSyntaxError) -> JSONValue {
    for index in 0..<word.utf8CodeUnitCount {
      guard at < bytes.count, bytes[at] == word.utf8Start[index] else { throw fault("a word that is not JSON") }
      at += 1
    }
    return value
  }

  mutating func object(depth: Int) throws(JSONSyntaxError) -> JSONValue {
    at += 1
    var members: [JSONValue.Member] = []
    skipSpace()
    if take("}") { return .object(members) }
    repeat {
      skipSpace()
      guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") else { throw fault("a key was expected") }
      let key = try string()
      skipSpace()
      guard take(":") else { throw fault("a colon was expected") }
      members.append(.init(key, try value(depth: depth + 1)))
    } while try anotherElement(before: "}")
    return .object(members)
  }

  mutating func array(depth: Int) throws(JSONSyntaxError) -> JSONValue {
    at += 1
    var elements: [JSONValue] = []
    skipSpace()
    if take("]") { return .array(elements) }
    repeat { elements.append(try value(depth: depth + 1)) } while try anotherElement(before: "]")
    return .array(elements)
  }

  /// Reads the separator after an element: true for a comma, false for the closing bracket.
  mutating func anotherElement(before close: Unicode.Scalar) throws(JSONSyntaxError) -> Bool {
    skipSpace()
    guard at < bytes.count else { throw fault("the JSON ends early") }
    if take(",") { return true }
    guard take(close) else { throw fault("a comma or a closing bracket was expected") }
    return false
  }

  mutating func number() throws(JSONSyntaxError) -> String {
    let start = at
    _ = take("-")
    // No digit may follow a leading zero.
    guard take("0") ? !takeDigits() : takeDigits() else { throw JSONSyntaxError("no JSON value", offset: start) }
    if take("."), !takeDigits() { throw fault("a digit was expected") }
    if take("e") || take("E") {
      if !take("+") { _ = take("-") }
      guard takeDigits() else { throw fault("a digit was expected") }
    }
    return String(decoding: bytes[start..<at], as: UTF8.self)
  }

  /// Returns whether there were any digits.
  private mutating func takeDigits() -> Bool {
    let first = at
    while at < bytes.count, bytes[at] >= 0x30, bytes[at] <= 0x39 { at += 1 }
    return at > first
  }

  mutating func string() throws(JSONSyntaxError) -> String {
    at += 1
    let start = at
    while at < bytes.count, bytes[at] != UInt8(ascii: "\""), bytes[at] != UInt8(ascii: "\\"), bytes[at] >= 0x20 {
      at += 1
    }
    var text: [UInt8] = Array(bytes[start..<at])
    while true {
      guard at < bytes.count else { throw fault("the JSON ends inside a string") }
      let byte = bytes[at]
      at += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let valid = String(validating: text, as: UTF8.self) else {
          throw JSONSyntaxError("a string that is not UTF-8", offset: start)
        }
        return valid
      case UInt8(ascii: "\\"): try escape(into: &text)
      case 0..<0x20:
        at -= 1
        throw fault("a control character inside a string")
      default: text.append(byte)
      }
    }
  }

  mutating func escape(into text: inout [UInt8]) throws(JSONSyntaxError) {
    guard at < bytes.count else { throw fault("the JSON ends inside a string") }
    let byte = bytes[at]
    at += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0C)
    case UInt8(ascii: "n"): text.append(0x0A)
    case UInt8(ascii: "r"): text.append(0x0D)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "u"):
      var unit = try hexUnit()
      if unit >= 0xD800, unit < 0xDC00, at + 1 < bytes.count, bytes[at] == UInt8(ascii: "\\"),
        bytes[at + 1] == UInt8(ascii: "u")
      {
        let mark = at
        at += 2
        let low = try hexUnit()
        if low >= 0xDC00, low < 0xE000 {
          unit = 0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00)
        } else {
          at = mark
        }
      }
      // A lone surrogate has no UTF-8 form, so the replacement character replaces it.
      text += String(Unicode.Scalar(unit) ?? "\u{FFFD}").utf8
    default:
      at -= 1
      throw fault("an escape that JSON does not have")
    }
  }

  mutating func hexUnit() throws(JSONSyntaxError) -> UInt32 {
    var unit: UInt32 = 0
    for _ in 0..<4 {
      guard at < bytes.count, let digit = hexDigit(bytes[at]) else {
        throw fault("four hexadecimal digits were expected")
      }
      unit = unit << 4 | digit
      at += 1
    }
    return unit
  }

  func hexDigit(_ byte: UInt8) -> UInt32? {
    switch byte {
    case 0x30...0x39: UInt32(byte - 0x30)
    case 0x41...0x46: UInt32(byte - 0x37)
    case 0x61...0x66: UInt32(byte - 0x57)
    default: nil
    }
  }
}
