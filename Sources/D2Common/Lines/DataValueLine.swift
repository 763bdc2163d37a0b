import CJSONBlocks
import Glibc

/// One line of input: a JSON object whose keys are located, not decoded. Lasts until its scratch is used again.
public struct DataValueLine {
  /// The keys of data values and registrations that d2 looks at.
  public enum Key: Int, CaseIterable, Sendable {
    case dataElement, period, orgUnit, categoryOptionCombo, attributeOptionCombo, value, dataSet, followup, followUp
    case organisationUnit, deleted, completed, comment, storedBy, created, lastUpdated, date
    /// The arrays of whole answers of DHIS2, which are no values.
    case dataValues, completeDataSetRegistrations

    /// As DHIS2 spells it.
    public var name: String { "\(self)" }
  }

  private static let keyCount = Key.allCases.count

  /// Some of the keys: a bit for each.
  public struct KeySet: Sendable {
    private var bits: UInt32 = 0

    /// Some keys.
    public init(_ keys: Key...) { for key in keys { bits |= KeySet(key).bits } }

    /// One key.
    @inline(__always)
    public init(_ key: Key) { bits = 1 << UInt32(truncatingIfNeeded: key.rawValue) }

    /// Whether it has no key.
    public var isEmpty: Bool { bits == 0 }

    /// The first of them, in the order of `Key`.
    public var first: Key? { bits == 0 ? nil : Key(rawValue: bits.trailingZeroBitCount) }

    /// Whether it has all keys of the other.
    @inline(__always)
    public func contains(_ other: KeySet) -> Bool { other.bits & ~bits == 0 }

    /// Whether it has no key of the other.
    @inline(__always)
    public func isDisjoint(with other: KeySet) -> Bool { bits & other.bits == 0 }

    /// The keys of both.
    @inline(__always)
    public func union(_ other: KeySet) -> KeySet { KeySet(bits: bits | other.bits) }

    /// Its keys without those of the other.
    @inline(__always)
    public func subtracting(_ other: KeySet) -> KeySet { KeySet(bits: bits & ~other.bits) }

    @inline(__always)
    private init(bits: UInt32) { self.bits = bits }
  }

  /// What stands behind a key.
  public enum Kind: UInt8, Sendable {
    case absent, string, number, boolean, null, object, array

    /// Spelled out, since the compiler's own is called through a table by other modules, several times a line.
    @inline(__always)
    public static func == (left: Kind, right: Kind) -> Bool {
      unsafeBitCast(left, to: UInt8.self) == unsafeBitCast(right, to: UInt8.self)
    }

    /// Spelled out for the same reason.
    @inline(__always)
    public static func != (left: Kind, right: Kind) -> Bool { !(left == right) }
  }

  /// Where the value of a key stands in the line; a string without its quotes.
  public struct Field: Sendable {
    /// What it is.
    public var kind = Kind.absent
    /// Its first byte in the line.
    public var start: UInt32 = 0
    /// How many bytes it has.
    public var length: UInt32 = 0
  }

  /// What is wrong with a line, as the end of a sentence.
  public struct Fault: Error, Equatable, Sendable, CustomStringConvertible {
    /// Such as `no "period"`.
    public let description: String

    /// A fault in these words.
    public init(_ description: String) { self.description = description }
  }

  /// The scratch's: they last until it is used again.
  private let fields: UnsafeMutablePointer<Field>
  private let start: UnsafePointer<UInt8>
  /// What kinds of values the line's keys have.
  public let keys: KeysByKind
  /// Whether no text of the line has an escape: then texts that are equal have equal bytes.
  public let isPlain: Bool

  /// The keys of a line by what stands behind them, so that most lines are checked by a few comparisons.
  public struct KeysByKind: Sendable {
    /// All that are there.
    public fileprivate(set) var present = KeySet()
    /// With a text that is not empty.
    public fileprivate(set) var filled = KeySet()
    /// With true, false or null.
    public fileprivate(set) var flags = KeySet()
    /// With an object or array.
    public fileprivate(set) var nested = KeySet()
    /// Those that are there more than once; hardly any line has one.
    public fileprivate(set) var repeated = KeySet()

