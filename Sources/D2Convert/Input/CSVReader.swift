import D2Common

/// Reads values from a table with one row for each value.
package struct CSVReader {
  private let window: TextWindow
  private let names: FieldNames
  private let options: CSVOptions
  /// Fields that have one value for the whole input.
  private let given: Set<ValueField>
  private let record = ValueRecord()
  private let numbers: DecimalCommas

  package init(
    _ window: TextWindow, _ names: FieldNames, _ options: CSVOptions, _ numbers: DecimalCommas, given: Set<ValueField>
  ) {
    self.window = window
    self.names = names
    self.options = options
    self.numbers = numbers
    self.given = given
  }

  /// Passes all values to the sink. - Throws: `CommandFailure`, 65 for malformed input; errors of the source.
  package func read(into sink: inout some ValueSink) throws {
    let rows = try CSVRows(window, names, options)
    try sink.begin(DocumentHeader())
    guard try rows.next() else { return try sink.end(DocumentHeader()) }
    let header: CSVHeader
    if options.hasHeader {
      header = try self.header(rows)
      rows.advance()
    } else {
      header = .columnsOfDHIS2(rows.count)
    }
    var periods = SheetPeriod(type: options.periodType)
    while try rows.next() {
      if !rows.isBlank {
        try fill(rows, header, &periods)
        try sink.take(record)
      }
      rows.advance()
    }
    try sink.end(DocumentHeader())
  }

  private func header(_ rows: CSVRows) throws -> CSVHeader {
    let texts = (0..<rows.count).map { rows.text($0) }
    return try CSVHeader(texts, names, given: given, window.name) { rows.place($0) }
  }

  @inline(__always)
  private func fill(_ rows: CSVRows, _ header: CSVHeader, _ periods: inout SheetPeriod) throws {
    record.clear()
    record.place = window.place()
    let count = rows.count
    if count != header.columns.count { try checkCount(rows, header) }
    for place in 0..<min(count, header.columns.count) {
      let bytes = rows.bytes(place)
      if bytes.isEmpty { continue }
      switch header.columns[place] {
      case .ignored: break
      case .unnamed: throw rows.malformed(place, "there is a value in a column without a name")
      case .field(.period): record[.period] = try period(bytes, &periods, rows, place)
      case .field(.value): record[.value] = try numbers.cell(bytes) { rows.malformed(place, $0) }
      case .field(let field) where field.isID:
        let id = Self.trimmed(bytes)
        if !id.isEmpty { record[field] = Cell(form: .text, id) }
      case .field(let field): record[field] = Cell(form: .text, bytes)
      }
    }
  }

  private func period(
    _ bytes: UnsafeRawBufferPointer, _ periods: inout SheetPeriod, _ rows: CSVRows, _ place: Int
  ) throws -> Cell {
    do throws(SheetPeriod.Fault) {
      if let other = try periods.read(bytes) { return other.cell }
    } catch { throw rows.malformed(place, "\(error)") }
    return Cell(form: .text, bytes)
  }

  /// The bytes of an id without surrounding white space.
  @inline(__always)
  static func trimmed(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    var (start, end) = (0, bytes.count)
    while start < end, bytes[start] <= 0x20 { start += 1 }
    while end > start, bytes[end - 1] <= 0x20 { end -= 1 }
    return UnsafeRawBufferPointer(rebasing: bytes[start..<end])
  }

  /// Checks the number of cells. A row may omit only cells that are empty anyway; the reader never guesses others.
  private func checkCount(_ rows: CSVRows, _ header: CSVHeader) throws {
    let (count, expected) = (rows.count, header.columns.count)
    if count > expected {
      guard let extra = (expected..<count).first(where: { !rows.isEmpty($0) }) else { return }
      throw rows.malformed(extra, "the row has \(counted(count, "cell")), but there are \(counted(expected, "column"))")
    }
    // Old versions of DHIS2 name a column for deleted marks, but write no cell for it.
    if count == expected - 1, header.columns.last == .field(.deleted) { return }
    throw rows.malformed(
      count - 1, "the row has \(counted(count, "cell")), but there are \(counted(expected, "column"))")
  }
}
