import D2Common

/// Reads values from a wide sheet. Its first row names its columns, the first cell of each row names the row, and each
/// other cell is a value.
package struct WideReader {
  private let window: TextWindow
  private let names: FieldNames
  private let options: CSVOptions
  private let numbers: DecimalCommas
  private let shape: WideShape
  private let ids: IDReader
  private let record = ValueRecord()

  /// The meaning of a column.
  private enum Column {
    /// An id, and the combo after a point.
    case id(KeptBytes, combo: KeptBytes?)
    case ignored
    /// A column without a name; its cells must be empty.
    case unnamed
  }

  package init(
    _ window: TextWindow, _ names: FieldNames, _ options: CSVOptions, _ numbers: DecimalCommas, _ shape: WideShape,
    _ lookup: (any IDLookup)?
  ) {
    self.window = window
    self.names = names
    self.options = options
    self.numbers = numbers
    self.shape = shape
    ids = IDReader(lookup: lookup, periodType: options.periodType)
  }

  /// Passes all values to the sink. - Throws: `CommandFailure`, 65 for malformed input or an unknown name.
  package func read(into sink: inout some ValueSink) throws {
    let rows = try CSVRows(window, names, options)
    try sink.begin(DocumentHeader())
    if try rows.next() {
      let columns = try columns(rows)
      rows.advance()
      while try rows.next() {
        if !rows.isBlank { try take(rows, columns, into: &sink) }
        rows.advance()
      }
    }
    try sink.end(DocumentHeader())
  }

  private func columns(_ rows: CSVRows) throws -> [Column] {
    var columns: [Column] = []
    var seen: Set<[String]> = []
    for place in 0..<rows.count {
      let text = rows.text(place).trimmed
      if place == 0 {
        columns.append(.ignored)
      } else if text.isEmpty {
        columns.append(.unnamed)
      } else if names.meaning(of: text) == .ignored {
        columns.append(.ignored)
      } else if !ids.looksUp, names.meaning(of: text) != .unknown {
        throw rows.malformed(
          place,
          "there is no \(shape.columns.key) \(text.quoted): leave the column out (--ignore-columns "
            + "\(ShellWord.quoted(text))), and give by an option what is the same for all cells")
      } else {
        let (id, combo) = try column(text, rows, place)
        guard seen.insert([id, combo ?? ""]).inserted else {
          throw rows.malformed(place, "\(text.quoted) is the head of an earlier column too")
        }
        columns.append(.id(KeptBytes(id.utf8), combo: combo.map { KeptBytes($0.utf8) }))
      }
    }
    return columns
  }

  /// The meaning of a column's head. A data element may be followed by a point and its combo, as in DHIS2's operands.
  private func column(_ text: String, _ rows: CSVRows, _ place: Int) throws -> (id: String, combo: String?) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    if shape.columns == .dataElement, parts.count == 2, parts.allSatisfy(UID.canBe) {
      return (
        try id(of: parts[0], .dataElement, rows, place), try id(of: parts[1], .categoryOptionCombo, rows, place)
      )
    }
    return (try id(of: text, shape.columns, rows, place), nil)
  }

  private func id(of text: String, _ field: ValueField, _ rows: CSVRows, _ place: Int) throws -> String {
    do throws(LookupFault) { return try ids.id(of: text, field) } catch { throw rows.malformed(place, "\(error)") }
  }

  private func take(_ rows: CSVRows, _ columns: [Column], into sink: inout some ValueSink) throws {
    let head = CSVReader.trimmed(rows.bytes(0))
    guard !head.isEmpty else {
      throw rows.malformed(0, "the row has values, but no \(shape.rows.key) in its first cell")
    }
    let row = KeptBytes(try id(of: String(decoding: head, as: UTF8.self), shape.rows, rows, 0).utf8)
    for place in 1..<max(rows.count, 1) {
      let bytes = rows.bytes(place)
      if bytes.isEmpty { continue }
      guard place < columns.count else { throw rows.malformed(place, "the row has more cells than the first row") }
      switch columns[place] {
      case .ignored: continue
      case .unnamed: throw rows.malformed(place, "there is a value in a column without a name")
      case .id(let id, let combo):
        record.clear()
        record.place = rows.place(place)
        record[shape.rows] = row.cell
        record[shape.columns] = id.cell
        if let combo { record[.categoryOptionCombo] = combo.cell }
        record[.value] = try numbers.cell(bytes) { rows.malformed(place, $0) }
        try sink.take(record)
      }
    }
  }
}