    @inline(__always)
    fileprivate mutating func note(_ key: KeySet, _ field: Field) {
      if present.contains(key) { forget(key) }
      present = present.union(key)
      switch field.kind {
      case .string: if field.length > 0 { filled = filled.union(key) }
      case .boolean, .null: flags = flags.union(key)
      case .object, .array: nested = nested.union(key)
      case .number, .absent: break
      }
    }

    /// The last one counts.
    @inline(never)
    private mutating func forget(_ key: KeySet) {
      repeated = repeated.union(key)
      filled = filled.subtracting(key)
      flags = flags.subtracting(key)
      nested = nested.subtracting(key)
    }
  }

  /// Where the value of a key stands.
  @inline(__always)
  public subscript(key: Key) -> Field { fields[key.rawValue] }

  /// The bytes of a field.
  @inline(__always)
  public func bytes(_ field: Field) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: start + Int(field.start), count: Int(field.length))
  }

  /// The text of a field as an id is compared: `nil` where it is absent or null. An escaped string is decoded.
  public func text(_ key: Key) -> String? {
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
  public func isTrue(_ key: Key) -> Bool { bytes(self[key]).elementsEqual("true".utf8) }

  /// Reads a copy of a line; `nil` where it is malformed.
  public static func reading<Result>(
    _ bytes: ArraySlice<UInt8>, _ scratch: Scratch, _ body: (DataValueLine) -> Result
  ) -> Result? {
    PaddedLine.copying(bytes) { line in (try? DataValueLine(line, scratch)).map(body) }
  }

  /// A place for the structure of a line, used again for each.
  public final class Scratch {
    fileprivate var positions: UnsafeMutablePointer<UInt32>
    fileprivate var capacity = 64 * 1024
    fileprivate let fields = UnsafeMutablePointer<Field>.allocate(capacity: Key.allCases.count)

    /// A place for lines of up to 64 KiB; it grows.
    public init() { positions = .allocate(capacity: capacity) }

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
  public init(_ padded: PaddedLine, _ scratch: Scratch) throws(Fault) {
    let line = padded.bytes
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
    keys = walk.keys
    isPlain = traits & UInt32(D2_JSON_BACKSLASH) == 0
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
  /// Those of the line itself.
  var keys = DataValueLine.KeysByKind()

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
        textMembers(into: fields)
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
          fields[key.rawValue] = field
          keys.note(DataValueLine.KeySet(key), field)
        }
      } while try another(before: UInt8(ascii: "}"))
    }
    guard next == count else { throw .init("something stands behind the JSON object at byte \(positions[next])") }
  }

  /// Nearly all members are a text, with another member behind them. This takes as many as stand here, and leaves
  /// everything else to the careful way.
  @inline(__always)
  private mutating func textMembers(into fields: UnsafeMutablePointer<DataValueLine.Field>) {
    // Copies: what is written to the fields might be `self`, as far as the compiler knows.
    let (text, end) = (text, positions + count)
    var place = positions + next
    var keys = keys
    while place + 5 < end {
      let (key, value) = (Int(place[0]), Int(place[3]))
      // Behind a quote that opens a text stands the one that ends it.
      guard text[key] == UInt8(ascii: "\""), text[Int(place[2])] == UInt8(ascii: ":"),
        text[value] == UInt8(ascii: "\""), text[Int(place[5])] == UInt8(ascii: ",")
      else { break }
      if let key = Self.key(text + key + 1, Int(place[1] - place[0]) - 1) {
        let field = DataValueLine.Field(kind: .string, start: place[3] + 1, length: place[4] - place[3] - 1)
        fields[key.rawValue] = field
        keys.note(DataValueLine.KeySet(key), field)
      }
      place += 6
    }
    next = place - positions
    self.keys = keys
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
