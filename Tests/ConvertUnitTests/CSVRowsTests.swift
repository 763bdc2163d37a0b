import D2Common
import TestSupport
import Testing

@testable import D2Convert

/// Hands out bytes in pieces of random sizes.
final class PiecewiseSource: ByteSource {
  let name = "test"
  private var rest: ArraySlice<UInt8>
  private var random: SeededGenerator

  init(_ bytes: [UInt8], seed: UInt64) {
    rest = bytes[...]
    random = SeededGenerator(seed: seed)
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
    let count = min(rest.count, buffer.count, Int.random(in: 1...9, using: &random))
    buffer.copyBytes(from: rest.prefix(count))
    rest = rest.dropFirst(count)
    return count
  }
}

@Suite("Rows of CSV")
struct CSVRowsTests {
  /// Rows as a plain machine reads them, a byte at a time; `nil` if they are malformed.
  private static func plainRows(_ bytes: [UInt8], _ separator: UInt8) -> [[[UInt8]]]? {
    enum Place { case start, plain, quoted, behind }
    var (rows, row, cell, place) = ([[[UInt8]]](), [[UInt8]](), [UInt8](), Place.start)
    var isLineBegun = false
    func endCell() {
      row.append(cell)
      cell = []
      place = .start
    }
    var at = 0
    while at < bytes.count {
      let byte = bytes[at]
      let next = at + 1 < bytes.count ? bytes[at + 1] : nil
      at += 1
      isLineBegun = true
      switch (place, byte) {
      case (.quoted, UInt8(ascii: "\"")):
        if next == byte {
          cell.append(byte)
          at += 1
        } else {
          place = .behind
        }
      case (.quoted, _): cell.append(byte)
      case (.start, UInt8(ascii: "\"")): place = .quoted
      case (_, separator): endCell()
      case (_, 0x0A):
        endCell()
        rows.append(row)
        row = []
        isLineBegun = false
      case (_, 0x0D) where next == 0x0A || next == nil: break
      case (.behind, _), (_, 0x0D), (_, 0), (_, UInt8(ascii: "\"")): return nil
      default:
        cell.append(byte)
        place = .plain
      }
    }
    if place == .quoted { return nil }
    if isLineBegun {
      endCell()
      rows.append(row)
    }
    return rows
  }

  private static func rows(_ bytes: [UInt8], _ separator: UInt8, seed: UInt64) -> [[[UInt8]]]? {
    let window = TextWindow(PiecewiseSource(bytes, seed: seed))
    let rows = CSVRows(window, separator: separator)
    var all: [[[UInt8]]] = []
    do {
      while try rows.next() {
        all.append((0..<rows.count).map { Array(rows.bytes($0)) })
        rows.advance()
      }
    } catch { return nil }
    return all
  }

  @Test("are what a plain machine reads, wherever the input is cut", arguments: 0..<400)
  func property(seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    let alphabet = Array("ab,,\"\"\n\n\r 1".utf8)
    for length in 0..<40 {
      let bytes = (0..<length).map { _ in alphabet.randomElement(using: &random)! }
      let expected = Self.plainRows(bytes, UInt8(ascii: ","))
      let found = Self.rows(bytes, UInt8(ascii: ","), seed: random.next())
      #expect(found == expected, "\(String(decoding: bytes, as: UTF8.self).debugDescription)")
    }
  }

  @Test("a row that outgrows the window is still one row")
  func long() throws {
    let cell = [UInt8](repeating: UInt8(ascii: "x"), count: 3 << 20)
    let bytes = Array("a,\"".utf8) + cell + Array("\"\nb,c\n".utf8)
    let window = TextWindow(BytesSource(bytes))
    let rows = CSVRows(window, separator: UInt8(ascii: ","))
    try #require(try rows.next())
    #expect(rows.bytes(1).count == cell.count)
    rows.advance()
    try #require(try rows.next())
    #expect(rows.text(1) == "c")
    #expect(window.place() == Place(line: 2, column: 1))
  }
}
