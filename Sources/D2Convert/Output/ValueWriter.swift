import D2Common

/// Why a form cannot hold a value, as the end of a sentence.
struct UnwritableValue: Error {
  let problem: String

  static func options(_ field: ValueField) -> UnwritableValue {
    UnwritableValue(problem: "\(field.key.quoted) is given by categories and their options, for which CSV has no form")
  }

  static func halfCharacter(_ field: ValueField) -> UnwritableValue {
    UnwritableValue(problem: "\(field.key.quoted) holds half of a character (a lone surrogate)")
  }
}

extension ValueRecord {
  /// Checks that the option combos can be written as cells without a loss.
  func requireCombosForCells() throws(UnwritableValue) {
    for field in [ValueField.categoryOptionCombo, .attributeOptionCombo] {
      let cell = self[field]
      guard cell.form == .null || cell.form != .absent && cell.count == 0 else { continue }
      throw UnwritableValue(
        problem: "\(field.key.quoted) is null or empty, which in CSV would mean the default combo: "
          + DataValueLine.combosByUID)
    }
  }

  /// The text of a field, for a form that has only texts.
  func plainText(_ field: ValueField) throws(UnwritableValue) -> String {
    let cell = self[field]
    if cell.form == .json, cell.bytes.first == UInt8(ascii: "{") { throw .options(field) }
    guard cell.form == .string else { return cell.text }
    var decoded = ByteArray()
    guard TextBytes.appendDecoded(cell.bytes, to: &decoded) else { throw .halfCharacter(field) }
    return String(decoding: decoded.bytes, as: UTF8.self)
  }
}

/// Writes values in one form.
public protocol ValueWriter: AnyObject {
  /// Writes one value, whose cells are all checked. If the form cannot hold it, nothing of it is written.
  ///
  /// - Throws: `UnwritableValue`; `CommandFailure`, 73.
  func write(_ value: ValueRecord, _ counts: inout ConversionCounts) throws
  /// Writes one registration of completeness, as JSON.
  func write(registration: UnsafeRawBufferPointer) throws
  /// Writes what is buffered.
  func flush() throws
  /// Writes the rest of the values, and the end of the form.
  func finish(_ counts: inout ConversionCounts) throws
}
