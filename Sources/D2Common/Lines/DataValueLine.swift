import CJSONBlocks
import Glibc

/// One line of input: a JSON object whose keys are located, but not decoded. It is valid until its scratch is used
/// again.
public struct DataValueLine {
  /// The keys of data values and registrations that d2 uses.
  public enum Key: Int, CaseIterable, Sendable {
    case dataElement, period, orgUnit, categoryOptionCombo, attributeOptionCombo, value, dataSet, followup, followUp
    case organisationUnit, deleted, completed, comment, storedBy, created, lastUpdated, date
    /// The arrays in whole answers of DHIS2, which are not values.
    case dataValues, completeDataSetRegistrations

    /// DHIS2's spelling.
    public var name: String { "\(self)" }
  }

  private static let keyCount = Key.allCases.count
  /// The slot for the fields of all other keys.
  static let otherSlot = keyCount

  /// A set of keys, with one bit for each.
  public struct KeySet: Sendable {
    /// The bits, by raw value.
    private(set) var bits: UInt32 = 0

    /// A set of these keys.
    public init(_ keys: Key...) { for key in keys { bits |= Self.bit(of: key) } }

    /// All keys.
    fileprivate static let all = KeySet(bits: 1 << UInt32(keyCount) - 1)

    /// The bit for keys that d2 does not use.
    static let others = KeySet(bits: 1 << UInt32(otherSlot))

    /// A set of one key.
    @inline(__always)
    public init(_ key: Key) { bits = Self.bit(of: key) }

    @inline(__always)
    private static func bit(of key: Key) -> UInt32 { 1 << UInt32(truncatingIfNeeded: key.rawValue) }

    /// Whether the set is empty.
    public var isEmpty: Bool { bits == 0 }

    /// The first key, in the order of `Key`.
    public var first: Key? { bits == 0 ? nil : Key(rawValue: bits.trailingZeroBitCount) }

    /// Whether it contains all keys of the other set.
    @inline(__always)
    public func contains(_ other: KeySet) -> Bool { other.bits & ~bits == 0 }

    /// Whether it contains no key of the other set.
    @inline(__always)
    public func isDisjoint(with other: KeySet) -> Bool { bits & other.bits == 0 }

    /// The keys of both.
    @inline(__always)
    public func union(_ other: KeySet) -> KeySet { KeySet(bits: bits | other.bits) }

    /// Its keys without those of the other.
    @inline(__always)
    public func subtracting(_ other: KeySet) -> KeySet { KeySet(bits: bits & ~other.bits) }

    @inline(__always)
    init(bits: UInt32) { self.bits = bits }
  }

  /// The kind of a key's value.
  public enum Kind: UInt8, Sendable {
    case absent, string, number, boolean, null, object, array

    /// Spelled out, because other modules call the compiler's version through a table, several times for each line.
    @inline(__always)
    public static func == (left: Kind, right: Kind) -> Bool {
      unsafeBitCast(left, to: UInt8.self) == unsafeBitCast(right, to: UInt8.self)
    }

    /// Spelled out for the same reason.
    @inline(__always)
    public static func != (left: Kind, right: Kind) -> Bool { !(left == right) }
  }

  /// The place of a key's value in the line; of a string without its quotes.
  public struct Field: Sendable {
    /// The kind of the value.
    public var kind = Kind.absent
    /// The offset of its first byte in the line.
    public var start: UInt32 = 0
    /// Its length in bytes.
    public var length: UInt32 = 0
  }

  /// The problem with a line, as the end of a sentence.
  public struct Fault: Error, Equatable, Sendable, CustomStringConvertible {
    /// For example `no "period"`.
    public let description: String

    /// A fault with this text.
    public init(_ description: String) { self.description = description }
  }

  /// Memory of the scratch, valid until that is used again.
  private let fields: UnsafeMutablePointer<Field>
  let start: UnsafePointer<UInt8>
  /// The length of the line in bytes.
  public let length: Int
  /// The line's keys, by kinds of values.
  public let keys: KeysByKind
  /// Whether no text of the line has an escape. Then equal texts have equal bytes.
  public let isPlain: Bool
  /// Whether all bytes of the line are ASCII.
  public let isASCII: Bool

  /// The keys of a line by the kind of their values, so that most lines can be checked with a few comparisons.
  public struct KeysByKind: Sendable {
    /// All keys in the line.
    public fileprivate(set) var present = KeySet(bits: 0)
    /// Keys with a text that is not empty.
    public fileprivate(set) var filled = KeySet(bits: 0)
    /// Keys with true, false or null.
    public fileprivate(set) var flags = KeySet(bits: 0)
    /// Keys with an object or array.
    public fileprivate(set) var nested = KeySet(bits: 0)
    /// Keys that occur more than once, which is rare.
    public fileprivate(set) var repeated = KeySet(bits: 0)

    /// No keys yet.
    init() {}

    /// The keys of a line in a known layout.
    @inline(__always)
    init(present: KeySet, filled: KeySet, flags: KeySet) {
      self.present = present
      self.filled = filled
      self.flags = flags
    }

    @inline(__always)
    mutating func note(_ key: KeySet, _ field: Field) {
      if present.contains(key) { forget(key) }
      present = present.union(key)
      switch field.kind {
      case .string: if field.length > 0 { filled = filled.union(key) }
      case .boolean, .null: flags = flags.union(key)
      case .object, .array: nested = nested.union(key)
      case .number, .absent: break
      }
    }

    /// Records a key that d2 does not use. Its bit is among the flags, which are the same for all lines of a layout.
    @inline(__always)
    mutating func noteOther() { flags = flags.union(.others) }

    /// Whether there is a key that d2 does not use.
    public var hasOthers: Bool { !flags.isDisjoint(with: .others) }

