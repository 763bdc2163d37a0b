import D2Common
import Glibc

/// Converts between plain texts and the inside of JSON strings.
enum TextBytes {
  /// Appends a text as the inside of a JSON string.
  @inline(__always)
  static func appendJSON(_ text: UnsafeRawBufferPointer, to out: inout ByteArray) {
    guard let start = text.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
    var from = 0
    for at in 0..<text.count {
      let byte = start[at]
      guard JSONValue.needsEscape(byte) else { continue }
      out.append(start + from, at - from)
      from = at + 1
      out.append(contentsOf: JSONValue.escape(of: byte))
    }
    out.append(start + from, text.count - from)
  }

  /// Appends the text of a valid JSON string's inside. False if half of a surrogate pair stands alone, because no text
  /// can contain that.
  static func appendDecoded(_ string: UnsafeRawBufferPointer, to out: inout ByteArray) -> Bool {
    var at = 0
    while at < string.count {
      let byte = string[at]
      guard byte == UInt8(ascii: "\\") else {
        out.append(byte)
        at += 1
        continue
      }
      let escape = string[at + 1]
      at += 2
      switch escape {
      case UInt8(ascii: "b"): out.append(0x08)
      case UInt8(ascii: "f"): out.append(0x0C)
      case UInt8(ascii: "n"): out.append(0x0A)
      case UInt8(ascii: "r"): out.append(0x0D)
      case UInt8(ascii: "t"): out.append(0x09)
      case UInt8(ascii: "u"):
        guard let scalar = scalar(string, &at) else { return false }
        out.append(contentsOf: Array(String(scalar).utf8))
      default: out.append(escape)
      }
    }
    return true
  }

  /// The scalar of one or two groups of four digits; `at` is the index after `\u`.
  private static func scalar(_ string: UnsafeRawBufferPointer, _ at: inout Int) -> Unicode.Scalar? {
    let first = unit(string, at)
    at += 4
    guard (0xD800...0xDBFF).contains(first) else { return Unicode.Scalar(first) }
    guard at + 5 < string.count, string[at] == UInt8(ascii: "\\"), string[at + 1] == UInt8(ascii: "u") else {
      return nil
    }
    let second = unit(string, at + 2)
    guard (0xDC00...0xDFFF).contains(second) else { return nil }
    at += 6
    return Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
  }

  private static func unit(_ string: UnsafeRawBufferPointer, _ at: Int) -> UInt32 {
    string[at..<at + 4].reduce(0) { unit, digit in
      unit << 4 | UInt32(digit <= 0x39 ? digit - 0x30 : (digit | 0x20) - 0x61 + 10)
    }
  }
}

extension Cell {
  /// The text of the cell; empty if the cell is absent or null.
  var text: String {
    switch form {
    case .absent, .null: return ""
    case .text, .json: return String(decoding: bytes, as: UTF8.self)
    case .string:
      var decoded = ByteArray()
      _ = TextBytes.appendDecoded(bytes, to: &decoded)
      return String(decoding: decoded.bytes, as: UTF8.self)
    }
  }
}
