/// One value on its way from a form to another: a cell for each field. It is used again for each value.
public final class ValueRecord {
  /// By the raw values of `ValueField`.
  let cells: UnsafeMutablePointer<Cell>
  /// Where the value begins in its input.
  public var place = Place(line: 1, column: 1)
  /// The value as a line of JSON, if it came as one that says nothing else than the cells.
  public var line: UnsafeRawBufferPointer?

  /// All fields absent.
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

  /// What stands in a field. Whoever changes one of a value that came as a line takes the line away.
  @inline(__always)
  public subscript(field: ValueField) -> Cell {
    get { cells[field.rawValue] }
    set { cells[field.rawValue] = newValue }
  }
}