    /// Forgets an earlier occurrence of a key, because the last one counts.
    @inline(never)
    private mutating func forget(_ key: KeySet) {
      repeated = repeated.union(key)
      filled = filled.subtracting(key)
      flags = flags.subtracting(key)
      nested = nested.subtracting(key)
    }
  }

  /// The place of a key's value.
  @inline(__always)
  public subscript(key: Key) -> Field { fields[key.rawValue] }

  /// The bytes of a field.
  @inline(__always)
  public func bytes(_ field: Field) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: start + Int(field.start), count: Int(field.length))
  }

  /// The text of a field, decoded for comparison with ids; `nil` if it is absent or null.
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

  /// Whether a field is true, even as a text.
  public func isTrue(_ key: Key) -> Bool { bytes(self[key]).elementsEqual("true".utf8) }

  /// Parses a copy of a line; `nil` if it is malformed.
  public static func reading<Result>(
    _ bytes: ArraySlice<UInt8>, _ scratch: Scratch, _ body: (DataValueLine) -> Result
  ) -> Result? {
    PaddedLine.copying(bytes) { line in (try? DataValueLine(line, scratch)).map(body) }
  }

  /// Memory for the structure of a line, and the layouts of earlier lines. It is reused for each line.
  public final class Scratch {
    fileprivate var positions: UnsafeMutablePointer<UInt32>
    fileprivate var capacity = 64 * 1024
    fileprivate let fields = UnsafeMutablePointer<Field>.allocate(capacity: keyCount + 1)
    let layouts = LineLayouts()
    /// The keys whose fields may not be absent.
    fileprivate var written = KeySet()

    /// A scratch for lines of up to 64 KiB; it grows.
    public init() {
      positions = .allocate(capacity: capacity)
      fields.initialize(repeating: Field(), count: keyCount + 1)
    }

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

    /// Marks the fields of all other keys as absent.
    @inline(__always)
    fileprivate func keep(_ keys: KeySet) {
      if !keys.contains(written) { forget(written.subtracting(keys)) }
      written = keys
    }

    @inline(never)
    private func forget(_ keys: KeySet) {
      for key in 0..<keyCount where keys.bits & 1 << key != 0 { fields[key] = Field() }
    }
  }

  /// Locates the keys of a line. It checks that the whole line is valid JSON and UTF-8, because one bad value can fail
  /// a whole request.
  public init(_ padded: PaddedLine, _ scratch: Scratch) throws(Fault) {
    if let line = DataValueLine(leading: padded, scratch), line.length == padded.bytes.count {
      self = line
    } else {
      try self.init(unfamiliar: padded, scratch)
    }
  }

  /// The line at the beginning of a text, if its layout is known. A line end (LF or CRLF) or nothing must follow it.
  ///
  /// - Parameter scratch: borrowed, because otherwise an initialiser would retain and release it for each line.
  @inline(__always)
  public init?(leading padded: PaddedLine, _ scratch: borrowing Scratch) {
    guard let base = padded.bytes.baseAddress else { return nil }
    let text = base.assumingMemoryBound(to: UInt8.self)
    guard let line = scratch.layouts.follow(text, padded.bytes.count, scratch.fields) else {
      // Some fields may have been written.
      scratch.written = .all
      return nil
    }
    self.init(fields: scratch.fields, start: text, length: line.length, keys: line.keys, traits: line.traits)
    scratch.keep(keys.present)
  }

  /// Parses a line with an unknown layout, and learns the layout.
  public init(unfamiliar padded: PaddedLine, _ scratch: Scratch) throws(Fault) {
    let line = padded.bytes
    guard line.count <= Int(UInt32.max), let base = line.baseAddress else { throw Fault("an empty line") }
    let start = base.assumingMemoryBound(to: UInt8.self)
    let (keys, traits) = try Self.locate(line, start, scratch)
    self.init(fields: scratch.fields, start: start, length: line.count, keys: keys, traits: traits)
    scratch.keep(keys.present)
  }

  @inline(__always)
  private init(
    fields: UnsafeMutablePointer<Field>, start: UnsafePointer<UInt8>, length: Int, keys: KeysByKind, traits: UInt32
  ) {
    self.fields = fields
    self.start = start
    self.length = length
    self.keys = keys
    isPlain = traits & UInt32(D2_JSON_BACKSLASH) == 0
    isASCII = traits & UInt32(D2_JSON_NOT_ASCII) == 0
  }

  /// Finds the structure of a line with an unknown layout.
  @inline(never)
  private static func locate(
    _ line: UnsafeRawBufferPointer, _ start: UnsafePointer<UInt8>, _ scratch: Scratch
  ) throws(Fault) -> (keys: KeysByKind, traits: UInt32) {
    scratch.reserve(line.count + 1)
    scratch.written = .all
    var traits: UInt32 = 0
    let count = d2_json_index(start, line.count, scratch.positions, &traits)
    guard count >= 0 else {
      if let problem = ForeignInput.problem(with: line) { throw Fault(problem) }
      throw Fault(
        count == Int64(D2_JSON_OPEN_STRING)
          ? "a string that does not end" : "a control byte inside a string at byte \(scratch.positions[0])")
    }
    var walk = StructureWalk(text: start, length: line.count, positions: scratch.positions, count: Int(count))
    guard walk.byte(0) == UInt8(ascii: "{") else {
      throw Fault(ForeignInput.problem(with: line) ?? "not a JSON object")
    }
    do throws(Fault) { try walk.object(into: scratch.fields) } catch {
      throw ForeignInput.problem(with: line).map { Fault($0) } ?? error
    }
    if traits != 0, let problem = TextCheck.problem(in: line) { throw Fault(problem) }
    scratch.layouts.learn(walk, scratch.fields)
    return (walk.keys, traits)
  }
}
