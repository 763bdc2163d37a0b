import CJSONBlocks
import Glibc

/// One line of input: a JSON object whose keys are located, not decoded. Lasts until its scratch is used again.
package struct DataValueLine {
  /// The keys of data values and registrations that d2 looks at.
  package enum Key: Int, CaseIterable, Sendable {
    case dataElement, period, orgUnit, categoryOptionCombo, attributeOptionCombo, value, dataSet, followup, followUp
    case organisationUnit, deleted, completed, comment, storedBy, created, lastUpdated, date
    /// The arrays of whole answers of DHIS2, which are no values.
    case dataValues, completeDataSetRegistrations

    package var name: String { "\(self)" }
  }

  private static let keyCount = Key.allCases.count

  /// What stands behind a key.
  package enum Kind: UInt8, Sendable {
    case absent, string, number, boolean, null, object, array

    /// Spelled out, since the compiler's own is called through a table by other modules, several times a line.
    @inline(__always)
    package static func == (left: Kind, right: Kind) -> Bool {
      unsafeBitCast(left, to: UInt8.self) == unsafeBitCast(right, to: UInt8.self)
    }
  }

  /// Where the value of a key stands in the line; a string without its quotes.
  package struct Field: Sendable {
    package var kind = Kind.absent
    package var start: UInt32 = 0
    package var length: UInt32 = 0
  }

  /// What is wrong with a line, as the end of a sentence.
  package struct Fault: Error, Equatable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
  }

  /// The scratch's: they last until it is used again.
  private let fields: UnsafeMutablePointer<Field>
  private let start: UnsafePointer<UInt8>
  /// Keys behind which an object or array stands, and keys that stand there more than once: a bit for each key.
  private let nested: UInt32
  private let repeated: UInt32
  /// Whether no text of the line has an escape: then texts that are equal have equal bytes.
  package let isPlain: Bool

  /// Whether an object or array stands behind one of the keys.
  @inline(__always)
  package var hasNested: Bool { nested != 0 }

  /// The first key that stands there more than once; `nil` for nearly every line.
  @inline(__always)
  package var repeatedKey: Key? { repeated == 0 ? nil : Key(rawValue: repeated.trailingZeroBitCount) }

  @inline(__always)
  package subscript(key: Key) -> Field { fields[key.rawValue] }

  /// The bytes of a field.
  @inline(__always)
  package func bytes(_ field: Field) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: start + Int(field.start), count: Int(field.length))
  }

  /// The text of a field as an id is compared: `nil` where it is absent or null. An escaped string is decoded.
  package func text(_ key: Key) -> String? {
    let field = self[key]
    switch field.kind {
    case .absent, .null: return nil
    case .string:
      let raw = bytes(field)
      guard raw.contains(UInt8(ascii: "\\")) else { return String(decoding: raw, as: UTF8.self) }
      let quoted = [UInt8(ascii: "\"")] + Array(raw) + [UInt8(ascii: "\"")]
      return (try? JSONValue(parsing: quoted))?.string
    default: return String(decoding: bytes(field), as: UTF8.self)
    }
  }

  /// Whether a field is true, also as a text.
  package func isTrue(_ key: Key) -> Bool { bytes(self[key]).elementsEqual("true".utf8) }

  /// Reads a line whose bytes end where they end: they are copied, so that they can be read in blocks. `nil` where it
  /// is malformed.
  package static func reading<Result>(
    _ bytes: ArraySlice<UInt8>, _ scratch: Scratch, _ body: (DataValueLine) -> Result
  ) -> Result? {
    let padded = Array(bytes) + [UInt8](repeating: 0, count: 64)
    return padded.withUnsafeBytes { padded in
      (try? DataValueLine(UnsafeRawBufferPointer(rebasing: padded[..<bytes.count]), scratch)).map(body)
    }
  }

  /// A place for the structure of a line, used again for each.
  package final class Scratch {
    fileprivate var positions: UnsafeMutablePointer<UInt32>
    fileprivate var capacity = 64 * 1024
    fileprivate let fields = UnsafeMutablePointer<Field>.allocate(capacity: Key.allCases.count)

    package init() { positions = .allocate(capacity: capacity) }

    deinit {
      positions.deallocate()
      fields.deallocate()
    }

    fileprivate func reserve(_ length: Int) {
      guard length > capacity else { return }
      positions.deallocate()
      capacity = length
      positions = .allocate(capacity: capacity)
    }
  }

  /// Locates the keys of a line. The whole line is checked to be valid JSON and UTF-8, since one bad value fails a
  /// whole request.
  ///
  /// - Parameter line: readable for 63 bytes beyond its end.
  package init(_ line: UnsafeRawBufferPointer, _ scratch: Scratch) throws(Fault) {
    guard line.count <= Int(UInt32.max), let base = line.baseAddress else { throw Fault("an empty line") }
    scratch.reserve(line.count + 1)
    start = base.assumingMemoryBound(to: UInt8.self)
    var traits: UInt32 = 0
    let count = d2_json_index(start, line.count, scratch.positions, &traits)
    guard count >= 0 else {
      if let problem = ForeignInput.problem(with: line) { throw Fault(problem) }
      throw Fault(
        count == Int64(D2_JSON_OPEN_STRING)
          ? "a string that does not end" : "a control byte inside a string at byte \(scratch.positions[0])")
    }
    fields = scratch.fields
    fields.initialize(repeating: Field(), count: Self.keyCount)
    var walk = StructureWalk(text: start, length: line.count, positions: scratch.positions, count: Int(count))
    guard walk.byte(0) == UInt8(ascii: "{") else {
      throw Fault(ForeignInput.problem(with: line) ?? "not a JSON object")
    }
    do throws(Fault) { try walk.object(into: fields) } catch {
      throw ForeignInput.problem(with: line).map { Fault($0) } ?? error
    }
    nested = walk.nested
    repeated = walk.repeated
    isPlain = traits == 0
    if traits != 0, let problem = TextCheck.problem(in: line) { throw Fault(problem) }
  }
}

