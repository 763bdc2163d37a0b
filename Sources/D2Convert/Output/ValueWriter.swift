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
  /// Makes sure that what a cell would say of the option combos is what the value says.
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

/// Writes values in a form.
public protocol ValueWriter: AnyObject {
  /// One value, all of whose cells are checked. Of one that cannot be written, nothing is.
  ///
  /// - Throws: `UnwritableValue`; `CommandFailure`, 73.
  func write(_ value: ValueRecord, _ counts: inout ConversionCounts) throws
  /// One registration of completeness, as JSON.
  func write(registration: UnsafeRawBufferPointer) throws
  /// Writes what was gathered so far.
  func flush() throws
  /// All that was not written yet, and what ends the form.
  func finish(_ counts: inout ConversionCounts) throws
}
