import D2Common

/// The error for a text that is not JSON, with the offset of the byte, counted from 0.
package struct UnreadableJSON: Error, CustomStringConvertible {
  package let problem: String
  package let offset: Int
  package var description: String { "\(problem) at byte \(offset)" }
}

extension JSONValue {
  /// Parses a document like DHIS2's Jackson with its default features: RFC 8259, and a byte order mark at the
  /// beginning. A key may occur twice, and numbers keep their spelling.
  ///
  /// The stand-in has its own parser, which shares nothing with that of D2Common. So an error there shows as a
  /// different result on the server.
  package init(reading bytes: some Collection<UInt8>) throws(UnreadableJSON) {
    let bytes = Array(bytes)
    guard String(validating: bytes, as: UTF8.self) != nil else { throw UnreadableJSON(problem: "not UTF-8", offset: 0) }
    var reader = JSONReader(bytes)
    self = try reader.document()
  }

  package init(reading text: String) throws(UnreadableJSON) { try self.init(reading: text.utf8) }
}

/// Reads the tokens of a text once, with a stack of its own for open brackets.
private struct JSONReader {
  /// Jackson's `StreamReadConstraints.DEFAULT_MAX_DEPTH`.
  static let deepest = 1000

  /// An open list or object. The elements of a list have no keys.
  private struct Open {
    let isList: Bool
    var members: [JSONValue.Member] = []
    var key = ""
  }

  /// What may come next.
  private enum Expected {
    case value, valueOrEnd, key, keyOrEnd, colon, commaOrEnd, nothing
  }

  private let bytes: [UInt8]
  private var at: Int
  private var open: [Open] = []
  private var expected = Expected.value
  private var result = JSONValue.null

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    at = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
  }

  mutating func document() throws(UnreadableJSON) -> JSONValue {
    while at < bytes.count {
      if [0x20, 0x09, 0x0A, 0x0D].contains(bytes[at]) { at += 1 } else { try token() }
    }
    guard case .nothing = expected else { throw fault("the end was not expected") }
    return result
  }

  private func fault(_ problem: String) -> UnreadableJSON { UnreadableJSON(problem: problem, offset: at) }

  private mutating func token() throws(UnreadableJSON) {
    switch (expected, Unicode.Scalar(bytes[at])) {
    case (.value, "{"), (.valueOrEnd, "{"): try begin(Open(isList: false), .keyOrEnd)
    case (.value, "["), (.valueOrEnd, "["): try begin(Open(isList: true), .valueOrEnd)
    case (.keyOrEnd, "}"), (.valueOrEnd, "]"), (.commaOrEnd, "}"), (.commaOrEnd, "]"): try end()
    case (.key, "\""), (.keyOrEnd, "\""): name(try string())
    case (.colon, ":"):
      at += 1
      expected = .value
    case (.commaOrEnd, ","):
      at += 1
      expected = open.last?.isList == true ? .value : .key
    case (.value, "\""), (.valueOrEnd, "\""): add(.string(try string()))
    case (.value, _), (.valueOrEnd, _): add(try word())
    case (_, let character): throw fault("`\(character)` was not expected")
    }
  }

  // MARK: - What is open

  private mutating func begin(_ container: Open, _ next: Expected) throws(UnreadableJSON) {
    guard open.count < Self.deepest else { throw fault("more than \(Self.deepest) levels") }
    at += 1
    open.append(container)
    expected = next
  }

  private mutating func end() throws(UnreadableJSON) {
    let closesList = bytes[at] == UInt8(ascii: "]")
    guard let last = open.last, last.isList == closesList else { throw fault("a bracket that closes nothing") }
    at += 1
    open.removeLast()
    add(closesList ? .array(last.members.map(\.value)) : .object(last.members))
  }

  private mutating func name(_ key: String) {
    open[open.count - 1].key = key
    expected = .colon
  }

  private mutating func add(_ value: JSONValue) {
    guard let last = open.indices.last else {
      result = value
      expected = .nothing
      return
    }
    open[last].members.append(.init(open[last].key, value))
    expected = .commaOrEnd
  }

  // MARK: - Words and strings

  /// Parses `null`, `true`, `false` or a number: everything up to a byte that cannot belong to it.
  private mutating func word() throws(UnreadableJSON) -> JSONValue {
    let rest = bytes[at...]
    let end = rest.firstIndex { ",]}:[{\" \t\r\n".utf8.contains($0) } ?? bytes.count
    let word = String(decoding: rest[..<end], as: UTF8.self)
    let value: JSONValue? =
      switch word {
      case "null": .null
      case "true": .bool(true)
      case "false": .bool(false)
      default: Self.isNumber(word) ? .number(word) : nil
      }
    guard let value else { throw fault("`\(word.prefix(40))` is not a value") }
    at = end
    return value
  }

  private static func isNumber(_ word: String) -> Bool {
    var rest = word.utf8[...]
    func digits() -> Bool {
      let some = rest.prefix { $0 >= 0x30 && $0 <= 0x39 }
      rest = rest[some.endIndex...]
      return !some.isEmpty
    }
    func take(_ characters: String) -> Bool {
      guard let first = rest.first, characters.utf8.contains(first) else { return false }
      rest = rest.dropFirst()
      return true
    }
    _ = take("-")
    guard take("0") || digits() else { return false }
    if take("."), !digits() { return false }
    if take("eE") {
      _ = take("-+")
      guard digits() else { return false }
    }
    return rest.isEmpty
  }

  private mutating func string() throws(UnreadableJSON) -> String {
    let rest = bytes[(at + 1)...]
    var isEscaped = false
    let end = rest.firstIndex { byte in
      defer { isEscaped = !isEscaped && byte == UInt8(ascii: "\\") }
      return byte == UInt8(ascii: "\"") && !isEscaped
    }
    guard let end else { throw fault("a string without an end") }
    guard !rest[..<end].contains(where: { $0 < 0x20 }) else { throw fault("a control character in a string") }
    let inside = String(decoding: rest[..<end], as: UTF8.self)
    guard let text = Self.unescaped(inside) else { throw fault("an escape that JSON does not have") }
    at = end + 1
    return text
  }

  /// The text of a string's inside; `nil` for an invalid escape. Java keeps half of a surrogate pair, which has no
  /// UTF-8.
  private static func unescaped(_ inside: String) -> String? {
    guard inside.utf8.contains(UInt8(ascii: "\\")) else { return inside }
    let short: [Unicode.Scalar: Unicode.Scalar] = [
      "\"": "\"", "\\": "\\", "/": "/", "b": "\u{8}", "f": "\u{C}", "n": "\n", "r": "\r", "t": "\t",
    ]
    var units: [UInt16] = []
    var scalars = inside.unicodeScalars[...]
    while let scalar = scalars.popFirst() {
      guard scalar == "\\" else {
        units += UTF16.encode(scalar)!
        continue
      }
      guard let kind = scalars.popFirst() else { return nil }
      if let plain = short[kind] {
        units += UTF16.encode(plain)!
      } else {
        let digits = scalars.prefix(4)
        guard kind == "u", digits.count == 4, digits.allSatisfy(\.properties.isASCIIHexDigit),
          let unit = UInt16(String(digits), radix: 16)
        else { return nil }
        units.append(unit)
        scalars.removeFirst(4)
      }
    }
    return String(decoding: units, as: UTF16.self)
  }
}
