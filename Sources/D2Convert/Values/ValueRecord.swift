/// One value during a conversion, with a cell for each field. The record is reused for all values.
public final class ValueRecord {
  /// The cells, by the raw values of `ValueField`.
  let cells: UnsafeMutablePointer<Cell>
  /// The place of the value in its input.
  public var place = Place(line: 1, column: 1)
  /// The value as a line of JSON, if the input has it in that form and the line contains nothing else.
  public var line: UnsafeRawBufferPointer?

  /// A record without fields.
  public init() {
    cells = .allocate(capacity: ValueField.allCases.count)
    cells.initialize(repeating: .absent, count: ValueField.allCases.count)
  }

  deinit { cells.deallocate() }

  /// Makes all fields absent.
  @inline(__always)
  public func clear() {
    cells.update(repeating: .absent, count: ValueField.allCases.count)
    line = nil
  }

  /// The cell of a field. If you change a value that came as a line, remove its `line`.
  @inline(__always)
  public subscript(field: ValueField) -> Cell {
    get { cells[field.rawValue] }
    set { cells[field.rawValue] = newValue }
  }
}
