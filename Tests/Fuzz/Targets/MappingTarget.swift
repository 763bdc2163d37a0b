import D2Common
import D2Mapping

extension FuzzTarget {
  /// Rows that are written with quotes are read unchanged, with any separator. A table finds all its entries, and reads
  /// CSV and JSON with the same result.
  static let mapping = FuzzTarget(name: "mapping") { input in
    for separator in [0x2C, 0x3B, 0x09] as [UInt8] { checkRows(input, separator) }
    guard let table = try? MappingTable(input, "input") else { return }
    let found = table.mappedKinds
    mustHold(found.isEmpty == (table.count == 0), "\(table.count) entries are in \(found.count) tables")
    let text = input.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(input.dropFirst(3)) : input
    guard let document = try? JSONValue(parsing: text) else { return }
    var count = 0
    var rows: [[String]] = [["kind", "from", "to"]]
    for kind in document.members ?? [] {
      for entry in kind.value.members ?? [] {
        let target = entry.value.scalarText ?? ""
        rows.append([kind.key, entry.key, target])
        guard target != MappingTable.undecidedTarget else { continue }
        count += 1
        let key = MappingTable.escaped(entry.key)
        let expected: MappingTable.Target = target.isEmpty ? .drop : .id(MappingTable.escaped(target))
        let holds = found.contains { _, table in key.withUnsafeBytes { table[$0] } == expected }
        mustHold(holds, "\(entry.key) is in the table")
      }
    }
    mustHold(count == table.count, "\(table.count) entries, not \(count)")
    let again = try MappingTable(written(rows, separator: 0x2C), "rows")
    mustHold((again.count, again.undecided) == (table.count, table.undecided), "the table is the same from CSV")
  }

  private static func checkRows(_ input: [UInt8], _ separator: UInt8) {
    guard let rows = rows(input, separator) else { return }
    mustHold(rows.isEmpty == input.isEmpty, "there is a row where there are bytes")
    mustHold(self.rows(written(rows, separator: separator), separator) == rows, "\(rows) are read as they were written")
  }

  private static func rows(_ bytes: [UInt8], _ separator: UInt8) -> [[String]]? {
    var reader = DelimitedRows(bytes, separator: separator)
    var rows: [[String]] = []
    var line = 0
    do throws(DelimitedRows.Fault) {
      while let row = try reader.next() {
        mustHold(reader.line > line && !row.isEmpty, "row \(row) on line \(reader.line) behind \(line)")
        line = reader.line
        rows.append(row)
      }
    } catch { return nil }
    mustHold(line <= bytes.count { $0 == 0x0A } + 1, "no more lines than line ends")
    return rows
  }

  /// Rows in the form of RFC 4180, with each cell in quotes.
  private static func written(_ rows: [[String]], separator: UInt8) -> [UInt8] {
    var out: [UInt8] = []
    for row in rows {
      for (place, cell) in row.enumerated() {
        if place > 0 { out.append(separator) }
        out.append(0x22)
        for byte in cell.utf8 { out += byte == 0x22 ? [0x22, 0x22] : [byte] }
        out.append(0x22)
      }
      out += [0x0D, 0x0A]
    }
    return out
  }
}
