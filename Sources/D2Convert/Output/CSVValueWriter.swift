import D2Common

/// Writes values as CSV with the columns of DHIS2's own export, which its import can read: by order up to 2.42, by name
/// from 2.43 on.
///
/// It quotes the same cells as DHIS2's own writer (javacsv), because its reader would remove white space around a cell.
final class CSVValueWriter: ValueWriter {
  private let output: LineOutput
  private let columns: [ValueField]
  private let names: (any IDLookup)?
  private var gathered = ByteArray(capacity: gatheredBytes + 64 * 1024)
  private var decoded = ByteArray()
  private var hasHeader = false

  /// How many bytes are buffered before a write.
  private static let gatheredBytes = 256 * 1024
  /// The columns of DHIS2's own export.
  private static let columnsOfDHIS2 = Array(ValueField.allCases.prefix { $0 != .created })

  /// - Parameters:
  ///   - additional: columns after those of DHIS2; its import ignores them.
  ///   - names: finds the names for the column beside each id; `nil` for no such columns.
  init(_ output: LineOutput, additional: [ValueField] = [], names: (any IDLookup)? = nil) {
    self.output = output
    self.names = names
    columns = Self.columnsOfDHIS2 + additional
  }

  func write(_ value: ValueRecord, _ counts: inout ConversionCounts) throws {
    if !hasHeader { writeHeader() }
    let start = gathered.count
    let isHard: Bool
    do throws(UnwritableValue) { isHard = try appendRow(value) } catch {
      gathered.truncate(to: start)
      throw error
    }
    for field in [ValueField.created, .dataSet] where !columns.contains(field) {
      let form = value[field].form
      if form != .absent, form != .null { counts.leftOut[field.rawValue] += 1 }
    }
    if isHard { counts.hardForCSV += 1 }
    if gathered.count >= Self.gatheredBytes { try flush() }
  }

  /// Returns whether 2.43 misreads the row.
  private func appendRow(_ value: ValueRecord) throws(UnwritableValue) -> Bool {
    try value.requireCombosForCells()
    var isHard = false
    for (place, field) in columns.enumerated() {
      if place > 0 { gathered.append(UInt8(ascii: ",")) }
      if try append(value[field], of: field, isFirst: place == 0) { isHard = true }
      if let names, field.isID { appendName(names, field, value[field]) }
    }
    gathered.append(UInt8(ascii: "\n"))
    return isHard
  }

  func write(registration: UnsafeRawBufferPointer) throws {
    throw CommandFailure(
      .malformedInput, "registrations of completeness have no form in CSV: leave --to out, or give --to document")
  }

  func finish(_ counts: inout ConversionCounts) throws {
    if !hasHeader { writeHeader() }
    try flush()
    try output.finish()
  }

  func flush() throws {
    try output.write(gathered.bytes)
    gathered.removeAll()
  }

  private func writeHeader() {
    hasHeader = true
    let heads = columns.flatMap { field in
      names != nil && field.isID ? [field.column, field.column + FieldNames.nameEnding] : [field.column]
    }
    gathered.append(contentsOf: (heads.joined(separator: ",") + "\n").utf8)
  }

  /// Appends a cell. Returns whether 2.43 misreads it, because it does not support quotes or line breaks in cells.
  @inline(__always)
  private func append(_ cell: Cell, of field: ValueField, isFirst: Bool) throws(UnwritableValue) -> Bool {
    switch cell.form {
    case .absent, .null: break
    case .json:
      guard cell.bytes.first != UInt8(ascii: "{") else { throw .options(field) }
      gathered.append(cell.bytes)
    case .text: return Self.append(cell.bytes, to: &gathered, isFirst: isFirst)
    case .string:
      guard cell.bytes.contains(UInt8(ascii: "\\")) else {
        return Self.append(cell.bytes, to: &gathered, isFirst: isFirst)
      }
      decoded.removeAll()
      guard TextBytes.appendDecoded(cell.bytes, to: &decoded) else { throw .halfCharacter(field) }
      return Self.append(decoded.bytes, to: &gathered, isFirst: isFirst)
    }
    return false
  }

  private func appendName(_ names: any IDLookup, _ field: ValueField, _ cell: Cell) {
    gathered.append(UInt8(ascii: ","))
    let id = cell.text
    guard !id.isEmpty, let name = names.name(of: id, field) else { return }
    Self.append(SpreadsheetText.guarded(name), to: &gathered, isFirst: false)
  }

  // MARK: Cells

  /// Appends a text, with quotes if it needs them. Returns whether it contains quotes or line breaks.
  @inline(__always)
  static func append(_ text: UnsafeRawBufferPointer, to out: inout ByteArray, isFirst: Bool) -> Bool {
    guard let start = text.baseAddress?.assumingMemoryBound(to: UInt8.self), text.count > 0 else {
      // javacsv ignores a line that begins with an empty cell.
      if isFirst { out.append(contentsOf: "\"\"".utf8) }
      return false
    }
    var isPlain = !isSpace(start[0]) && !isSpace(start[text.count - 1]) && !(isFirst && start[0] == UInt8(ascii: "#"))
    for at in 0..<text.count {
      let byte = start[at]
      // Most bytes are greater than all that need quotes.
      if byte <= UInt8(ascii: ","), needsQuotes(byte) { isPlain = false }
    }
    if isPlain {
      out.append(text)
      return false
    }
    return appendQuoted(text, to: &out)
  }

  static func append(_ text: String, to out: inout ByteArray, isFirst: Bool) {
    var text = text
    text.withUTF8 { _ = append(UnsafeRawBufferPointer($0), to: &out, isFirst: isFirst) }
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

  private static func needsQuotes(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: ",") || byte == UInt8(ascii: "\"") || byte == 0x0A || byte == 0x0D || byte == 0
  }

  @inline(never)
  private static func appendQuoted(_ text: UnsafeRawBufferPointer, to out: inout ByteArray) -> Bool {
    var isHard = false
    out.append(UInt8(ascii: "\""))
    for byte in text {
      if byte == UInt8(ascii: "\"") { out.append(byte) }
      if byte == UInt8(ascii: "\"") || byte == 0x0A || byte == 0x0D { isHard = true }
      out.append(byte)
    }
    out.append(UInt8(ascii: "\""))
    return isHard
  }
}
