import D2Common

/// Numbers as they are written where the decimal mark is a comma: `12,5`.
struct DecimalCommas {
  /// Whether they are read as numbers.
  let areRead: Bool
  /// Numbers that were read, since their cells need their bytes.
  private let kept = Kept()

  private final class Kept {
    var bytes = KeptBytes([])
    var left = 0
  }

  /// Numbers with a comma that were left as they are.
  var left: Int { kept.left }

  init(areRead: Bool) { self.areRead = areRead }

  /// The cell of a value: with a point where the comma stood, if commas are decimal marks.
  ///
  /// - Parameter fault: the failure for a cell that is not to be read so.
  @inline(__always)
  func cell(_ text: UnsafeRawBufferPointer, fault: (String) -> CommandFailure) throws -> Cell {
    if text.contains(UInt8(ascii: ",")) {
      if areRead { return try number(text, fault) }
      if Self.isNumber(text) { kept.left += 1 }
    }
    return Cell(form: .text, start: text.baseAddress?.assumingMemoryBound(to: UInt8.self), count: text.count)
  }

  private func number(_ text: UnsafeRawBufferPointer, _ fault: (String) -> CommandFailure) throws -> Cell {
    guard Self.isNumber(text) else {
      // A text with a comma in it is none of a number's business.
      if text.contains(where: { $0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7A }) {
        return Cell(form: .text, start: text.baseAddress?.assumingMemoryBound(to: UInt8.self), count: text.count)
      }
      throw fault("\(String(decoding: text, as: UTF8.self).quoted) is no number with a decimal comma")
    }
    kept.bytes = KeptBytes(text.map { $0 == UInt8(ascii: ",") ? UInt8(ascii: ".") : $0 })
    return Cell(form: .text, start: kept.bytes.start, count: kept.bytes.count)
  }

  /// Whether a text is a number with one comma and digits on both sides of it.
  static func isNumber(_ text: UnsafeRawBufferPointer) -> Bool {
    var digits = text[...]
    if digits.first == UInt8(ascii: "-") { digits = digits.dropFirst() }
    let parts = digits.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
    return parts.count == 2
      && parts.allSatisfy { part in
        !part.isEmpty && part.allSatisfy { (0x30...0x39).contains($0) }
      }
  }
}