/// Walks the structure of one line and checks its grammar.
private struct StructureWalk {
  /// Deeper than any value; the check is recursive.
  static let deepest = 64

  let text: UnsafePointer<UInt8>
  let length: Int
  let positions: UnsafePointer<UInt32>
  let count: Int
  var next = 0
  /// Keys of the line itself: a bit for each.
  var nested: UInt32 = 0
  var repeated: UInt32 = 0

  /// The byte at a position of the structure; 0 behind the last.
  @inline(__always)
  func byte(_ index: Int) -> UInt8 { index < count ? text[Int(positions[index])] : 0 }

  @inline(__always)
  func position(_ index: Int) -> Int { index < count ? Int(positions[index]) : length }

  func fault(_ expected: String) -> DataValueLine.Fault {
    DataValueLine.Fault(
      next < count
        ? "\(expected) was expected at byte \(positions[next])" : "the JSON ends early: \(expected) was expected")
  }

  /// The object of the line itself.
  mutating func object(into fields: UnsafeMutablePointer<DataValueLine.Field>) throws(DataValueLine.Fault) {
    next = 1
    if byte(1) == UInt8(ascii: "}") {
      next = 2
    } else {
      repeat {
        guard byte(next) == UInt8(ascii: "\"") else { throw fault("a key") }
        let keyStart = Int(positions[next]) + 1
        let keyLength = position(next + 1) - keyStart
        guard byte(next + 2) == UInt8(ascii: ":") else {
          next += 2
          throw fault("a colon")
        }
        next += 3
        let field = try value(depth: 1)
        if let key = Self.key(text + keyStart, keyLength) {
          if fields[key.rawValue].kind != .absent { repeated |= 1 << UInt32(key.rawValue) }
          if field.kind == .object || field.kind == .array { nested |= 1 << UInt32(key.rawValue) }
          fields[key.rawValue] = field
        }
      } while try another(before: UInt8(ascii: "}"))
    }
    guard next == count else { throw .init("something stands behind the JSON object at byte \(positions[next])") }
  }

  /// After a member or element: true at a comma, false at the closing bracket.
  @inline(__always)
  private mutating func another(before close: UInt8) throws(DataValueLine.Fault) -> Bool {
    let found = byte(next)
    guard found == UInt8(ascii: ",") || found == close else { throw fault("a comma or a closing bracket") }
    next += 1
    return found != close
  }

