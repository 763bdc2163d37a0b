import TestSupport
import Testing

@testable import D2Mapping

@Suite("DelimitedRows")
struct DelimitedRowsTests {
  private func rows(_ text: String, separator: Character = ",") throws -> [[String]] {
    var reader = DelimitedRows(Array(text.utf8), separator: separator.asciiValue!)
    var rows: [[String]] = []
    while let row = try reader.next() { rows.append(row) }
    return rows
  }

  @Test("reads what spreadsheets write")
  func spreadsheets() throws {
    let read = try rows("a,b\r\n\"x, \"\"y\"\"\nz\",\r\n,1")
    #expect(read == [["a", "b"], ["x, \"y\"\nz", ""], ["", "1"]])
    #expect(try rows("a\tb c\t\n", separator: "\t") == [["a", "b c", ""]])
  }

  @Test("a quote that is not closed, or closed too early, is a fault", arguments: ["\"a", "\"a\"b,c"])
  func faults(text: String) { #expect(throws: DelimitedRows.Fault.self) { try rows(text) } }
}
