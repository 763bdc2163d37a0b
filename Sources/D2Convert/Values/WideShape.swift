import D2Common

/// The shape of a wide sheet: the dimensions of its rows and its columns. The other dimensions are the same for all
/// cells.
public struct WideShape: Sendable, Equatable {
  /// The dimension of the rows, which the first cell of each row names.
  public let rows: ValueField
  /// The dimension of the columns, which the cells of the first row name.
  public let columns: ValueField

  private static let dimensions: [ValueField] = [
    .orgUnit, .dataElement, .period, .categoryOptionCombo, .attributeOptionCombo,
  ]

  /// Parses `orgUnit×dataElement`, also with an x or a comma; `nil` for anything else.
  public init?(_ text: String) {
    for (rows, columns) in Self.pairs {
      for sign in ["×", "x", ","] where text.trimmed == rows.key + sign + columns.key {
        self.rows = rows
        self.columns = columns
        return
      }
    }
    return nil
  }

  private static var pairs: [(ValueField, ValueField)] {
    dimensions.flatMap { rows in dimensions.filter { $0 != rows }.map { (rows, $0) } }
  }

  /// The other dimensions of a value, which are the same for the whole sheet.
  var rest: [ValueField] { Self.dimensions.filter { $0 != rows && $0 != columns } }
}
