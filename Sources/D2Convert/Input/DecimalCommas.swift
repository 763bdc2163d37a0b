import D2Common

/// Reads numbers that have a comma as their decimal mark: `12,5`.
package final class DecimalCommas {
  /// Whether to read them as numbers.
  private let areRead: Bool
  /// The current number. It stays here because its cell refers to its bytes.
  private var number = KeptBytes([])
  /// How many numbers with a comma were left unchanged.
  package private(set) var left = 0

  package init(areRead: Bool) { self.areRead = areRead }

  /// The cell of a value. If commas are decimal marks, it has a point instead of the comma.
  ///
  /// - Parameter fault: makes the error for a cell that is not such a number.
  @inline(__always)
  func cell(_ text: UnsafeRawBufferPointer, fault: (String) -> CommandFailure) throws -> Cell {
    if text.contains(UInt8(ascii: ",")) {
      if areRead { return try read(text, fault) }
      if Self.isNumber(text) { left += 1 }
    }
    return Cell(form: .text, text)
  }

  private func read(_ text: UnsafeRawBufferPointer, _ fault: (String) -> CommandFailure) throws -> Cell {
    guard Self.isNumber(text) else {
      // A cell with letters is a text, which may contain a comma.
      if text.contains(where: { $0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7A }) { return Cell(form: .text, text) }
      throw fault("\(String(decoding: text, as: UTF8.self).quoted) is not a number with a decimal comma")
    }
    number = KeptBytes(text.map { $0 == UInt8(ascii: ",") ? UInt8(ascii: ".") : $0 })
    return number.cell
  }

  /// Whether a text is a number with one comma, and digits on both sides of it.
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
