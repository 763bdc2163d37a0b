import Glibc

/// Prints rows for people or programs: an aligned table if stdout is a terminal, otherwise NDJSON, with one object on
/// each line.
package struct Listing {
  package enum Format: String, Sendable, CaseIterable { case json, table, tsv }

  package static let option = Option(
    "--format", as: .one(of: Format.self),
    help: "Write rows in this format (default: a table on a terminal, else JSON).")

  private let format: Format
  private let output = LineOutput.standardOutput()
  /// The keys that tables show, in order.
  private var columns: [String]
  private var table: [[String]] = []
  /// Applies to tables only; rows for programs stay as they are.
  private var isASCII = false
  private var isDryRun = false

  package init(_ format: Format, columns: [String]) {
    self.format = format
    self.columns = columns
  }

  /// Uses the format of `--format`, if the command has that option.
  ///
  /// - Parameter columns: the keys that tables show; if empty, all keys of the first row.
  package init(_ arguments: Arguments, columns: [String] = []) {
    let isTerminal = isatty(1) == 1
    self.init(arguments[ifDeclared: Self.option] ?? (isTerminal ? .table : .json), columns: columns)
    isDryRun = arguments[ifDeclared: Command.dryRun]
    isASCII = ASCIIText.isNeeded(arguments.environment, isTerminal: isTerminal)
  }

  /// - Throws: `CommandFailure`, 73.
  package mutating func add(_ object: JSONValue) throws {
    if columns.isEmpty { columns = object.members?.map(\.key) ?? [] }
    switch format {
    case .json: try output.line(object.ofDryRun(isDryRun).text)
    case .table:
      let cells = columns.map { Log.printable(Self.cell(object[$0])) }
      table.append(isASCII ? cells.map(ASCIIText.of) : cells)
    case .tsv:
      if table.isEmpty {
        table.append(columns)
        try output.line(columns.joined(separator: "\t"))
      }
      try output.line(columns.map { Self.escaped(Self.cell(object[$0])) }.joined(separator: "\t"))
    }
  }

  /// Writes the rows so far, because the results of completed work must not be lost. Tables are still held back.
  package func flush() throws { try output.flush() }

  /// Writes the rows that were held back.
  package func finish() throws {
    if format == .table, !table.isEmpty {
      let rows = [columns.map { $0.uppercased() }] + table
      let widths = columns.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
      for row in rows {
        let line = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }.joined(separator: "  ")
        try output.line(String(line.reversed().drop { $0 == " " }.reversed()))
      }
    }
    try output.flush()
  }

  private static func cell(_ value: JSONValue?) -> String {
    guard let value, value != .null else { return "" }
    return value.scalarText ?? value.text
  }

  /// Escapes a cell, so that it cannot break its row or control a terminal.
  private static func escaped(_ text: String) -> String {
    let escapes: [Unicode.Scalar: String] = ["\t": "\\t", "\n": "\\n", "\r": "\\r", "\\": "\\\\"]
    return Log.printable(text.unicodeScalars.map { escapes[$0] ?? String($0) }.joined())
  }
}
