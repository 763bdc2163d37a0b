/// Checks what the structure does not show: the escapes of a text, its UTF-8, and whether control bytes between tokens
/// are white space.
package enum TextCheck {
  /// The offset of the first byte that is not valid UTF-8; `nil` if all are.
  package static func firstFaultOfUTF8(in text: UnsafeRawBufferPointer) -> Int? {
    var at = 0
    while at < text.count {
      guard let length = text[at] < 0x80 ? 1 : sequenceLength(text, at) else { return at }
      at += length
    }
    return nil
  }

  static func problem(in line: UnsafeRawBufferPointer) -> String? {
    var at = 0
    while at < line.count {
      // Check eight bytes at a time while all of them are plain.
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
