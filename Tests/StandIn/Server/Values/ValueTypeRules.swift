/// The values that a data element's value type accepts.
enum ValueTypeRules {
  /// The longest value and the longest comment.
  static let maxLength = 50_000

  /// Why a value is refused: the code for conflicts and its text.
  struct Refusal: Equatable {
    let code: String
    let text: String

    init(_ code: String, _ text: String) {
      self.code = code
      self.text = text
    }
  }

  static func check(_ value: String, type: String, _ version: ServerVersion) -> Refusal? {
    let value = withoutPointZero(value, type: type, version)
    if value.utf8.count > maxLength, value.unicodeScalars.count > maxLength {
      return Refusal("value_length_greater_than_max_length", "Data value is greater than max length")
    }
    switch type {
    case "INTEGER": return isInteger(value) ? nil : .init("value_not_integer", "Data value is not an integer")
    case "INTEGER_POSITIVE":
      return isInteger(value) && value != "0" && !value.hasPrefix("-")
        ? nil : .init("value_not_positive_integer", "Data value is not a positive integer")
    case "INTEGER_NEGATIVE":
      return isInteger(value) && value.hasPrefix("-")
        ? nil : .init("value_not_negative_integer", "Data value is not a negative integer")
    case "INTEGER_ZERO_OR_POSITIVE":
      return isInteger(value) && !value.hasPrefix("-")
        ? nil : .init("value_not_zero_or_positive_integer", "Data value is not a zero or positive integer")
    case "NUMBER": return isNumber(value) ? nil : .init("value_not_numeric", "Data value is not numeric")
    case "PERCENTAGE":
      return isNumber(value) && (0...100).contains(Double(value) ?? -1)
        ? nil : .init("value_not_percentage", "Data value is not a percentage")
    case "UNIT_INTERVAL":
      return isNumber(value) && (0...1).contains(Double(value) ?? -1)
        ? nil : .init("value_not_unit_interval", "Data value is not a unit interval")
    case "BOOLEAN":
      return boolean(value, version) != nil ? nil : .init("value_not_bool", "Data value is not a boolean")
    case "TRUE_ONLY":
      return boolean(value, version) == true ? nil : .init("value_not_true_only", "Data value is not true only")
    case "DATE": return isDate(value) ? nil : .init("value_not_valid_date", "Data value is not a valid date")
    default: return nil
    }
  }

  /// The spelling that is stored: booleans get one form, and from 2.43 on integers lose `.0`
  /// (`DefaultDataEntryService.normalizeValue`).
  static func stored(_ value: String, type: String, _ version: ServerVersion) -> String {
    let value = withoutPointZero(value, type: type, version)
    guard type == "BOOLEAN" || type == "TRUE_ONLY", let flag = boolean(value, version) else { return value }
    return flag ? "true" : "false"
  }

  private static func withoutPointZero(_ value: String, type: String, _ version: ServerVersion) -> String {
    guard version.hasDataEntryPipeline, type.hasPrefix("INTEGER"), value.hasSuffix(".0") else { return value }
    return String(value.dropLast(2))
  }

  static func isZero(_ value: String) -> Bool { isNumber(value) && value.first == "0" && Double(value) == 0 }

  /// Whether a type is numeric, for the rule on insignificant zeros.
  static func isNumeric(_ type: String) -> Bool {
    type.hasPrefix("INTEGER") || ["NUMBER", "PERCENTAGE", "UNIT_INTERVAL"].contains(type)
  }

  private static func isInteger(_ value: String) -> Bool {
    var digits = Array(value.utf8)[...]
    if digits == [0x30] { return true }
    if digits.first == UInt8(ascii: "-") { digits = digits.dropFirst() }
    guard let first = digits.first, first >= 0x31, first <= 0x39, digits.count <= 10 else { return false }
    return digits.allSatisfy { $0 >= 0x30 && $0 <= 0x39 } && Int32(value) != nil
  }

  private static func isNumber(_ value: String) -> Bool {
    var digits = Array(value.utf8)[...]
    if digits.first == UInt8(ascii: "-") { digits = digits.dropFirst() }
    let parts = digits.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard (1...2).contains(parts.count), parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy { 0x30...0x39 ~= $0 } }) else {
      return false
    }
    return parts[0].count == 1 || parts[0].first != 0x30
  }

  private static func boolean(_ value: String, _ version: ServerVersion) -> Bool? {
    switch value.lowercased() {
    case "true", "1", "t": true
    case "false", "0", "f": false
    case "yes", "y": version.hasDataEntryPipeline ? true : nil
    case "no", "n": version.hasDataEntryPipeline ? false : nil
    default: nil
    }
  }

  /// Whether it is `yyyy-MM-dd`, or a date-time that begins so.
  private static func isDate(_ value: String) -> Bool {
    let bytes = Array(value.utf8)
    guard bytes.count >= 10, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-") else { return false }
    return Stamp.parse(value) != nil
  }
}
