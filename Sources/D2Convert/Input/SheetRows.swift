import D2Common

/// The rows of a sheet, behind what says how its cells are separated.
struct SheetRows {
  private let rows: CSVRows
  private let window: TextWindow

  /// - Throws: what the source throws.
  init(_ window: TextWindow, _ names: FieldNames, _ options: CSVOptions) throws {
    self.window = window
    let found = try CSVHeader.separator(of: window, names)
    if found.isSaid { window.advancePastLine(try window.lineEnd() ?? window.count - 1) }
    rows = CSVRows(window, separator: options.separator ?? found.separator)
  }

  /// How many cells the row has.
  @inline(__always)
  var count: Int { rows.count }

  /// Whether a cell of the row is empty.
  func isEmpty(_ cell: Int) -> Bool { rows[cell].start == rows[cell].end }

  @inline(__always)
  func next() throws -> Bool { try rows.next() }

  @inline(__always)
  func advance() { rows.advance() }

  @inline(__always)
  func bytes(_ place: Int) -> UnsafeRawBufferPointer { rows.bytes(place) }

  func text(_ place: Int) -> String { rows.text(place) }

  var isBlank: Bool { rows.isBlank }

  /// Where a cell of the row begins.
  func place(_ cell: Int) -> Place {
    guard (0..<count).contains(cell) else { return window.place() }
    return window.place(rows[cell].start - (rows[cell].isQuoted ? 1 : 0))
  }

  /// Malformed input, in a cell of the row.
  func malformed(_ cell: Int, _ problem: String) -> CommandFailure {
    .malformed(window.name, place(cell), problem)
  }
}
