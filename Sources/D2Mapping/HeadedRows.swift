import D2Common

/// Rows of CSV or TSV whose first line names the columns.
struct HeadedRows {
  private var rows: DelimitedRows
  private let path: String
  /// The names of the columns, in lower case.
  private(set) var header: [String] = []

  /// The first line of the last row.
  var line: Int { rows.line }

  /// - Parameter path: the path for messages.
  /// - Throws: `CommandFailure`, 65 for a malformed first line.
  init(_ bytes: [UInt8], _ path: String) throws(CommandFailure) {
    let firstLine = bytes.prefix { $0 != 0x0A }
    self.path = path
    rows = DelimitedRows(
      bytes,
      separator: firstLine.contains(0x09) ? 0x09 : firstLine.contains(0x3B) && !firstLine.contains(0x2C) ? 0x3B : 0x2C)
    header = (try next() ?? []).map { $0.trimmed.lowercased() }
  }

  /// The index of the column with one of these names.
  ///
  /// - Parameter needed: the columns that the table needs, for the message: `it needs kind, from and to`.
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

  /// The next row with any content; `nil` after the last.
  ///
  /// - Parameter columns: the columns that it must have. A truncated row must not drop values; only an existing empty
  ///   cell may.
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
