import D2Common

/// Writes values as a wide sheet. It keeps all of them in memory until the input ends.
final class WideWriter: ValueWriter {
  private let output: LineOutput
  private let shape: WideShape
  private let names: (any IDLookup)?
  private var rows: [String] = []
  private var columns: [String] = []
  private var places: [String: Int] = [:]
  private var columnPlaces: [String: Int] = [:]
  /// The cells, by row and column.
  private var cells: [[Int: String]] = []
  /// The fields that all cells share.
  private var rest: [ValueField: String]?

  private static let notes: [ValueField] = [
    .storedBy, .lastUpdated, .comment, .followup, .deleted, .created, .dataSet, .attributeOptionCombo,
  ]

  /// - Parameter names: finds the names beside the heads of rows; `nil` for no names.
  init(_ output: LineOutput, _ shape: WideShape, names: (any IDLookup)?) {
    self.output = output
    self.shape = shape
    self.names = names
  }

  func write(_ value: ValueRecord, _ counts: inout ConversionCounts) throws {
    if value[.deleted].text == "true" {
      counts.deletedLeftOut += 1
      return
    }
    try value.requireCombosForCells()
    try checkRest(value)
    for field in Self.notes where field != shape.rows && field != shape.columns {
      let text = value[field].text
      if !text.isEmpty, !(field.isFlag && text == "false") { counts.leftOut[field.rawValue] += 1 }
    }
    let column = try head(value)
    let text = try value.plainText(.value)
    let row = place(of: try value.plainText(shape.rows), in: &rows, &places)
    if row == cells.count { cells.append([:]) }
    let columnPlace = place(of: column, in: &columns, &columnPlaces)
    guard cells[row][columnPlace] == nil else {
      throw UnwritableValue(problem: "a second value for \(rows[row].quoted) and \(column.quoted)")
    }
    cells[row][columnPlace] = text
  }

  /// The head of a column. A data element is followed by its combo, as in DHIS2's operands.
  private func head(_ value: ValueRecord) throws(UnwritableValue) -> String {
    let id = try value.plainText(shape.columns)
    let combo = try value.plainText(.categoryOptionCombo)
    guard shape.columns == .dataElement, shape.rows != .categoryOptionCombo, !combo.isEmpty else { return id }
    return "\(id).\(combo)"
  }

  private func place(of text: String, in list: inout [String], _ places: inout [String: Int]) -> Int {
    if let place = places[text] { return place }
    places[text] = list.count
    list.append(text)
    return list.count - 1
  }

  private func checkRest(_ value: ValueRecord) throws {
    let fields = shape.rest.filter { $0 != .categoryOptionCombo || shape.columns != .dataElement }
    let own = Dictionary(uniqueKeysWithValues: try fields.map { ($0, try value.plainText($0)) })
    let first = rest ?? own
    rest = first
    for field in fields where own[field] != first[field] {
      throw UnwritableValue(
        problem: "\(field.key) is \(own[field]!.quoted), and \(first[field]!.quoted) before: a wide sheet has "
          + "one for all its cells; take the values of one first, such as with jq 'select(.\(field.key) == "
          + "\(first[field]!.quoted))'")
    }
  }

  func write(registration: UnsafeRawBufferPointer) throws {
    throw CommandFailure(.malformedInput, "registrations of completeness have no form in a wide sheet")
  }

  /// Does nothing: the sheet can be written only at the end.
  func flush() {}

  func finish(_ counts: inout ConversionCounts) throws {
    var out = ByteArray(capacity: 1 << 20)
    append(firstRow(), to: &out)
    for (row, text) in rows.enumerated() {
      var line = [text]
      if let names { line.append(SpreadsheetText.guarded(names.name(of: text, shape.rows) ?? "")) }
      append(line + columns.indices.map { cells[row][$0] ?? "" }, to: &out)
      if out.count > 1 << 19 { try flush(&out) }
    }
    try flush(&out)
    try output.finish()
  }

  private func firstRow() -> [String] {
    let heads = names == nil ? [shape.rows.key] : [shape.rows.key, shape.rows.key + FieldNames.nameEnding]
    return heads + columns
  }

  private func append(_ row: [String], to out: inout ByteArray) {
    for (place, text) in row.enumerated() {
      if place > 0 { out.append(UInt8(ascii: ",")) }
      CSVValueWriter.append(text, to: &out, isFirst: place == 0)
    }
    out.append(UInt8(ascii: "\n"))
  }

  private func flush(_ out: inout ByteArray) throws {
    try output.write(out.bytes)
    out.removeAll()
  }
}