  @inline(__always)
  private mutating func value(depth: Int) throws(DataValueLine.Fault) -> DataValueLine.Field {
    let begin = position(next)
    switch byte(next) {
    case UInt8(ascii: "\""):
      let end = position(next + 1)
      next += 2
      return .init(kind: .string, start: UInt32(begin + 1), length: UInt32(end - begin - 1))
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      return try nested(depth: depth)
    case 0, UInt8(ascii: "}"), UInt8(ascii: "]"), UInt8(ascii: ","), UInt8(ascii: ":"):
      throw fault("a value")
    default:
      var end = position(next + 1)
      while end > begin, text[end - 1] <= 0x20 { end -= 1 }
      let kind = try Self.scalar(text + begin, end - begin, at: begin)
      next += 1
      return .init(kind: kind, start: UInt32(begin), length: UInt32(end - begin))
    }
  }

  @inline(never)
  private mutating func nested(depth: Int) throws(DataValueLine.Fault) -> DataValueLine.Field {
    guard depth < Self.deepest else { throw .init("JSON nested deeper than \(Self.deepest) levels") }
    let begin = position(next)
    let isObject = byte(next) == UInt8(ascii: "{")
    let close = isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")
    next += 1
    if byte(next) == close {
      next += 1
    } else {
      repeat {
        if isObject {
          guard byte(next) == UInt8(ascii: "\"") else { throw fault("a key") }
          guard byte(next + 2) == UInt8(ascii: ":") else {
            next += 2
            throw fault("a colon")
          }
          next += 3
        }
        _ = try value(depth: depth + 1)
      } while try another(before: close)
    }
    let end = Int(positions[next - 1]) + 1
    return .init(kind: isObject ? .object : .array, start: UInt32(begin), length: UInt32(end - begin))
  }

  private static func scalar(
    _ text: UnsafePointer<UInt8>, _ length: Int, at offset: Int
  ) throws(DataValueLine.Fault) -> DataValueLine.Kind {
    switch text[0] {
    case UInt8(ascii: "t") where length == 4 && memcmp(text, "true", 4) == 0: return .boolean
    case UInt8(ascii: "f") where length == 5 && memcmp(text, "false", 5) == 0: return .boolean
    case UInt8(ascii: "n") where length == 4 && memcmp(text, "null", 4) == 0: return .null
    case UInt8(ascii: "-"), 0x30...0x39:
      if case .number = try? JSONValue(parsing: UnsafeBufferPointer(start: text, count: length)) { return .number }
    default: break
    }
    throw .init("no JSON value at byte \(offset)")
  }

  @inline(__always)
  private static func key(_ text: UnsafePointer<UInt8>, _ length: Int) -> DataValueLine.Key? {
    switch length {
    case 11 where memcmp(text, "dataElement", 11) == 0: .dataElement
    case 6 where memcmp(text, "period", 6) == 0: .period
    case 7 where memcmp(text, "orgUnit", 7) == 0: .orgUnit
    case 7 where memcmp(text, "dataSet", 7) == 0: .dataSet
    case 7 where memcmp(text, "deleted", 7) == 0: .deleted
    case 19 where memcmp(text, "categoryOptionCombo", 19) == 0: .categoryOptionCombo
    case 20 where memcmp(text, "attributeOptionCombo", 20) == 0: .attributeOptionCombo
    case 5 where memcmp(text, "value", 5) == 0: .value
    case 9 where memcmp(text, "completed", 9) == 0: .completed
    case 8 where memcmp(text, "followup", 8) == 0: .followup
    case 8 where memcmp(text, "followUp", 8) == 0: .followUp
    case 16 where memcmp(text, "organisationUnit", 16) == 0: .organisationUnit
    case 7 where memcmp(text, "comment", 7) == 0: .comment
    case 8 where memcmp(text, "storedBy", 8) == 0: .storedBy
    case 7 where memcmp(text, "created", 7) == 0: .created
    case 11 where memcmp(text, "lastUpdated", 11) == 0: .lastUpdated
    case 4 where memcmp(text, "date", 4) == 0: .date
    case 10 where memcmp(text, "dataValues", 10) == 0: .dataValues
    case 28 where memcmp(text, "completeDataSetRegistrations", 28) == 0: .completeDataSetRegistrations
    default: memchr(text, 0x5C, length) == nil ? nil : escapedKey(text, length)
    }
  }

