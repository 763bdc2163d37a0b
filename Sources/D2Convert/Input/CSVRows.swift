import D2Common
import Glibc

/// Splits a window into rows of cells. It removes quotes in place, in the window's memory.
final class CSVRows {
  /// A cell, by its offset from the window's `begin`.
  struct Extent {
    var start: Int
    var end: Int
    var isQuoted: Bool
    /// Whether it contains doubled quotes.
    var hasQuotes: Bool
  }

  private let window: TextWindow
  let separator: UInt8
  /// The cells of the current row.
  private var extents: UnsafeMutableBufferPointer<Extent>
  private(set) var count = 0
  /// The length of the row in bytes, with its line end.
  private(set) var length = 0
  /// The bitwise OR of all bytes of the row.
  private var mask: UInt8 = 0

  init(_ window: TextWindow, separator: UInt8) {
    self.window = window
    self.separator = separator
    extents = .allocate(capacity: 64)
  }

  /// The rows of a sheet, after a line that declares the separator.
  ///
  /// - Throws: the errors of the source.
  convenience init(_ window: TextWindow, _ names: FieldNames, _ options: CSVOptions) throws {
    let found = try CSVHeader.separator(of: window, names)
    if found.isSaid { window.advancePastLine(try window.lineEnd() ?? window.count - 1) }
    self.init(window, separator: options.separator ?? found.separator)
  }

  deinit { extents.deallocate() }

  /// A cell of the row.
  @inline(__always)
  subscript(place: Int) -> Extent {
    assert(place < count, "cell \(place) of \(count)")
    return extents[place]
  }

  @inline(__always)
  private func append(_ extent: Extent) {
    if count == extents.count { grow() }
    extents[count] = extent
    count += 1
  }

  private func grow() {
    let wider = UnsafeMutableBufferPointer<Extent>.allocate(capacity: 2 * count)
    _ = wider.update(fromContentsOf: extents)
    extents.deallocate()
    extents = wider
  }

  /// Reads the row at the window's `begin`; false at the end of the text. The row is valid until `advance`.
  ///
  /// - Throws: `CommandFailure`, 65 for misplaced quotes, and for text that is not UTF-8.
  func next() throws -> Bool {
    while true {
      if window.count == 0, try !window.fill() { return false }
      // An incomplete row is scanned again after more of it was read, or when the text is known to end.
      if try scan() { break }
      _ = try window.fill()
    }
    if mask >= 0x80 { try checkEncoding() }
    return true
  }

  /// Moves past the row.
  func advance() { window.advance(by: length) }

  /// Finds the cells; false if the window does not contain the whole row.
  private func scan() throws -> Bool {
    count = 0
    mask = 0
    let text = UnsafePointer(window.base + window.begin)
    let end = window.count
    var at = 0
    while true {
      if at < end, text[at] == UInt8(ascii: "\"") {
        guard let behind = try quoted(text, at, end) else { return false }
        at = behind
      } else {
        let start = at
        while at < end {
          let byte = text[at]
          if byte == separator || byte == 0x0A { break }
          mask |= byte
          if byte <= UInt8(ascii: "\"") { try checkUnquoted(byte, at) }
          at += 1
        }
        var cellEnd = at
        if cellEnd > start, text[cellEnd - 1] == 0x0D, at == end || text[at] == 0x0A { cellEnd -= 1 }
        append(Extent(start: start, end: cellEnd, isQuoted: false, hasQuotes: false))
      }
      guard at < end else {
        length = end
        return window.isAtEnd
      }
      at += 1
      if text[at - 1] == 0x0A {
        length = at
        return true
      }
    }
  }

