import CJSONBlocks
import D2Common

/// Finds the ends of JSON values in a window, without parsing them.
enum JSONScan {
  private static let deepest = Int(D2_JSON_DEEPEST)
  private static let blocksAtOnce = 8

  /// The length in bytes of the object or array whose bracket is at an offset.
  ///
  /// - Throws: `CommandFailure`, 65 if it does not end, or is too deep or too long.
  static func length(ofNested window: TextWindow, at offset: Int) throws -> Int {
    while true {
      if let length = try lengthIfWhole(window, offset) { return length }
      guard try window.fill() else { throw window.malformed("the JSON that begins here does not end", at: offset) }
    }
  }

  private static func lengthIfWhole(_ window: TextWindow, _ offset: Int) throws -> Int? {
    var state = d2_json_state()
    var depth = 0
    var at = offset
    return try withUnsafeTemporaryAllocation(of: d2_json_block.self, capacity: blocksAtOnce) { blocks in
      while at < window.count {
        let length = min(blocksAtOnce * 64, window.count - at)
        d2_json_blocks(window.base + window.begin + at, length, &state, blocks.baseAddress!)
        for block in 0..<(length + 63) / 64 {
          var brackets = blocks[block].brackets
          while brackets != 0 {
            let place = at + block * 64 + brackets.trailingZeroBitCount
            brackets &= brackets &- 1
            let opens = window[place] == UInt8(ascii: "{") || window[place] == UInt8(ascii: "[")
            depth += opens ? 1 : -1
            if depth == 0 { return place + 1 - offset }
            if depth > deepest { throw window.malformed("JSON nested deeper than \(deepest) levels", at: offset) }
          }
        }
        at += length
      }
      return nil
    }
  }

  /// The length in bytes, with quotes, of the string whose first quote is at an offset.
  static func length(ofString window: TextWindow, at offset: Int) throws -> Int {
    var length = 1
    while try window.has(offset + length + 1) {
      switch window[offset + length] {
      case UInt8(ascii: "\""): return length + 1
      case UInt8(ascii: "\\"): length += 2
      case 0..<0x20: throw window.malformed("a control byte inside a string", at: offset + length)
      default: length += 1
      }
    }
    throw window.malformed("the JSON ends early: a string that begins here has no end", at: offset)
  }

  /// The length in bytes of the value at an offset.
  static func length(ofValue window: TextWindow, at offset: Int) throws -> Int {
    guard try window.has(offset + 1) else { throw window.malformed("the JSON ends early: a value is expected") }
    switch window[offset] {
    case UInt8(ascii: "\""): return try length(ofString: window, at: offset)
    case UInt8(ascii: "{"), UInt8(ascii: "["): return try length(ofNested: window, at: offset)
    default:
      var length = 0
      while try window.has(offset + length + 1), isOfWord(window[offset + length]) { length += 1 }
      if length == 0 { throw window.malformed("a value is expected, not \(window.shown(at: offset))", at: offset) }
      return length
    }
  }

  /// Whether a byte can be part of a number, `true`, `false` or `null`.
  private static func isOfWord(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."): true
    default: false
    }
  }

  /// The first byte at or after an offset that is not white space; `nil` if the text ends.
  static func pastSpace(_ window: TextWindow, _ offset: Int) throws -> Int? {
    var offset = offset
    while try window.has(offset + 1) {
      if !TextWindow.isSpace(window[offset]) { return offset }
      offset += 1
    }
    return nil
  }
}
