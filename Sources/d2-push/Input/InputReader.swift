import D2Common
import D2Store

/// Reads blocks of whole lines from the input. One task uses it at a time.
final class InputReader: @unchecked Sendable {
  private var reader: LineReader

  /// - Parameter stop: stops the wait for input.
  init(_ descriptor: Int32, stop: StopSign) { reader = LineReader(descriptor: descriptor, stop: stop) }

  /// The next block; `nil` at the end.
  func next() -> Result<[UInt8]?, CommandFailure> {
    do throws(CommandFailure) { return .success(try reader.nextBlock()) } catch { return .failure(error) }
  }

  /// Passes the rest of the input to `body`, line by line.
  func drain(linesBefore: Int, _ body: (PaddedLine, _ number: Int) throws -> Void) throws {
    reader.count(lines: linesBefore)
    while let line = try reader.next() {
      if line.isBlank || EndLine(line.bytes) != nil { continue }
      try body(line, reader.number)
    }
  }
}
