import D2Common
import D2Split

/// The simplest splitter: the whole text, byte by byte, without masks. It is slow and obvious.
package struct ReferenceSplitter {
  package private(set) var elements: [[UInt8]] = []
  package private(set) var problem: SplitProblem?

  package var lines: [String] { elements.map { String(decoding: $0, as: UTF8.self) } }

  /// Splits a text with `dataValues` among other members. It inserts `suffix` before each closing brace.
  package init(_ bytes: [UInt8], arrayKey: String = "dataValues") {
    do throws(SplitProblem) {
      try read(bytes, Array(arrayKey.utf8))
    } catch {
      problem = error
    }
  }

  // MARK: What is known at a byte

  private var stack: [UInt8] = []
  private var inString = false
  private var escaped = false
  private var string: [UInt8] = []
  private var lastString: [UInt8] = []
  private var key: [UInt8] = []
  private var element: [UInt8] = []
  private var inArray = false
  private var begun = false
  private var ended = false
  private var afterComma = false
  private var afterElement = false
  private var betweenElements: Bool { inArray && stack.count == 2 }

  private mutating func read(_ bytes: [UInt8], _ arrayKey: [UInt8]) throws(SplitProblem) {
    for byte in bytes {
      if inString {
        try readString(byte)
        continue
      }
      if [0x20, 0x0A, 0x0D, 0x09].contains(byte) { continue }
      if ended { throw .trailingBytes }
      if !begun {
        guard byte == UInt8(ascii: "{") else { throw .notAnObject }
        begun = true
        stack.append(byte)
        continue
      }
      switch byte {
      case UInt8(ascii: "\""): try beginString(byte)
      case UInt8(ascii: ":") where stack.count == 1: key = lastString
      case UInt8(ascii: "{"), UInt8(ascii: "["): try open(byte, arrayKey)
      case UInt8(ascii: "}"), UInt8(ascii: "]"): try close(byte)
      case UInt8(ascii: ",") where betweenElements:
        guard afterElement else { throw .unexpected(byte) }
        afterElement = false
        afterComma = true
      case UInt8(ascii: "<"): throw .htmlInside
      case UInt8(ascii: "\\"): throw .unexpected(byte)
      default:
        if betweenElements { throw .elementNotAnObject }
        if inArray { element.append(byte) }
      }
    }
    if !ended { throw .endsEarly }
  }

  private mutating func beginString(_ byte: UInt8) throws(SplitProblem) {
    if betweenElements { throw .elementNotAnObject }
    inString = true
    string = []
    if stack.count > 2, inArray { element.append(byte) }
  }

  private mutating func readString(_ byte: UInt8) throws(SplitProblem) {
    if byte < 0x20 { throw .controlByte }
    if stack.count > 2 { element.append(byte) }
    if escaped {
      escaped = false
    } else if byte == UInt8(ascii: "\\") {
      escaped = true
    } else if byte == UInt8(ascii: "\"") {
      inString = false
      lastString = string
    }
    if inString { string.append(byte) }
  }

  private mutating func open(_ byte: UInt8, _ arrayKey: [UInt8]) throws(SplitProblem) {
    if betweenElements {
      if afterElement { throw .unexpected(byte) }
      guard byte == UInt8(ascii: "{") else { throw .elementNotAnObject }
      element = []
    }
    if stack.count == 1, byte == UInt8(ascii: "["), key == arrayKey { inArray = true }
    stack.append(byte)
    if inArray, stack.count > 2 { element.append(byte) }
  }

  private mutating func close(_ byte: UInt8) throws(SplitProblem) {
    guard stack.last == byte - 2 else { throw betweenElements ? .unexpected(byte) : .unbalanced }
    if betweenElements, afterComma { throw .unexpected(byte) }
    if inArray, stack.count > 2 { element.append(byte) }
    stack.removeLast()
    if inArray, stack.count == 2 {
      elements.append(element)
      afterElement = true
      afterComma = false
    }
    if inArray, stack.count == 1 { inArray = false }
    if stack.isEmpty { ended = true }
  }
}
