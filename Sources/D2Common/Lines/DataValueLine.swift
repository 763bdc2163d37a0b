import CJSONBlocks
import Glibc

/// One line of input: a JSON object whose keys are located, not decoded. Lasts until its scratch is used again.
public struct DataValueLine {
  /// The keys of data values and registrations that d2 looks at.
  public enum Key: Int, CaseIterable, Sendable {
    case dataElement, period, orgUnit, categoryOptionCombo, attributeOptionCombo, value, dataSet, followup, followUp
    case organisationUnit, deleted, completed, comment, storedBy, created, lastUpdated, date
    /// The arrays of whole answers of DHIS2, which are not values.
    case dataValues, completeDataSetRegistrations

    /// As DHIS2 spells it.
    public var name: String { "\(self)" }
  }

  private static let keyCount = Key.allCases.count
  /// Where the fields of all other keys go.
  static let otherSlot = keyCount

  /// Some of the keys: a bit for each.
  public struct KeySet: Sendable {
    /// A bit for each, by its raw value.
    private(set) var bits: UInt32 = 0

    /// Some keys.
    public init(_ keys: Key...) { for key in keys { bits |= KeySet(key).bits } }

    /// Every key there is.
    fileprivate static let all = KeySet(bits: 1 << UInt32(keyCount) - 1)

    /// What stands for keys that d2 does not look at.
    static let others = KeySet(bits: 1 << UInt32(otherSlot))

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
    init(bits: UInt32) { self.bits = bits }
  }

  /// What stands after a key.
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
  let start: UnsafePointer<UInt8>
  /// How many bytes the line has.
  public let length: Int
  /// What kinds of values the line's keys have.
  public let keys: KeysByKind
  /// Whether no text of the line has an escape: then texts that are equal have equal bytes.
  public let isPlain: Bool

  /// The keys of a line by what stands after them, so that most lines are checked by a few comparisons.
  public struct KeysByKind: Sendable {
    /// All that are there.
    public fileprivate(set) var present = KeySet(bits: 0)
    /// With a text that is not empty.
    public fileprivate(set) var filled = KeySet(bits: 0)
    /// With true, false or null.
    public fileprivate(set) var flags = KeySet(bits: 0)
    /// With an object or array.
    public fileprivate(set) var nested = KeySet(bits: 0)
    /// Those that are there more than once; hardly any line has one.
    public fileprivate(set) var repeated = KeySet(bits: 0)

    /// None yet.
    init() {}

    /// Those of a line in a layout that was learnt.
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

    /// There is a key that d2 does not look at. The bit stands among the flags, which are the same in all lines of a
    /// layout.
    @inline(__always)
    mutating func noteOther() { flags = flags.union(.others) }

    /// Whether there is a key that d2 does not look at.
    public var hasOthers: Bool { !flags.isDisjoint(with: .others) }

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

  /// The text of a field as an id is compared: `nil` if it is absent or null. An escaped string is decoded.
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

  /// Reads a copy of a line; `nil` if it is malformed.
  public static func reading<Result>(
    _ bytes: ArraySlice<UInt8>, _ scratch: Scratch, _ body: (DataValueLine) -> Result
  ) -> Result? {
    PaddedLine.copying(bytes) { line in (try? DataValueLine(line, scratch)).map(body) }
  }

  /// A place for the structure of a line, and the layouts of lines before it; used again for each.
  public final class Scratch {
    fileprivate var positions: UnsafeMutablePointer<UInt32>
    fileprivate var capacity = 64 * 1024
    fileprivate let fields = UnsafeMutablePointer<Field>.allocate(capacity: keyCount + 1)
    let layouts = LineLayouts()
    /// The keys whose fields may not be absent.
    fileprivate var written = KeySet()

    /// A place for lines of up to 64 KiB; it grows.
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

    /// Makes the fields of all other keys absent.
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

  /// Locates the keys of a line. The whole line is checked to be valid JSON and UTF-8, since one bad value fails a
  /// whole request.
  public init(_ padded: PaddedLine, _ scratch: Scratch) throws(Fault) {
    if let line = DataValueLine(leading: padded, scratch), line.length == padded.bytes.count {
      self = line
    } else {
      try self.init(unfamiliar: padded, scratch)
    }
  }

  /// The line at the beginning of a text, with all that was said of lines, if its layout is known. Behind it stands a
  /// line end, LF or CRLF, or nothing.
  ///
  /// - Parameter scratch: borrowed, since an initialiser would otherwise retain and release it for each line.
  @inline(__always)
  public init?(leading padded: PaddedLine, _ scratch: borrowing Scratch) {
    guard let base = padded.bytes.baseAddress else { return nil }
    let text = base.assumingMemoryBound(to: UInt8.self)
    guard let line = scratch.layouts.follow(text, padded.bytes.count, scratch.fields) else {
      // Some fields may have been written.
      scratch.written = .all
      return nil
    }
    self.init(fields: scratch.fields, start: text, length: line.length, keys: line.keys, isPlain: line.isPlain)
    scratch.keep(keys.present)
  }

  /// A line whose layout is not known; it is learnt.
  public init(unfamiliar padded: PaddedLine, _ scratch: Scratch) throws(Fault) {
    let line = padded.bytes
    guard line.count <= Int(UInt32.max), let base = line.baseAddress else { throw Fault("an empty line") }
    let start = base.assumingMemoryBound(to: UInt8.self)
    let (keys, isPlain) = try Self.locate(line, start, scratch)
    self.init(fields: scratch.fields, start: start, length: line.count, keys: keys, isPlain: isPlain)
    scratch.keep(keys.present)
  }

  @inline(__always)
  private init(
    fields: UnsafeMutablePointer<Field>, start: UnsafePointer<UInt8>, length: Int, keys: KeysByKind, isPlain: Bool
  ) {
    self.fields = fields
    self.start = start
    self.length = length
    self.keys = keys
    self.isPlain = isPlain
  }

  /// Finds the structure of a line whose layout is not known.
  @inline(never)
  private static func locate(
    _ line: UnsafeRawBufferPointer, _ start: UnsafePointer<UInt8>, _ scratch: Scratch
  ) throws(Fault) -> (keys: KeysByKind, isPlain: Bool) {
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
    return (walk.keys, traits & UInt32(D2_JSON_BACKSLASH) == 0)
  }
}
