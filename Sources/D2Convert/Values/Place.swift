import D2Common

/// A place in a text. Both numbers begin at 1; the column counts bytes.
public struct Place: Sendable, Equatable, CustomStringConvertible {
  /// The line.
  public var line: Int
  /// The column, in bytes.
  public var column: Int

  /// A place from a line and a column.
  public init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }

  /// The place as the beginning of a message.
  public var description: String { "line \(line), column \(column)" }
}

extension CommandFailure {
  /// The error for malformed input (65) at a place: `export.csv: line 3, column 7: …`.
  ///
  /// - Parameter input: the name of the input.
  package static func malformed(_ input: String, _ place: Place?, _ problem: String) -> CommandFailure {
    CommandFailure(.malformedInput, "\(input): \(place.map { "\($0): " } ?? "")\(problem)")
  }
}