  /// Checks that a byte that may need quotes is allowed in a cell without quotes.
  @inline(__always)
  private func checkUnquoted(_ byte: UInt8, _ at: Int) throws {
    if byte == UInt8(ascii: "\"") {
      throw window.malformed("there is a quote inside a cell that does not begin with one", at: at)
    }
    if byte == 0 { throw window.malformed("byte 0x0: this is not a text", at: at) }
    if byte == 0x0D, at + 1 < window.count, window[at + 1] != 0x0A {
      throw window.malformed(
        "a carriage return without a line feed: turn them into line ends first (tr '\\r' '\\n')", at: at)
    }
  }

  /// Scans a quoted cell and returns its end; `nil` if the window does not contain the end.
  private func quoted(_ text: UnsafePointer<UInt8>, _ open: Int, _ end: Int) throws -> Int? {
    var at = open + 1
    var hasQuotes = false
    while at < end {
      let byte = text[at]
      guard byte == UInt8(ascii: "\"") else {
        mask |= byte
        at += 1
        continue
      }
      // The byte after the quote decides whether the quote ends the cell.
      if at + 1 == end, !window.isAtEnd { return nil }
      if at + 1 < end, text[at + 1] == UInt8(ascii: "\"") {
        hasQuotes = true
        at += 2
        continue
      }
      append(Extent(start: open + 1, end: at, isQuoted: true, hasQuotes: hasQuotes))
      var behind = at + 1
      if behind < end, text[behind] == 0x0D {
        if behind + 1 == end, !window.isAtEnd { return nil }
        behind += 1
      }
      guard behind == end || text[behind] == separator && text[behind - 1] != 0x0D || text[behind] == 0x0A else {
        throw window.malformed("there is something after a closing quote: \(window.shown(at: at + 1))", at: at + 1)
      }
      return behind
    }
    guard window.isAtEnd else { return nil }
    throw window.malformed("a quote is not closed", at: open)
  }

  /// The bytes of a cell. Doubled quotes become single ones in place, so read each cell only once.
  @inline(__always)
  func bytes(_ place: Int) -> UnsafeRawBufferPointer {
    if extents[place].hasQuotes { unquote(place) }
    let cell = self[place]
    return UnsafeRawBufferPointer(start: window.base + window.begin + cell.start, count: cell.end - cell.start)
  }

  @inline(never)
  private func unquote(_ place: Int) {
    let text = window.base + window.begin
    var to = extents[place].start
    var from = to
    while from < extents[place].end {
      text[to] = text[from]
      from += text[from] == UInt8(ascii: "\"") ? 2 : 1
      to += 1
    }
    extents[place].end = to
    extents[place].hasQuotes = false
  }

  /// The text of a cell, for headers and messages.
  func text(_ place: Int) -> String { String(decoding: bytes(place), as: UTF8.self) }

  /// Whether a cell of the row is empty.
  func isEmpty(_ place: Int) -> Bool { self[place].start == self[place].end }

  /// Whether all cells are empty. Spreadsheets leave such rows after the last one.
  var isBlank: Bool { (0..<count).allSatisfy(isEmpty) }

  /// The place of a cell of the row; the place of the row if there is no such cell.
  func place(_ cell: Int) -> Place {
    guard (0..<count).contains(cell) else { return window.place() }
    return window.place(self[cell].start - (self[cell].isQuoted ? 1 : 0))
  }

  /// Malformed input, in a cell of the row.
  func malformed(_ cell: Int, _ problem: String) -> CommandFailure {
    .malformed(window.name, place(cell), problem)
  }

  private func checkEncoding() throws {
    let row = UnsafeRawBufferPointer(start: window.base + window.begin, count: length)
    if window.place() != Place(line: 1, column: 1), row.starts(with: [0xEF, 0xBB, 0xBF]) {
      throw window.malformed("a byte order mark: another file begins here; give the files one by one")
    }
    guard let place = TextCheck.firstFaultOfUTF8(in: row) else { return }
    throw window.malformed(
      "byte 0x\(String(row[place], radix: 16)) is not UTF-8: if Excel saved this file, say --encoding windows-1252",
      at: place)
  }
}