  /// A key in another spelling is the same key to a server.
  @inline(never)
  private static func escapedKey(_ text: UnsafePointer<UInt8>, _ length: Int) -> DataValueLine.Key? {
    let quoted = Array(UnsafeBufferPointer(start: text - 1, count: length + 2))
    guard let name = (try? JSONValue(parsing: quoted))?.string else { return nil }
    return DataValueLine.Key.allCases.first { $0.name == name }
  }
}

/// What the structure cannot tell of a text: its escapes, its UTF-8, and which control bytes between tokens are white
/// space.
private enum TextCheck {
  static func problem(in line: UnsafeRawBufferPointer) -> String? {
    var at = 0
    while at < line.count {
      // Eight at a time, where all of them are plain.
      while at + 8 <= line.count, isPlain(line.loadUnaligned(fromByteOffset: at, as: UInt64.self)) { at += 8 }
      guard at < line.count else { break }
      let byte = line[at]
      if byte == UInt8(ascii: "\\") {
        guard let length = escapeLength(line, at) else { return "an escape that JSON does not have at byte \(at)" }
        at += length
      } else if byte < 0x80 {
        let isAllowed = byte >= 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
        guard isAllowed else { return "a control byte at byte \(at)" }
        at += 1
      } else {
        guard let length = sequenceLength(line, at) else { return "bytes that are not UTF-8 at byte \(at)" }
        at += length
      }
    }
    return nil
  }

  /// Whether none of eight bytes is a control byte, a backslash, or above 0x7F.
  @inline(__always)
  private static func isPlain(_ word: UInt64) -> Bool {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let highBits: UInt64 = 0x8080_8080_8080_8080
    let notBackslash = word ^ (ones &* UInt64(UInt8(ascii: "\\")))
    let belowSpace = word &- ones &* 0x20
    let isBackslash = (notBackslash &- ones) & ~notBackslash
    return (word | belowSpace & ~word | isBackslash) & highBits == 0
  }

  private static func escapeLength(_ line: UnsafeRawBufferPointer, _ at: Int) -> Int? {
    guard at + 1 < line.count else { return nil }
    switch line[at + 1] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
      UInt8(ascii: "n"),
      UInt8(ascii: "r"), UInt8(ascii: "t"):
      return 2
    case UInt8(ascii: "u"):
      guard at + 5 < line.count else { return nil }
      let isHex = line[at + 2...at + 5].allSatisfy { byte in
        (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte & 0xDF) && byte >= 0x41
      }
      return isHex ? 6 : nil
    default: return nil
    }
  }

  /// The length of a UTF-8 sequence, by the table of well-formed sequences (Unicode 3-7).
  private static func sequenceLength(_ line: UnsafeRawBufferPointer, _ at: Int) -> Int? {
    func isContinuation(_ offset: Int, _ range: ClosedRange<UInt8> = 0x80...0xBF) -> Bool {
      at + offset < line.count && range.contains(line[at + offset])
    }
    switch line[at] {
    case 0xC2...0xDF: return isContinuation(1) ? 2 : nil
    case 0xE0: return isContinuation(1, 0xA0...0xBF) && isContinuation(2) ? 3 : nil
    case 0xED: return isContinuation(1, 0x80...0x9F) && isContinuation(2) ? 3 : nil
    case 0xE1...0xEF: return isContinuation(1) && isContinuation(2) ? 3 : nil
    case 0xF0: return isContinuation(1, 0x90...0xBF) && isContinuation(2) && isContinuation(3) ? 4 : nil
    case 0xF1...0xF3: return isContinuation(1) && isContinuation(2) && isContinuation(3) ? 4 : nil
    case 0xF4: return isContinuation(1, 0x80...0x8F) && isContinuation(2) && isContinuation(3) ? 4 : nil
    default: return nil
    }
  }
}
