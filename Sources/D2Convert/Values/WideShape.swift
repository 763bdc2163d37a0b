import D2Common

/// A wide sheet: what its rows and its columns stand for. The rest is the same for all its cells.
public struct WideShape: Sendable, Equatable {
  /// What the first cell of each row names.
  public let rows: ValueField
  /// What the cells of the first row name.
  public let columns: ValueField

  private static let dimensions: [ValueField] = [
    .orgUnit, .dataElement, .period, .categoryOptionCombo, .attributeOptionCombo,
  ]

  /// As it is written: `orgUnit×dataElement`, also with an x or a comma; `nil` for anything else.
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
