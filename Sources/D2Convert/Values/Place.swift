import D2Common

/// A place in a text: both numbers from 1, the column in bytes.
public struct Place: Sendable, Equatable, CustomStringConvertible {
  /// The line.
  public var line: Int
  /// The byte in the line.
  public var column: Int

  /// A place.
  public init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }

  /// As the beginning of a message.
  public var description: String { "line \(line), column \(column)" }
}

extension CommandFailure {
  /// Malformed input (65) at a place of an input: `export.csv: line 3, column 7: …`.
  ///
  /// - Parameter input: what the input is called.
  package static func malformed(_ input: String, _ place: Place?, _ problem: String) -> CommandFailure {
    CommandFailure(.malformedInput, "\(input): \(place.map { "\($0): " } ?? "")\(problem)")
  }
}
