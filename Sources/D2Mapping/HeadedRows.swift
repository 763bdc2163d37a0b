import D2Common

/// Rows of CSV or TSV whose first line names the columns.
struct HeadedRows {
  private var rows: DelimitedRows
  private let path: String
  /// The names of the columns, in lower case.
  private(set) var header: [String] = []

  /// The line on which the last row began.
  var line: Int { rows.line }

  /// - Parameter path: for messages.
  /// - Throws: `CommandFailure`, 65 for a malformed first line.
  init(_ bytes: [UInt8], _ path: String) throws(CommandFailure) {
    let firstLine = bytes.prefix { $0 != 0x0A }
    self.path = path
    rows = DelimitedRows(
      bytes,
      separator: firstLine.contains(0x09) ? 0x09 : firstLine.contains(0x3B) && !firstLine.contains(0x2C) ? 0x3B : 0x2C)
    header = (try next() ?? []).map { $0.trimmed.lowercased() }
  }

  /// Where a column stands that has one of some names.
  ///
  /// - Parameter needed: which columns the table needs: `it needs kind, from and to`.
  func column(_ names: [String], _ needed: String) throws(CommandFailure) -> Int {
    guard let place = header.firstIndex(where: { names.contains($0) }) else {
      throw CommandFailure(
        .malformedInput, "\(path): the first line names no column \(names[0].quoted); \(needed)")
    }
    return place
  }

  private mutating func next() throws(CommandFailure) -> [String]? {
    do { return try rows.next() } catch {
      throw CommandFailure(.malformedInput, "\(path), line \(rows.line): \(error)")
    }
  }

  /// The next row that is not empty; `nil` after the last.
  ///
  /// - Parameter columns: those that it must have. A row that is cut short must not drop values: only a cell that is
  ///   there and empty does.
  mutating func next(_ columns: [Int]) throws(CommandFailure) -> [String]? {
    while let row = try next() {
      if row.allSatisfy(\.isEmpty) { continue }
      guard row.count > columns.max() ?? 0 else {
        throw CommandFailure(
          .malformedInput,
          "\(path), line \(rows.line): too few cells: \(row.count), but the first line names \(header.count) columns")
      }
      return row
    }
    return nil
  }
}
