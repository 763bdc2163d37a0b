import D2Common

/// Parses rows of CSV (RFC 4180) or TSV, as spreadsheets write them.
package struct DelimitedRows {
  package struct Fault: Error, CustomStringConvertible {
    package let description: String
  }

  private let bytes: [UInt8]
  private let separator: UInt8
  private var at = 0
  /// The first line of the last row, from 1.
  package private(set) var line = 0
  private var nextLine = 1

  package init(_ bytes: [UInt8], separator: UInt8) {
    self.bytes = bytes
    self.separator = separator
  }

  /// The next row; `nil` after the last.
  package mutating func next() throws(Fault) -> [String]? {
    guard at < bytes.count else { return nil }
    line = nextLine
    var row: [String] = []
    while true {
      row.append(try cell())
      guard at < bytes.count else { return row }
      let end = bytes[at]
      at += 1
      if end == separator { continue }
      nextLine += 1
      return row
    }
  }

  /// Reads a cell, up to a separator or the end of the line, which it leaves.
  private mutating func cell() throws(Fault) -> String {
    guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") else {
      let start = at
      while at < bytes.count, bytes[at] != separator, bytes[at] != 0x0A { at += 1 }
      var end = at
      if end > start, bytes[end - 1] == 0x0D, at == bytes.count || bytes[at] == 0x0A { end -= 1 }
      return String(decoding: bytes[start..<end], as: UTF8.self)
    }
    at += 1
    var text: [UInt8] = []
    while at < bytes.count {
      let byte = bytes[at]
      at += 1
      if byte == 0x0A { nextLine += 1 }
      guard byte == UInt8(ascii: "\"") else {
        text.append(byte)
        continue
      }
      if at < bytes.count, bytes[at] == UInt8(ascii: "\"") {
        text.append(byte)
        at += 1
        continue
      }
      if at < bytes.count, bytes[at] == 0x0D { at += 1 }
      guard at == bytes.count || bytes[at] == separator || bytes[at] == 0x0A else {
        throw Fault(description: "something stands behind a closing quote")
      }
      return String(decoding: text, as: UTF8.self)
    }
    throw Fault(description: "a quote is not closed")
  }
}
