import Glibc

/// Finds the lines and columns of a text that comes in pieces. The places must be asked for in the order of the text.
/// They may be before the current piece.
struct XMLPlaces {
  private var line = 1
  /// The offset of the line, in bytes from the beginning of the text.
  private var lineStart = 0
  /// The current piece, and its offset.
  private var piece = UnsafeRawBufferPointer(start: nil, count: 0)
  private var pieceStart = 0
  /// The offset up to which line ends were counted.
  private var counted = 0
  /// Line ends before the piece that were not counted yet.
  private var before: [Int] = []

  /// Begins the next piece. It must stay valid until `end`.
  mutating func begin(_ piece: UnsafeRawBufferPointer) {
    self.piece = piece
  }

  /// Ends the piece; its memory is not used any more.
  mutating func end() {
    while let lineEnd = nextLineEnd(before: piece.count) { before.append(pieceStart + lineEnd) }
    pieceStart += piece.count
    piece = UnsafeRawBufferPointer(start: nil, count: 0)
    counted = 0
  }

  /// The place of a byte.
  mutating func place(of offset: Int) -> Place {
    if !before.isEmpty {
      let passed = before.prefix { $0 < offset }.count
      if passed > 0 {
        line += passed
        lineStart = before[passed - 1] + 1
        before.removeFirst(passed)
      }
    }
    while let lineEnd = nextLineEnd(before: offset - pieceStart) {
      line += 1
      lineStart = pieceStart + lineEnd + 1
    }
    return Place(line: line, column: offset - lineStart + 1)
  }

  private mutating func nextLineEnd(before limit: Int) -> Int? {
    let limit = min(limit, piece.count)
    guard counted < limit, let start = piece.baseAddress else { return nil }
    guard let found = memchr(start + counted, 0x0A, limit - counted) else {
      counted = limit
      return nil
    }
    let lineEnd = UnsafeRawPointer(found) - start
    counted = lineEnd + 1
    return lineEnd
  }
}
