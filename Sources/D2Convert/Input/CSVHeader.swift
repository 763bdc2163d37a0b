import D2Common

/// The meanings of the columns of a table.
struct CSVHeader {
  /// The content of a column.
  enum Column: Equatable {
    case field(ValueField)
    /// The column is left out.
    case ignored
    /// The column has no name, so its cells must be empty.
    case unnamed
  }

  let columns: [Column]

  /// The separators to try if the user gives none.
  private static let separators = [",", ";", "\t", "|"].map { $0.utf8.first! }
  private static let required: [ValueField] = [.dataElement, .period, .orgUnit]

  /// The columns of DHIS2's CSV, for a table without a header.
  ///
  /// - Parameter count: how many cells the first row has.
  static func columnsOfDHIS2(_ count: Int) -> CSVHeader {
    let fields = ValueField.allCases.prefix { $0 != .created }.prefix(count)
    return CSVHeader(columns: fields.map { .field($0) })
  }

  /// The columns that the first row names.
  ///
  /// - Parameters:
  ///   - given: fields that have one value for the whole input.
  ///   - place: the place of a cell.
  /// - Throws: `CommandFailure`, 65 for a column that is unknown, duplicate or missing.
  init(_ names: [String], _ meanings: FieldNames, given: Set<ValueField>, _ input: String, place: (Int) -> Place) throws
  {
    var columns: [Column] = []
    for (number, name) in names.enumerated() {
      let name = name.trimmed
      if name.isEmpty {
        columns.append(.unnamed)
        continue
      }
      switch meanings.meaning(of: name) {
      case .ignored: columns.append(.ignored)
      case .unknown: throw CommandFailure.malformed(input, place(number), FieldNames.unknown(name, "column"))
      case .field(let field):
        guard !columns.contains(.field(field)) else {
          throw CommandFailure.malformed(
            input, place(number), "the column \(name.quoted) is there twice (both are \(field.key))")
        }
        columns.append(.field(field))
      }
    }
    let missing = Self.required.filter { !columns.contains(.field($0)) && !given.contains($0) }
    guard missing.isEmpty else {
      throw CommandFailure.malformed(
        input, place(0),
        "no column \(missing.map(\.column.quoted).joined(separator: " and ")): name it in the first row, or rename one "
          + "(--rename old=\(missing[0].key)); for a file without column names say --no-header")
    }
    self.columns = columns
  }

  private init(columns: [Column]) { self.columns = columns }

  // MARK: Separators

  /// The separator of a table, and whether a line declares it (`sep=;`, which Excel writes and reads).
  ///
  /// - Throws: the errors of the source.
  static func separator(of window: TextWindow, _ names: FieldNames) throws -> (separator: UInt8, isSaid: Bool) {
    let length = try window.lineEnd() ?? window.count
    let line = UnsafeRawBufferPointer(window.padded(0..<length).bytes)
    let text = String(decoding: line, as: UTF8.self).trimmed
    // The separator may be a tab.
    let said = line.last == 0x0D ? line.dropLast() : line[...]
    for said in [String(decoding: said, as: UTF8.self), text]
    where said.lowercased().hasPrefix("sep=") && said.utf8.count == 5 {
      return (said.utf8.last!, true)
    }
    let best = separators.max { likelihood($0, text, names) < likelihood($1, text, names) }!
    return (best, false)
  }

  /// How many known columns a separator gives, and how many columns in all.
  private static func likelihood(_ separator: UInt8, _ line: String, _ names: FieldNames) -> (Int, Int) {
    let cells = line.utf8.split(separator: separator, omittingEmptySubsequences: false)
    let known = cells.filter { cell in
      let name = String(decoding: cell, as: UTF8.self).trimmed.filter { $0 != "\"" }
      return !name.isEmpty && names.meaning(of: name) != .unknown
    }
    return (known.count, cells.count)
  }
}
