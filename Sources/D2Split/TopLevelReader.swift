import D2Common

/// Reads the top level of an answer byte by byte: the keys beside the one array that matters.
///
/// The members beside the array are small (a few ids), so this reader is simple rather than fast.
struct TopLevelReader: ~Copyable {
  /// The result of reading a byte.
  enum Event: Equatable {
    /// Inside the document, nothing to report.
    case within
    /// The byte opened the wanted array.
    case arrayOpened
    /// The byte closed the document.
    case documentClosed
  }

  private enum Place { case start, keyOrEnd, key, colon, value, insideValue, commaOrEnd, nextKey, end }

  /// The limit of a member that is kept for later; an id or a date has fewer than a hundred bytes.
  static let largestKeptMember = 64 * 1024

  private let arrayKey: [UInt8]
  private var place = Place.start
  private var key: [UInt8] = []
  private var value: [UInt8] = []
  private var stack: [UInt8] = []
  private var inString = false
  private var escaped = false
  private(set) var sawArray = false
  /// The members beside the array: raw key (without quotes) and raw value.
  private(set) var members: [(key: [UInt8], value: [UInt8])] = []

  init(arrayKey: String) { self.arrayKey = Array(arrayKey.utf8) }

  var isComplete: Bool { place == .end }
  var hasBegun: Bool { place != .start }

  /// Reads one byte. - Throws: the problem, without its offset.
  mutating func take(_ byte: UInt8) throws(SplitProblem) -> Event {
    switch place {
    case .key: try takeKey(byte)
    case .insideValue: return try takeInsideValue(byte)
    default:
      if byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { return .within }
      return try takeToken(byte)
    }
    return .within
  }

  /// Continues after the end of the array.
  mutating func arrayClosed() { place = .commaOrEnd }

  private mutating func takeToken(_ byte: UInt8) throws(SplitProblem) -> Event {
    switch (place, byte) {
    case (.start, UInt8(ascii: "{")): place = .keyOrEnd
    case (.start, _): throw .notAnObject
    case (.keyOrEnd, UInt8(ascii: "\"")), (.nextKey, UInt8(ascii: "\"")):
      key.removeAll()
      place = .key
    case (.keyOrEnd, UInt8(ascii: "}")), (.commaOrEnd, UInt8(ascii: "}")):
      place = .end
      return .documentClosed
    case (.colon, UInt8(ascii: ":")): place = .value
    case (.value, _): return try beginValue(byte)
    case (.commaOrEnd, UInt8(ascii: ",")): place = .nextKey
    case (.end, _): throw .trailingBytes
    default: throw .unexpected(byte)
    }
    return .within
  }

  private mutating func takeKey(_ byte: UInt8) throws(SplitProblem) {
    guard byte >= 0x20 else { throw .controlByte }
    if escaped {
      escaped = false
    } else if byte == UInt8(ascii: "\\") {
      escaped = true
    } else if byte == UInt8(ascii: "\"") {
      place = .colon
      return
    }
    guard key.count < Self.largestKeptMember else { throw .tooLarge }
    key.append(byte)
  }

  private mutating func beginValue(_ byte: UInt8) throws(SplitProblem) -> Event {
    if byte == UInt8(ascii: "["), key == arrayKey {
      guard !sawArray else { throw .arrayTwice }
      sawArray = true
      return .arrayOpened
    }
    // Some programs write null instead of an empty array. Any other value would look like an answer without values.
    guard key != arrayKey || byte == UInt8(ascii: "n") else { throw .notAnArray }
    value.removeAll()
    place = .insideValue
    return try takeInsideValue(byte)
  }

  private mutating func takeInsideValue(_ byte: UInt8) throws(SplitProblem) -> Event {
    if inString {
      guard byte >= 0x20 else { throw .controlByte }
      if escaped {
        escaped = false
      } else if byte == UInt8(ascii: "\\") {
        escaped = true
      } else if byte == UInt8(ascii: "\"") {
        inString = false
      }
      try keep(byte)
      if !inString, stack.isEmpty { try endValue() }
      return .within
    }
    // After the first byte of a number or a word, neither a string nor a bracket can begin.
    let isWord = stack.isEmpty && !value.isEmpty
    switch byte {
    case UInt8(ascii: "\"") where !isWord: inString = true
    case UInt8(ascii: "{") where !isWord, UInt8(ascii: "[") where !isWord:
      guard stack.count < DataValueSplitter.deepest else { throw .tooDeep }
      stack.append(byte + 2)  // '{' and '[' stand two before their closing brackets
    case UInt8(ascii: "}"), UInt8(ascii: "]"):
      guard let open = stack.popLast() else {
        guard isWord else { throw .unexpected(byte) }
        // The closing bracket of the document itself, after a number or a word.
        try endValue()
        return try takeToken(byte)
      }
      guard open == byte else { throw .unexpected(byte) }
      try keep(byte)
      if stack.isEmpty { try endValue() }
      return .within
    case UInt8(ascii: ",") where stack.isEmpty:
      guard isWord else { throw .unexpected(byte) }
      try endValue()
      return try takeToken(byte)
    case 0x20, 0x0A, 0x0D, 0x09:
      if stack.isEmpty { try endValue() }
      return .within
    case UInt8(ascii: "<"): throw .htmlInside
    case UInt8(ascii: "\\"): throw .unexpected(byte)
    case 0..<0x20: throw .controlByte
    default: guard !stack.isEmpty || Self.isOfWord(byte) else { throw .unexpected(byte) }
    }
    try keep(byte)
    return .within
  }

  /// Whether a byte can be part of a number, `true`, `false` or `null`.
  private static func isOfWord(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."): true
    default: false
    }
  }

  private mutating func keep(_ byte: UInt8) throws(SplitProblem) {
    // A large member (real servers have none) is skipped, not kept.
    if value.count < Self.largestKeptMember { value.append(byte) }
  }

  private mutating func endValue() throws(SplitProblem) {
    if key == arrayKey {
      guard value == Array("null".utf8) else { throw .notAnArray }
      sawArray = true
    }
    members.append((key, value))
    if members.count > 256 { members.removeFirst() }
    value.removeAll()
    place = .commaOrEnd
  }
}
