import D2Common

/// What happens to a value after a server has accepted it. Servers up to 2.42 drop some values and change others, with
/// SUCCESS (docs/dhis2-servers.md, trap 25).
public enum ValueFate: UInt8, Sendable {
  /// The server stores it as it is.
  case kept
  /// The server stores it in another spelling: without surrounding white space, as `true` or `false`, or without `.0`.
  case changed
  /// A zero that is not significant: the server does not store it, and deletes the previous value.
  case droppedZero
  /// A value of spaces only, with the same effect.
  case droppedBlank
  /// A zero of an element whose metadata is unknown.
  case doubtfulZero

  /// Why the destination lacks the value; `nil` if it has it.
  public var reason: String? {
    switch self {
    case .droppedZero:
      "not kept: the destination stores no zeros of this data element (zeroIsSignificant is false), and deletes what it had"
    case .droppedBlank: "not kept: the value is white space, which the destination does not store"
    default: nil
    }
  }
}

/// Decides which values a server does not keep as they are, by its version.
public struct ValueKeeping: Sendable {
  private let dropsAndTrims: Bool

  /// - Parameter version: the destination's version; an unknown one counts as one up to 2.42.
  package init(_ version: DHIS2Version?) { dropsAndTrims = !(version?.failsWholeGroups ?? false) }

  /// What is unusual about a text, before its data element is known.
  public struct Oddity: OptionSet, Sendable {
    /// One bit for each constant.
    public let rawValue: UInt8

    /// An oddity with these bits.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    // Constants, because generic code would build a literal of several options for each line.
    static let zero = Oddity(rawValue: 1)
    static let padded = Oddity(rawValue: 2)
    static let blank = Oddity(rawValue: 4)
    static let booleanSpelling = Oddity(rawValue: 8)
    static let zeroOrFalse = Oddity(rawValue: 9)
    static let pointZero = Oddity(rawValue: 16)

    /// No oddity; generic code would build the literal `[]` too.
    public init() { rawValue = 0 }

    /// Whether nothing is unusual.
    public var isNone: Bool { rawValue == 0 }
  }

  /// Checks the value of a line. For nearly all lines it looks only at the first byte and the last ones.
  public func oddity(of line: DataValueLine) -> Oddity {
    let field = line[.value]
    guard field.length > 0, field.kind == .string || field.kind == .number || field.kind == .boolean else {
      return Oddity()
    }
    let bytes = line.bytes(field)
    let (first, last, count) = (bytes[0], bytes[bytes.count - 1], bytes.count)
    if count == 1 { return oddity(ofOne: first, line) }
    let isPointZero = !dropsAndTrims && last == UInt8(ascii: "0") && bytes[count - 2] == UInt8(ascii: ".")
    if first > 0x20, last > 0x20, first != UInt8(ascii: "\\"), !isPointZero {
      if first > UInt8(ascii: "0"), first <= UInt8(ascii: "9") { return Oddity() }
      // Longer than any spelling of true, and without an escape at its end that could be white space.
      if first != UInt8(ascii: "0"), count > 6, !bytes[(count - 6)...].contains(UInt8(ascii: "\\")) { return Oddity() }
    }
    return slowOddity(of: line)
  }

  /// The fast path for values of one byte, because there are many zeros.
  @inline(__always)
  private func oddity(ofOne byte: UInt8, _ line: DataValueLine) -> Oddity {
    switch byte {
    case UInt8(ascii: "0"): line.isTrue(.deleted) ? Oddity() : dropsAndTrims ? .zeroOrFalse : .booleanSpelling
    case UInt8(ascii: "2")...UInt8(ascii: "9"): Oddity()
    case UInt8(ascii: "1"): line.isTrue(.deleted) ? Oddity() : .booleanSpelling
    default: slowOddity(of: line)
    }
  }

  @inline(never)
  private func slowOddity(of line: DataValueLine) -> Oddity {
    guard let text = line.text(.value), !line.isTrue(.deleted) else { return [] }
    var oddity = Oddity()
    let bytes = Array(text.utf8)
    if dropsAndTrims {
      if Self.isZero(bytes) { oddity.insert(.zero) }
      if let first = bytes.first, let last = bytes.last, first <= 0x20 || last <= 0x20 {
        // The server keeps the comment of a blank value.
        let hasComment = line[.comment].kind == .string && line[.comment].length > 0
        oddity.insert(bytes.allSatisfy { $0 <= 0x20 } && !hasComment ? .blank : .padded)
      }
    }
    if !dropsAndTrims, text.hasSuffix(".0") { oddity.insert(.pointZero) }
    if Self.booleanSpellings.contains(text.lowercased()), text != "true", text != "false" {
      oddity.insert(.booleanSpelling)
    }
    return oddity
  }

  /// Matches `^0(\.0*)?$` (`MathUtils` in dhis2-core).
  private static func isZero(_ bytes: [UInt8]) -> Bool {
    guard bytes.first == UInt8(ascii: "0") else { return false }
    return bytes.count == 1
      || bytes[1] == UInt8(ascii: ".") && bytes[2...].allSatisfy { $0 == UInt8(ascii: "0") }
  }

  /// Servers up to 2.42 refuse the last four.
  private static let booleanSpellings: Set<String> = ["true", "false", "t", "f", "1", "0", "yes", "y", "no", "n"]

  /// The fate of a value.
  ///
  /// - Parameter traits: the traits of its element at the destination; `nil` if unknown.
  package func fate(_ oddity: Oddity, of traits: ElementTraits?) -> ValueFate {
    if oddity.contains(.blank) { return .droppedBlank }
    if oddity.contains(.padded) { return .changed }
    guard let traits else { return oddity.contains(.zero) ? .doubtfulZero : .kept }
    if oddity.contains(.zero), traits.contains(.dropsZeros) { return .droppedZero }
    let isChanged =
      oddity.contains(.booleanSpelling) && traits.contains(.isBoolean)
      || oddity.contains(.pointZero) && traits.contains(.isInteger)
    return isChanged ? .changed : .kept
  }

  /// The text that such a server stores instead of a changed value.
  package static func stored(_ text: String, of traits: ElementTraits) -> String {
    if traits.contains(.isBoolean) {
      switch text.lowercased() {
      case "true", "t", "1", "yes", "y": return "true"
      case "false", "f", "0", "no", "n": return "false"
      default: break
      }
    }
    if traits.contains(.isInteger), text.hasSuffix(".0") { return String(text.dropLast(2)) }
    let bytes = Array(text.utf8)
    guard let first = bytes.firstIndex(where: { $0 > 0x20 }), let last = bytes.lastIndex(where: { $0 > 0x20 }) else {
      return ""
    }
    return String(decoding: bytes[first...last], as: UTF8.self)
  }
}
