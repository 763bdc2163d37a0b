import D2Common
import TestSupport
import Testing

@testable import D2Convert

/// The cells that DHIS2's importers make of what this writer writes. Both readers are written here as theirs work:
/// javacsv, which versions up to 2.42 use, and the one that 2.43 has instead.
@Suite("CSV for DHIS2's import")
struct CSVValueWriterTests {
  private static func row(_ cells: [String]) -> [UInt8] {
    var out = ByteArray()
    for (place, cell) in cells.enumerated() {
      if place > 0 { out.append(UInt8(ascii: ",")) }
      var cell = cell
      cell.withUTF8 { _ = CSVValueWriter.append(UnsafeRawBufferPointer($0), to: &out, isFirst: place == 0) }
    }
    out.append(0x0A)
    return Array(out.bytes)
  }

  /// javacsv with its defaults: white space around a cell without quotes is left out, a quote is written twice, an
  /// empty line is left out.
  private static func javacsv(_ bytes: [UInt8]) -> [[String]] {
    var (rows, row, cell) = ([[String]](), [String](), [UInt8]())
    var (isQuoted, wasQuoted) = (false, false)
    func endCell() {
      let text = String(decoding: cell, as: UTF8.self)
      row.append(wasQuoted ? text : text.trimmed)
      (cell, wasQuoted) = ([], false)
    }
    var at = 0
    while at < bytes.count {
      let byte = bytes[at]
      at += 1
      if isQuoted {
        if byte != UInt8(ascii: "\"") {
          cell.append(byte)
        } else if at < bytes.count, bytes[at] == byte {
          cell.append(byte)
          at += 1
        } else {
          isQuoted = false
        }
        continue
      }
      switch byte {
      case UInt8(ascii: "\"") where cell.isEmpty && !wasQuoted: (isQuoted, wasQuoted) = (true, true)
      case UInt8(ascii: ","): endCell()
      case 0x0A:
        if !(row.isEmpty && cell.isEmpty && !wasQuoted) {
          endCell()
          rows.append(row)
        }
        row = []
      default: cell.append(byte)
      }
    }
    return rows
  }

  /// The reader of 2.43: lines, whose cells in quotes end at the next quote.
  private static func reader43(_ bytes: [UInt8]) -> [[String]] {
    bytes.split(separator: 0x0A).map { line in
      let text = Array(line)
      var (cells, at) = ([String](), 0)
      func skipSpace() { while at < text.count, text[at] == 0x20 || text[at] == 0x09 { at += 1 } }
      func next(_ byte: UInt8, _ from: Int) -> Int { text[from...].firstIndex(of: byte) ?? text.count }
      skipSpace()
      while at < text.count {
        if text[at] == UInt8(ascii: ",") {
          cells.append("")
          at += 1
        } else if text[at] == UInt8(ascii: "\"") {
          let end = next(UInt8(ascii: "\""), at + 1)
          cells.append(String(decoding: text[at + 1..<end], as: UTF8.self))
          at = end + 1 < text.count ? next(UInt8(ascii: ","), end + 1) + 1 : text.count
        } else {
          let end = next(UInt8(ascii: ","), at)
          cells.append(String(decoding: text[at..<end], as: UTF8.self))
          at = end + 1
        }
        skipSpace()
      }
      return cells
    }
  }

  @Test(
    "cells are what both versions' readers make of them, but for quotes and line breaks in 2.43", arguments: 0..<200)
  func property(seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    let alphabet = Array("ab,\" \n\t#é")
    for _ in 0..<50 {
      // The last cell is a flag, as in DHIS2's columns.
      let cells =
        (0..<4).map { _ in
          String((0..<Int.random(in: 0...5, using: &random)).map { _ in alphabet.randomElement(using: &random)! })
        } + ["false"]
      let bytes = Self.row(cells)
      #expect(Self.javacsv(bytes) == [cells], "\(String(decoding: bytes, as: UTF8.self).debugDescription)")
      if !cells.contains(where: { $0.contains("\"") || $0.contains("\n") }) {
        #expect(Self.reader43(bytes) == [cells], "\(String(decoding: bytes, as: UTF8.self).debugDescription)")
      }
    }
  }
}
