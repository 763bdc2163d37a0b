import D2Common

/// A table with the targets for the options of categories. Its columns are `category`, `from option` and `to option`.
///
///     category,from option,to option
///     Age,<1 y,Under 5
///     Age,1-4 y,Under 5
///     Sex,*,default
package struct OptionTable: Sendable {
  package struct Row: Sendable {
    package let category: String
    /// An option, or `*` for all others of the category.
    package let from: String
    /// An option; `default` to leave the category out; empty to drop the values; `?` if it is not decided yet.
    package let to: String
    package let line: Int
    package var isUndecided: Bool { to == MappingTable.undecidedTarget }
  }

  package static let allOthers = "*"

  package let path: String
  package private(set) var rows: [Row] = []
  /// How many rows have `?` as their target.
  package var undecided: Int { rows.count(where: \.isUndecided) }

  /// Whether a table is an option table, by its first line.
  package static func isOne(_ bytes: [UInt8], _ path: String) throws(CommandFailure) -> Bool {
    guard let first = bytes.first(where: { $0 > 0x20 }), first != UInt8(ascii: "{") else { return false }
    return try HeadedRows(bytes, path).header.contains("category")
  }

  /// - Throws: `CommandFailure`, 65 with the line, if the text is not such a table.
  package init(_ bytes: [UInt8], _ path: String) throws(CommandFailure) {
    self.path = path
    var table = try HeadedRows(bytes, path)
    let needed = "it needs category, from option and to option"
    let (category, from, to) = (
      try table.column(["category"], needed), try table.column(["from option", "from"], needed),
      try table.column(["to option", "to"], needed)
    )
    while let row = try table.next([category, from, to]) {
      guard !row[category].isEmpty, !row[from].isEmpty else {
        throw CommandFailure(.malformedInput, "\(path), line \(table.line): the category or its option is empty")
      }
      rows.append(Row(category: row[category], from: row[from], to: row[to], line: table.line))
    }
  }
}
