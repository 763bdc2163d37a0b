/// An exact decimal number.
package struct Decimal: Equatable, Sendable, CustomStringConvertible {
  /// All digits, without the point.
  private var mantissa: Int128
  /// How many of the digits follow the point.
  private var scale: Int

  /// More digits than any value of DHIS2 has.
  private static let mostDigits = 36

  /// Parses `-12.50`, `3`, `.5`, `1e3`; `nil` for anything else, and for more digits than can be added exactly.
  package init?(_ text: some Collection<UInt8>) {
    var mantissa: Int128 = 0
    var scale = 0
    var digits = 0
    var isBehindPoint = false
    var rest = Substring(decoding: text, as: UTF8.self).utf8[...]
    let isNegative = rest.first == UInt8(ascii: "-")
    if isNegative || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
    while let byte = rest.first, byte == UInt8(ascii: ".") || (0x30...0x39).contains(byte) {
      rest.removeFirst()
      if byte == UInt8(ascii: ".") {
        guard !isBehindPoint else { return nil }
        isBehindPoint = true
        continue
      }
      digits += 1
      guard digits <= Self.mostDigits else { return nil }
      mantissa = mantissa * 10 + Int128(byte - 0x30)
      if isBehindPoint { scale += 1 }
    }
    guard digits > 0 else { return nil }
    if let byte = rest.first, byte | 0x20 == UInt8(ascii: "e") {
      guard let exponent = Int(Substring(rest.dropFirst())), (-30...30).contains(exponent) else { return nil }
      scale -= exponent
    } else if !rest.isEmpty {
      return nil
    }
    while scale < 0 {
      let (product, overflow) = mantissa.multipliedReportingOverflow(by: 10)
      if overflow { return nil }
      mantissa = product
      scale += 1
    }
    self.mantissa = isNegative ? -mantissa : mantissa
    self.scale = scale
  }

  /// The sum; `nil` if it has too many digits.
  package static func + (left: Decimal, right: Decimal) -> Decimal? {
    var (small, large) = left.scale < right.scale ? (left, right) : (right, left)
    while small.scale < large.scale {
      let (product, overflow) = small.mantissa.multipliedReportingOverflow(by: 10)
      if overflow { return nil }
      small.mantissa = product
      small.scale += 1
    }
    let (sum, overflow) = small.mantissa.addingReportingOverflow(large.mantissa)
    if overflow { return nil }
    large.mantissa = sum
    return large
  }

  /// The number without redundant zeros.
  package var description: String {
    var digits = String(mantissa.magnitude)
    if digits.count <= scale { digits = String(repeating: "0", count: scale - digits.count + 1) + digits }
    var text = digits
    if scale > 0 {
      text = digits.dropLast(scale) + "." + digits.suffix(scale)
      while text.last == "0" { text.removeLast() }
      if text.last == "." { text.removeLast() }
    }
    return (mantissa < 0 && text != "0" ? "-" : "") + text
  }
}
